"""Markers lead from page to page, and nowhere else."""

from typing import Any

import pytest
from tests.unit.services.kms.kernel import call_of

from strongroom.services.kms import errors
from strongroom.services.kms.paging import Page

NAMES = [f"name{number}" for number in range(5)]


def page(name: str = "ListKeys", of: str = "", account: str = "111122223333", **params: Any) -> Page:
    return Page(call_of(name, params, account=account), usual=2, of=of)


def test_markers_lead_through_a_whole_list() -> None:
    seen: list[str] = []
    wanted = page()
    while True:
        found = [name for name in NAMES if name > wanted.after][: wanted.limit + 1]
        seen += found[: wanted.limit]
        rest = wanted.rest(found)
        if not rest["Truncated"]:
            break
        wanted = page(Marker=rest["NextMarker"])
    assert NAMES == seen
    assert "NextMarker" not in rest


def test_a_limit_replaces_the_usual_one() -> None:
    assert (2, 5) == (page().limit, page(Limit=5).limit)


@pytest.mark.parametrize("elsewhere", [{"name": "ListAliases"}, {"of": "arn:k"}, {"account": "444455556666"}], ids=str)
def test_a_marker_is_good_for_its_own_list_only(elsewhere: dict[str, str]) -> None:
    marker = page().rest(NAMES[:3])["NextMarker"]
    assert "name1" == page(Marker=marker).after
    with pytest.raises(errors.InvalidMarkerException):
        page(**elsewhere, Marker=marker)


@pytest.mark.parametrize("marker", ["x", "AAAA", "name1", "\u00ff", "====", "A" * 1024])
def test_a_marker_made_up_is_refused(marker: str) -> None:
    with pytest.raises(errors.InvalidMarkerException):
        page(Marker=marker)
