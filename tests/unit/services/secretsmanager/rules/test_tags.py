"""Tags: what may be set, and what they are afterwards."""

from __future__ import annotations

import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.tags import TAGS_MAX, check_keys, check_tags, tagged, untagged


def tags(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def test_a_known_key_keeps_its_place_and_gets_the_new_value() -> None:
    assert tags(("a", "3"), ("b", "2"), ("c", "1")) == tagged(
        tags(("a", "1"), ("b", "2")), tags(("a", "3"), ("c", "1"))
    )


def test_tag_keys_are_case_sensitive() -> None:
    assert 2 == len(tagged(tags(("a", "1")), tags(("A", "2"))))


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert tags(("a", "1")) == untagged(tags(("a", "1")), check_keys(["b"]))


@pytest.mark.parametrize(
    "given", [[{"Value": "x"}], [{"Key": "aws:x"}], [{"Key": "AWS:x"}], tags(("a", "1"), ("a", "2"))]
)
def test_tags_without_key_reserved_or_twice_are_refused(given: list[dict[str, str]]) -> None:
    with pytest.raises(errors.InvalidParameterException):
        check_tags(given)


def test_reserved_keys_cannot_be_removed() -> None:
    with pytest.raises(errors.InvalidParameterException):
        check_keys(["aws:secretsmanager:owningService"])


def test_fifty_tags_fit_and_one_more_does_not() -> None:
    full = check_tags(tags(*((f"k{number}", "") for number in range(TAGS_MAX))))
    assert TAGS_MAX == len(full)
    with pytest.raises(errors.InvalidParameterException):
        tagged(full, tags(("one more", "")))


def test_a_tag_without_a_value_has_the_empty_one() -> None:
    assert tags(("a", "")) == check_tags([{"Key": "a"}])
