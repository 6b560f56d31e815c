"""Reads on PostgreSQL that come together: one look at the database for all, nothing stale, nothing unrecorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from tests import postgres
from tests.journals import entries
from tests.processes.test_canaries import without_password
from tests.wire.test_overload import HOME, ROOT_KEY, Desk, Party

from strongroom.base.http import HTTPReply
from strongroom.kernel.storage.postgres import PostgresReading
from strongroom.kernel.storage.postgres_memory import PostgresRemembering
from strongroom.server.admission import Standing

NAMES = [f"s{number}" for number in range(8)]
GET = "secretsmanager.GetSecretValue"


class Asked:
    """What was asked of the database: looks, statements of their thread, transactions of all others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count: Counter[str] = Counter()
        self._watch(monkeypatch, PostgresRemembering, "look")
        self._watch(monkeypatch, PostgresRemembering, "study")
        self._watch(monkeypatch, PostgresReading, "__enter__")

    def _watch(self, monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
        whole = getattr(kind, name)

        def counted(one: Any) -> Any:
            self.count[name] += 1
            return whole(one)

        monkeypatch.setattr(kind, name, counted)


@pytest.fixture
def database(databases: postgres.Server) -> str:
    return databases.database()


@pytest.fixture
def desk(tmp_path: Path, database: str) -> Iterator[Desk]:
    address, _ = without_password(database, tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    made = Desk(tmp_path / "data", store=address)
    yield made
    made.worker.close()


async def ask(desk: Desk, party: Party, *bodies: dict[str, Any], target: str = GET) -> list[dict[str, Any]]:
    """The answers to calls that come in one turn of the loop."""
    waiting = []
    for body in bodies:
        request = party.request(target, orjson.dumps(body))
        answer = desk.worker._application.at_once(request, HOME, None, Standing())
        assert not isinstance(answer, HTTPReply) and asyncio.iscoroutine(answer)
        waiting.append(asyncio.ensure_future(answer))
    return [orjson.loads(reply.body) for reply in await asyncio.wait_for(asyncio.gather(*waiting), 60)]


async def filled(desk: Desk, party: Party) -> None:
    made = [{"Name": name, "SecretString": f"of {name}", "ClientRequestToken": f"{name:0>32}"} for name in NAMES]
    await ask(desk, party, *made, target="secretsmanager.CreateSecret")
    await read(desk, party)  # the day's first reads are writes


async def read(desk: Desk, party: Party) -> list[str]:
    return [one["SecretString"] for one in await ask(desk, party, *[{"SecretId": name} for name in NAMES])]


def test_reads_that_come_together_cost_one_look_and_are_recorded_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    party, _ = desk.parties
    asked = Asked(monkeypatch)
    told: list[Counter[str]] = []

    async def calls() -> None:
        await filled(desk, party)
        for _ in range(3):
            asked.count.clear()
            assert [f"of {name}" for name in NAMES] == await read(desk, party)
            told.append(Counter(asked.count))

    desk.run(calls)
    # The first of them show how the others are alike, and of those less is read.
    assert {"look": 1, "study": 2} == told[0], "what nobody knows is fetched together"
    assert [{"look": 1}] * 2 == told[1:], "and then nothing more is asked"
    granted = [entry.name for entry in entries(desk.data) if entry.name in {"GetSecretValue", "Decrypt"}]
    assert {"GetSecretValue": 4 * len(NAMES), "Decrypt": 4 * len(NAMES)} == Counter(granted)


def test_what_another_worker_has_acknowledged_is_read_at_once(desk: Desk) -> None:
    party, _ = desk.parties
    other = desk.product.open_worker(ROOT_KEY, 1)

    async def put(value: str) -> None:
        body = orjson.dumps({"SecretId": "s3", "SecretString": value, "ClientRequestToken": f"{value:0>32}"})
        answer = other._application.at_once(
            party.request("secretsmanager.PutSecretValue", body), HOME, None, Standing()
        )
        assert asyncio.iscoroutine(answer)
        assert 200 == (await asyncio.wait_for(answer, 60)).status

    async def calls() -> None:
        await filled(desk, party)
        for number in range(40):
            await put(f"value {number}")
            found = await read(desk, party)
            assert f"value {number}" == found[3]
            assert found[:3] == ["of s0", "of s1", "of s2"]

    try:
        desk.run(calls)
    finally:
        other.close()


def test_refusals_are_worked_out_in_rounds_as_well_and_never_remembered(desk: Desk) -> None:
    party, _ = desk.parties

    async def calls() -> None:
        await filled(desk, party)
        for _ in range(2):
            asked = {"SecretId": "s1"}, {"SecretId": "none"}, {"SecretId": "s2", "VersionId": "x"}
            found = await ask(desk, party, *asked)
            assert "of s1" == found[0]["SecretString"]
            assert ["ResourceNotFoundException", "ValidationException"] == [one["__type"] for one in found[1:]]
        made = {"Name": "none", "SecretString": "now there", "ClientRequestToken": "n" * 32}
        await ask(desk, party, made, target="secretsmanager.CreateSecret")
        assert "now there" == (await ask(desk, party, {"SecretId": "none"}))[0]["SecretString"]

    desk.run(calls)


def test_a_lost_connection_costs_no_answer(desk: Desk, database: str) -> None:
    party, _ = desk.parties

    async def calls() -> None:
        await filled(desk, party)
        for _ in range(3):
            with psycopg.connect(database, autocommit=True) as operator:
                operator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'strongroom' AND datname = current_database()"
                )
            assert [f"of {name}" for name in NAMES] == await read(desk, party)

    desk.run(calls)


def test_more_than_a_round_takes_are_answered_in_several(desk: Desk) -> None:
    party, _ = desk.parties

    async def calls() -> None:
        await filled(desk, party)
        found = await ask(desk, party, *[{"SecretId": NAMES[number % 8]} for number in range(300)])
        assert [f"of {NAMES[number % 8]}" for number in range(300)] == [one["SecretString"] for one in found]

    desk.run(calls)


def test_a_round_that_cannot_be_recorded_is_refused_and_the_next_one_is_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    party, _ = desk.parties

    async def calls() -> None:
        await filled(desk, party)
        with monkeypatch.context() as broken:
            broken.setattr(desk.engine.recorder.journal, "append", lambda _: 1 / 0)
            found = await ask(desk, party, *[{"SecretId": name} for name in NAMES])
            assert {"InternalFailure"} == {one["__type"] for one in found}
            assert not any("SecretString" in one for one in found)
        assert [f"of {name}" for name in NAMES] == await read(desk, party)

    desk.run(calls)
