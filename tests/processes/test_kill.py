"""``kill -9`` of anything, at any moment of many concurrent writes: nothing acknowledged is lost.

The seed is printed; ``KILL_SEED=N`` repeats a run's choices, though not the machine's timing.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select, text

from strongroom.kernel.journal.verify import verify
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.schema import commit, feed_event
from strongroom.services.secretsmanager.store import tables
from tests import postgres
from tests.deployment import Deployment, NotReady, wait_gone
from tests.journals import Entry, not_committed, successes
from tests.processes.doors import Workers, read_keys
from tests.processes.storm import PERHAPS, YES, Storm, Written, value_of
from tests.processes.test_canaries import without_password

CHILDREN = ("worker 0", "worker 1", "runner")
VICTIMS = (*CHILDREN, "workers", "supervisor", "all")
Victims = Mapping[str, Callable[[random.Random], None]]


def seed_of_this_run() -> int:
    """From the environment, else a new one; printed, so that a failure can be repeated."""
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KILL_SEED={seed}")
    return seed


def kill(server: Deployment, victim: str) -> None:
    """SIGKILL; a server that was killed as a whole is started again, with nothing done in between."""
    # A child that was killed before may not be there again yet.
    children = {name: pid for name, pid in server.children().items() if pid is not None}
    if victim in ("supervisor", "all"):
        server.url = ""  # its port may be anybody's from now on
        if victim == "all":
            for pid in children.values():
                os.kill(pid, signal.SIGKILL)
        server.kill()
        server.start()
        return
    for name in CHILDREN[:2] if victim == "workers" else (victim,):
        if name in children:
            os.kill(children[name], signal.SIGKILL)


def live_through(
    server: Deployment,
    seed: int,
    *,
    target: int,
    rounds: int,
    more: Victims | None = None,
    puts: int | None = None,
) -> Storm:
    """Write, and kill each victim ``rounds`` times, in an order and at moments that the seed gives."""
    dice = random.Random(seed)
    keys = read_keys(server.data / "credentials")
    more = more or {}
    victims = [*VICTIMS, *more] * rounds
    dice.shuffle(victims)
    victims.append("all")
    storm = Storm(server, keys, seed=seed, target=target, threads=16 if puts is None else 32, puts=puts)
    storm.start()
    for number, victim in enumerate(victims, 1):
        storm.wait_for(target * number // (len(victims) + 1))
        time.sleep(dice.uniform(0, 0.05))
        if victim in more:
            more[victim](dice)
        else:
            kill(server, victim)
    storm.join()
    assert [] == storm.wrong
    assert storm.acknowledged >= target, f"no write was acknowledged any more after {storm.acknowledged}"
    print(f"{storm.acknowledged} acknowledged, {storm.in_doubt} in doubt, {len(victims)} kills")
    # Once more as a whole, and the start that settles what is open.
    kill(server, "all")
    return storm


# ---------------------------------------------------------------------- what must hold afterwards


def check(server: Deployment, storm: Storm, store_url: str) -> None:
    """Everything that the promise says."""
    stored = versions_in(store_url)
    deleted = deleted_in(store_url)
    for one in storm.written:
        check_one(one, stored.get(one.name), deleted)
    assert 0 == left_ids(store_url)
    told = successes(server.data)
    check_agreement(told, stored, deleted)
    acknowledged = {token for one in storm.written for token in one.certain}
    assert acknowledged <= {str(entry.asked.get("clientRequestToken")) for entry in told}
    assert len(set(not_committed(server.data))) == len(not_committed(server.data)), "an outcome was told twice"
    findings = verify(server.data / "journal")
    assert findings.whole, findings.faults[:5]
    check_values(server, storm, stored)


def check_one(one: Written, versions: set[str] | None, deleted: set[str]) -> None:
    """One secret: what was acknowledged is there, what was never asked for is not."""
    if one.forced and one.deletion == YES:
        assert versions is None, f"{one.name} is back"
        return
    if one.forced and one.deletion == PERHAPS and versions is None:
        return
    assert one.certain <= (versions or set()) <= set(one.versions), f"{one.name}: {one} but {versions}"
    if not one.forced and one.deletion != PERHAPS:
        assert (one.deletion == YES) == (one.name in deleted), f"{one.name}: {one}"


def check_agreement(told: list[Entry], stored: Mapping[str, set[str]], deleted: set[str]) -> None:
    """The journal's successes and the store's content are the same set."""
    written = [
        (str(entry.asked.get("name") or entry.asked.get("secretId")), str(entry.asked["clientRequestToken"]))
        for entry in told
        if entry.name in ("CreateSecret", "PutSecretValue")
    ]
    assert len(written) == len(set(written))
    ends = [entry for entry in told if entry.name == "DeleteSecret"]
    gone = {str(entry.asked["secretId"]) for entry in ends if entry.asked.get("forceDeleteWithoutRecovery")}
    assert {pair for pair in written if pair[0] not in gone} == {
        (name, version) for name, versions in stored.items() for version in versions
    }
    assert {str(entry.asked["secretId"]) for entry in ends} - gone == deleted
    keys = [entry for entry in told if entry.name == "GenerateDataKey"]
    assert len(written) == len(keys), "a version's data key is recorded with it"


def check_values(server: Deployment, storm: Storm, stored: Mapping[str, set[str]]) -> None:
    """The current value of a sample, through both workers."""
    doors = Workers(server)
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    alive = [one for one in storm.written if one.name in stored and not one.deletion]
    for number, one in enumerate(alive[:: max(1, len(alive) // 60)]):
        got = clients[number % 2].get_secret_value(SecretId=one.name)
        last = list(one.versions)[-1]
        assert got["VersionId"] in {last} | (
            {list(one.versions)[-2]} if one.versions[last] == PERHAPS and len(one.versions) > 1 else set()
        )
        assert value_of(got["VersionId"]) == got["SecretString"]


def versions_in(store_url: str) -> dict[str, set[str]]:
    """The version ids of every secret, as the rows say."""
    store = open_store(store_url)
    found: dict[str, set[str]] = {}
    joined = select(tables.secret.c.name, tables.version.c.version_id).join_from(
        tables.secret, tables.version, tables.version.c.secret_pk == tables.secret.c.pk
    )
    with store.read() as tx:
        for name, version in tx.rows(joined):
            found.setdefault(name, set()).add(version)
    store.close()
    return found


def deleted_in(store_url: str) -> set[str]:
    """The secrets that wait for their end."""
    store = open_store(store_url)
    with store.read() as tx:
        rows = tx.rows(select(tables.secret.c.name).where(tables.secret.c.deleted_ms.is_not(None)))
    store.close()
    return {name for (name,) in rows}


def left_ids(store_url: str) -> int:
    """How many event ids the store still keeps."""
    store = open_store(store_url)
    with store.read() as tx:
        row = tx.row(select(func.count()).select_from(commit))
    store.close()
    assert row is not None
    return int(row[0])


def sound(path: Path) -> bool:
    """SQLite's own opinion of its file."""
    store = open_store(f"sqlite:{path}")
    with store.read() as tx:
        said = tx.rows(text("PRAGMA integrity_check")), tx.rows(text("PRAGMA foreign_key_check"))
    store.close()
    return said == ([("ok",)], [])


# ---------------------------------------------------------------------- on the embedded store


@pytest.mark.parametrize(
    ("target", "rounds"), [(800, 2), pytest.param(20_000, 12, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
)
def test_no_kill_loses_what_was_acknowledged(tmp_path: Path, target: int, rounds: int) -> None:
    seed = seed_of_this_run()
    server = Deployment(tmp_path / "data", "--workers", "2", "--tls", "off")
    with server:
        storm = live_through(server, seed, target=target, rounds=rounds)
        check(server, storm, f"sqlite:{tmp_path / 'data' / 'store.db'}")
        assert sound(tmp_path / "data" / "store.db")
    assert "Traceback" not in server.said()


def puts_of_largest_commit(store_url: str) -> int:
    """How many puts one commit held, by the moment that all events of a commit bear; two commits seldom share one."""
    store = open_store(store_url)
    with store.read() as tx:
        counted = (
            select(func.count())
            .where(feed_event.c.name == "PutSecretValue")
            .group_by(feed_event.c.at_ms)
            .order_by(func.count().desc())
        )
        row = tx.row(counted)
    store.close()
    return 0 if row is None else int(row[0])


@pytest.mark.parametrize(
    ("target", "rounds"), [(1500, 1), pytest.param(30_000, 10, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
)
def test_no_kill_loses_a_put_that_shared_its_commit(tmp_path: Path, target: int, rounds: int) -> None:
    seed = seed_of_this_run()
    server = Deployment(tmp_path / "data", "--workers", "2", "--tls", "off")
    with server:
        storm = live_through(server, seed, target=target, rounds=rounds, puts=60)
        check(server, storm, f"sqlite:{tmp_path / 'data' / 'store.db'}")
        assert puts_of_largest_commit(f"sqlite:{tmp_path / 'data' / 'store.db'}") > 4
        assert sound(tmp_path / "data" / "store.db")
    assert "Traceback" not in server.said()


# ---------------------------------------------------------------------- on PostgreSQL


@pytest.fixture
def database() -> Iterator[postgres.Server]:
    """A PostgreSQL of this test's own, for it is killed too."""
    server = postgres.started()
    yield server
    postgres.remove(server)


def kill_a_backend(database: postgres.Server, dice: random.Random) -> None:
    """SIGKILL one session's process: PostgreSQL ends all sessions and recovers."""
    with psycopg.connect(database.url(), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " ORDER BY pid"
        ).fetchall()
        os.kill(dice.choice(rows)[0], signal.SIGKILL)


@pytest.mark.parametrize(
    ("target", "rounds"), [(400, 1), pytest.param(6000, 8, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
)
def test_no_kill_loses_what_was_acknowledged_in_postgresql(
    tmp_path: Path, database: postgres.Server, target: int, rounds: int
) -> None:
    seed = seed_of_this_run()
    url = database.database("template0")
    store, _ = without_password(url, tmp_path)
    server = Deployment(tmp_path / "data", "--workers", "2", "--tls", "off", "--store", store)
    more: Victims = {
        "PostgreSQL": lambda dice: database.restart(signal.SIGQUIT),
        "a session of PostgreSQL": lambda dice: kill_a_backend(database, dice),
    }
    with server:
        children = list(server.children().values())
        storm = live_through(server, seed, target=target, rounds=rounds, more=more)
        wait_gone(children, timeout=30)
        check(server, storm, url)


def test_a_start_takes_up_whatever_a_killed_start_has_left(tmp_path: Path) -> None:
    """From the very first start on, without a pause: in the end one administrator and a whole journal."""
    server = Deployment(tmp_path / "data", "--workers", "1", "--tls", "off")
    dice = random.Random(seed_of_this_run())
    for _ in range(8):
        half_started(server, dice.uniform(0.2, 1.5))
    with server:
        iam = server.client("iam")
        assert ["admin"] == [user["UserName"] for user in iam.list_users()["Users"]]
        held = [key["AccessKeyId"] for key in iam.list_access_keys()["AccessKeyMetadata"]]
        assert [read_keys(server.data / "credentials")[0]] == held
        made = [entry for entry in successes(server.data) if entry.name == "CreateFirstAdministrator"]
        assert 1 == len(made)
    assert verify(server.data / "journal").whole


def half_started(server: Deployment, after: float) -> None:
    """Start, and kill before it may be ready."""
    timer = threading.Timer(after, server.kill)
    timer.start()
    with contextlib.suppress(NotReady):
        server.start()
    timer.join()
    server.kill()
