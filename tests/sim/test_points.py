"""Journal and commit agree, whatever happens at whichever point between handler and answer.

Each case runs the real product in a process of its own (``mortal.py``), lets one CreateSecret meet its fate there,
and then starts a product on what is left, as any start is. Source: DESIGN.md, "Journal and commit agree".
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import func, select

from strongroom.app import Product
from strongroom.kernel.journal.verify import verify
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.schema import commit
from strongroom.settings import Settings
from tests import forking, postgres
from tests.deployment import ROOT, clean_environment
from tests.exercise.proxy import Proxy
from tests.inprocess import ROOT_KEY, Account, InProcess
from tests.journals import Entry, entries, not_committed, successes
from tests.processes.test_canaries import without_password
from tests.sim.mortal import DOOMED

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Fate:
    """One case. ``heard``: the status of the answer, 0 for none. ``kept``: whether the secret is there in the end.

    ``recorded``: whether its record had reached the journal. ``told``: by when the journal says that it does not
    count: "at once", "at the next start", or never.
    """

    point: str
    heard: int
    kept: bool
    recorded: bool
    told: str = "never"
    engines: tuple[str, ...] = ENGINES


FATES = (
    Fate("before the handler", 0, kept=False, recorded=False),
    Fate("after the handler", 0, kept=False, recorded=False),
    Fate("before the append", 0, kept=False, recorded=False),
    Fate("after the append", 0, kept=False, recorded=True, told="at the next start"),
    Fate("after the sync", 0, kept=False, recorded=True, told="at the next start"),
    Fate("after COMMIT", 0, kept=True, recorded=True),
    Fate("before the answer", 0, kept=True, recorded=True),
    Fate("COMMIT is refused", 500, kept=False, recorded=True, told="at once"),
    Fate("COMMIT finds no room", 500, kept=False, recorded=True, told="at the next start", engines=("sqlite",)),
    Fate("COMMIT finds no session", 500, kept=False, recorded=True, told="at once", engines=("postgresql",)),
    Fate("the journal finds no room", 500, kept=False, recorded=False),
    Fate("the journal cannot be synced", 500, kept=False, recorded=True, told="at the next start"),
)


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Server]:
    """A PostgreSQL."""
    server = postgres.started()
    yield server
    postgres.remove(server)


@pytest.fixture
def store(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> str:
    """The store's address; empty for the embedded one."""
    if engine == "sqlite":
        return ""
    server: postgres.Server = request.getfixturevalue("database")
    return without_password(server.database(), tmp_path)[0]


class Mortal:
    """The product in a process of its own, with a fate."""

    def __init__(self, data: Path, store: str, point: str) -> None:
        self.data = data
        orders, self._orders = os.pipe()
        said, answers = os.pipe()
        with Path(os.devnull).open("w") as nothing, os.fdopen(orders), os.fdopen(answers, "w"):
            files = (orders, answers, nothing.fileno())
            words = [str(data), store, point]
            self._process = forking.start("tests.sim.mortal", words, env=clean_environment(), cwd=ROOT, files=files)
        self._said = os.fdopen(said)
        first = self._said.readline()
        assert first, "it did not start"
        self.account = Account(*json.loads(first))

    def make_room(self) -> None:
        """Lift the bound that a fate has set."""
        os.write(self._orders, b"make room\n")
        assert "done\n" == self._said.readline()

    def end(self) -> None:
        """kill -9, unless it has died as it was told to."""
        self._process.kill()
        self._process.wait(30)
        self._said.close()
        os.close(self._orders)


def create(account: Account) -> int:
    """Create the doomed secret; the status of the answer, 0 for none."""
    try:
        account.client("secretsmanager").create_secret(Name=DOOMED, SecretString="the doomed value")
    except ClientError as refused:
        return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
    except BotoCoreError:
        return 0
    return 200


def about(account: Account, entries_: list[Entry]) -> list[Entry]:
    """The records of the creation and of what was asked on its behalf that stand or fall with its COMMIT."""
    own = [entry for entry in entries_ if entry.name == "CreateSecret" and entry.asked.get("name") == DOOMED]
    made = [
        entry
        for entry in entries_
        if entry.name == "GenerateDataKey" and entry.writes and ":secret:doomed-" in json.dumps(entry.asked)
    ]
    mine = [entry for entry in own + made if entry.event["recipientAccountId"] == account.id]
    assert len(own) in (0, 1)
    assert len(own) == len(made)
    return mine


def kept_ids(data: Path, store: str) -> int:
    """How many event ids the store holds."""
    opened = open_store(store or f"sqlite:{data / 'store.db'}")
    with opened.read() as tx:
        row = tx.row(select(func.count()).select_from(commit))
    opened.close()
    assert row is not None
    return int(row[0])


def started(data: Path, store: str, account: Account) -> tuple[InProcess, Account]:
    """A normal start on what is there, and the same keys at its door."""
    served = InProcess(data, store=store)
    return served, Account(served.url, account.id, account.key_id, account.secret)


def check_what_is_left(data: Path, store: str, account: Account, *, kept: bool) -> None:
    """After a normal start: the store as it must be, and everything works."""
    served, again = started(data, store, account)
    try:
        assert 0 == kept_ids(data, store)
        client = again.client("secretsmanager")
        assert "kept" == client.get_secret_value(SecretId="before")["SecretString"]
        if kept:
            assert "the doomed value" == client.get_secret_value(SecretId=DOOMED)["SecretString"]
        else:
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                client.describe_secret(SecretId=DOOMED)
            assert 200 == create(again)
    finally:
        served.close()


# Up to COMMIT the engines do the same things; of what PostgreSQL shares with SQLite, `make test` tries the edges.
SHARED = {"before the handler", "after the handler", "before the append", "after the append", "before the answer"}
CASES = [
    pytest.param(
        engine,
        fate,
        id=f"{fate.point}-{engine}",
        marks=[pytest.mark.long] if engine == "postgresql" and fate.point in SHARED else [],
    )
    for fate in FATES
    for engine in fate.engines
]


@pytest.mark.parametrize(("engine", "fate"), CASES)
def test_journal_and_store_agree(tmp_path: Path, engine: str, store: str, fate: Fate) -> None:
    data = tmp_path / "data"
    mortal = Mortal(data, store, fate.point)
    account = mortal.account
    try:
        account.client("secretsmanager").create_secret(Name="before", SecretString="kept")
        assert fate.heard == create(account)
        written = about(account, entries(data))
        assert fate.recorded == bool(written)
        ids = {entry.id for entry in written}
        assert (ids if fate.told == "at once" else set()) == set(not_committed(data))
        if fate.heard:
            check_that_it_lives(mortal, fate)
    finally:
        mortal.end()

    Product(Settings(data=data, store=store, tls="off")).prepare(ROOT_KEY)  # what every start begins with
    undone = set() if fate.told == "never" else ids
    assert sorted(undone) == sorted(not_committed(data)), "each outcome is told once"
    shown = {entry.id for entry in successes(data)}
    assert (ids if fate.kept else set()) == ids & shown

    check_what_is_left(data, store, account, kept=fate.kept)
    assert sorted(undone) == sorted(not_committed(data)), "a second start has nothing more to tell"
    assert 1 == len([e for e in about_all(account, successes(data)) if e.name == "CreateSecret"])
    assert verify(data / "journal").whole


def about_all(account: Account, told: list[Entry]) -> list[Entry]:
    """The records of every creation of the doomed name."""
    return [
        entry for entry in told if entry.asked.get("name") == DOOMED and entry.event["recipientAccountId"] == account.id
    ]


def check_that_it_lives(mortal: Mortal, fate: Fate) -> None:
    """A process that was failed goes on, except that nothing is answered that cannot be recorded."""
    client = mortal.account.client("secretsmanager")
    if "journal" in fate.point or "room" in fate.point:
        if "the journal" in fate.point:
            refused(client)
        mortal.make_room()
    if fate.point == "the journal cannot be synced":
        refused(client)  # for ever: what the kernel has dropped, no later sync brings back
        return
    assert "kept" == client.get_secret_value(SecretId="before")["SecretString"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId=DOOMED)


def refused(client: Any) -> None:
    """Not even a read is answered."""
    with pytest.raises(ClientError) as error:
        client.get_secret_value(SecretId="before")
    assert 500 == error.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert "SecretString" not in error.value.response


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_commit_whose_answer_is_lost_is_looked_up_and_acknowledged(
    tmp_path: Path, engine: str, store: str, database: postgres.Server
) -> None:
    assert engine in store
    proxy = Proxy(database.directory)
    data = tmp_path / "data"
    mortal = Mortal(data, store.replace(str(database.directory), str(proxy.directory)), "never")
    try:
        client = mortal.account.client("secretsmanager")
        client.create_secret(Name="before", SecretString="kept")
        proxy.cut_next_commit()
        assert 200 == create(mortal.account)
        assert proxy.cut.is_set()
        assert "the doomed value" == client.get_secret_value(SecretId=DOOMED)["SecretString"]
    finally:
        mortal.end()
        proxy.close()
    check_what_is_left(data, store, mortal.account, kept=True)
    assert [] == not_committed(data)
    assert 1 == len(about_all(mortal.account, successes(data)))
    assert verify(data / "journal").whole


def test_the_table_of_event_ids_stays_small_while_a_server_runs(tmp_path: Path) -> None:
    served = InProcess(tmp_path / "data")
    try:
        client = served.account().client("secretsmanager")
        client.create_secret(Name="x", SecretString="0")
        begun = time.monotonic()
        most = 0
        for number in range(400):
            client.update_secret(SecretId="x", Description=str(number))
            client.tag_resource(SecretId="x", Tags=[{"Key": "n", "Value": str(number)}])
            most = max(most, kept_ids(tmp_path / "data", "")) if number % 50 == 49 else most
        assert 0 < most < 700, f"{most} after {time.monotonic() - begun:.0f} s"
    finally:
        served.close()
