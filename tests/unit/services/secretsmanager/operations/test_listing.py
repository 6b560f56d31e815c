"""Filtered pages: the same whether an index narrows the search or all secrets are walked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.stores import fresh_sqlite

from strongroom.base.clock import machine_clock
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Credential, Kernel, Source
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.operations import listing
from strongroom.services.secretsmanager.rules.filters import read_filters

ACCOUNT, REGION = "123456789012", "us-east-1"
COUNT = 60


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteStore]:
    """Sixty secrets in two teams; every third is scheduled for deletion."""
    made = fresh_sqlite(Path(tmp_path_factory.mktemp("store")) / "store.db")
    with made.write() as tx:
        for number in range(COUNT):
            values = {"account": ACCOUNT, "region": REGION, "name": f"team{number % 2}/app{number}"}
            values |= {"suffix": "aaaaaa", "description": f"number {number}"}
            moments = {
                "created_ms": number // 4,
                "changed_ms": -number,
                "deleted_ms": 9 if number % 3 == 2 else None,
            }
            one = store.secrets.add_secret(tx, values | moments)
            store.secrets.write_tags(tx, one.pk, [{"Key": f"k{number % 5}", "Value": str(number)}])
    yield made
    made.close()


def a_call() -> Call:
    """A call that asks for no token and so needs no kernel."""
    who = Principal(PrincipalKind.USER, arn="arn:aws:iam::123456789012:user/u", account=ACCOUNT)
    now = machine_clock()
    return Call(
        kernel=cast("Kernel", None),
        service="secretsmanager",
        name="ListSecrets",
        region=REGION,
        credential=Credential(who, access_key_id="", secret=""),
        params={},
        now=now,
        machine_now=now,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )


def walked(engine: SQLiteStore, filters: list[dict[str, Any]], **asked: Any) -> tuple[list[str], bool]:
    with engine.read() as tx:
        page, after = listing.walk(a_call(), tx, filters=read_filters(filters), **({"limit": 99} | asked))
    return [one.name for one in page], after is not None


@pytest.mark.parametrize("order", sorted(store.listing.ORDERS))
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "filters",
    [
        [{"Key": "name", "Values": ["team1/", "team0/app4"]}],
        [{"Key": "name", "Values": ["team0/app5", "team0/app2"]}],
        [{"Key": "tag-key", "Values": ["k2"]}, {"Key": "name", "Values": ["!team0"]}],
        [{"Key": "tag-value", "Values": ["1"]}, {"Key": "description", "Values": ["number"]}],
        [{"Key": "all", "Values": ["app"]}],
        [{"Key": "all", "Values": ["num 1", "TEAM 4"]}],
        [{"Key": "description", "Values": ["number 2"]}, {"Key": "all", "Values": ["!team 1"]}],
    ],
)
def test_few_candidates_give_the_page_that_a_walk_gives(
    engine: SQLiteStore,
    monkeypatch: pytest.MonkeyPatch,
    order: str,
    descending: bool,
    filters: list[dict[str, Any]],
) -> None:
    asked = {"order": order, "descending": descending, "limit": 7}
    narrowed = walked(engine, filters, **asked)
    monkeypatch.setattr(listing, "FEW", 0)
    monkeypatch.setattr(listing, "SECONDS_A_PAGE", 60.0)
    monkeypatch.setattr(listing, "CHUNK", 5)
    assert narrowed == walked(engine, filters, **asked)
    assert narrowed[0]


def test_a_page_stops_when_its_time_is_up_and_says_where_to_go_on(
    engine: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 0)
    monkeypatch.setattr(listing, "SECONDS_A_PAGE", -1.0)
    monkeypatch.setattr(listing, "CHUNK", 10)
    assert ([], True) == walked(engine, [{"Key": "all", "Values": ["59"]}], scheduled_too=True)


def test_scheduled_secrets_are_left_out_on_both_ways(engine: SQLiteStore) -> None:
    for filters in ([{"Key": "name", "Values": ["team"]}], [{"Key": "name", "Values": ["!none"]}]):
        assert COUNT * 2 // 3 == len(walked(engine, filters)[0])
        assert COUNT == len(walked(engine, filters, scheduled_too=True)[0])


def test_exactly_a_page_has_no_more(engine: SQLiteStore) -> None:
    one = [{"Key": "name", "Values": ["team0/app6"]}]
    assert (["team0/app6", "team0/app60"][:1], False) == walked(engine, one, limit=1)


@pytest.mark.parametrize("wanted", ["nowhere", "+", "59 nowhere", "umber"])
def test_what_nothing_fits_is_known_without_looking_at_any_secret(
    engine: SQLiteStore, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(store.listing, "looked_page", lambda *_, **__: pytest.fail("secrets were walked"))
    assert ([], False) == walked(engine, [{"Key": "all", "Values": [wanted]}])
