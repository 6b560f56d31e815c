"""PostgreSQL going away: at rest, inside a call, at COMMIT. Nothing runs twice, and nobody is told a lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from strongroom.kernel.storage.errors import CommitUnknown, StoreBusy, StoreUnavailable
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.postgres import PostgresStore
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from tests import postgres
from tests.exercise.ledgers import Answer, Notes, adds, one_batch
from tests.exercise.proxy import Proxy
from tests.exercise.things import ADD, add, cached_number, make_things, number


@pytest.fixture
def url(server: postgres.Server) -> Iterator[str]:
    """A migrated database."""
    made = server.database()
    yield made
    server.drop(made)


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store with ``x`` = 0."""
    made = PostgresStore(url, readers=2)
    make_things(made, x=0)
    yield made
    made.close()


@pytest.fixture
def proxy(server: postgres.Server) -> Iterator[Proxy]:
    """A wire that can be cut."""
    made = Proxy(server.directory)
    yield made
    made.close()


@pytest.fixture
def proxied(store: PostgresStore, url: str, server: postgres.Server, proxy: Proxy) -> Iterator[PostgresStore]:
    """The same database behind the proxy."""
    made = PostgresStore(url.replace(str(server.directory), str(proxy.directory)))
    yield made
    made.close()


def end_sessions(server: postgres.Server, url: str) -> None:
    """Have the server end every session of this database."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def total(store: PostgresStore) -> int | None:
    """What has been added."""
    with store.read() as tx:
        return number(tx)


def test_reads_and_writes_go_on_after_a_restart(server: postgres.Server, store: PostgresStore) -> None:
    add(store)
    with store.read() as tx:
        assert 1 == cached_number(tx)
    server.restart()
    with store.read() as tx:
        assert 1 == cached_number(tx)
    add(store)
    assert 2 == total(store)


def test_a_server_that_is_starting_is_waited_for(server: postgres.Server, store: PostgresStore) -> None:
    seen: list[int | None] = []
    server.stop()
    reading = threading.Thread(target=lambda: seen.append(total(store)))
    reading.start()
    time.sleep(0.3)
    assert [] == seen
    server.start()
    reading.join(20)
    assert [0] == seen


def test_a_read_that_loses_its_connection_fails_and_the_next_one_works(
    server: postgres.Server, store: PostgresStore, url: str
) -> None:
    with pytest.raises(StoreUnavailable), store.read() as tx:
        number(tx)
        end_sessions(server, url)
        number(tx)
    assert 0 == total(store)


def test_a_batch_that_loses_its_connection_tells_those_that_had_begun_and_runs_the_rest_once(
    server: postgres.Server, store: PostgresStore, url: str
) -> None:
    runs: list[str] = []

    def named(name: str, then: object = None) -> object:
        def run(tx: Transaction) -> Outcome:
            runs.append(name)
            if name == "b":
                end_sessions(server, url)
            return adds(1, name)(tx)

        return run

    ledger = Notes(store)
    queue = WriteQueue(store, ledger)
    answers = one_batch(queue, [named(name) for name in "abcd"])  # type: ignore[misc]
    assert [StoreUnavailable, StoreUnavailable, Outcome, Outcome] == [type(answer.wait()) for answer in answers]
    queue.close()
    assert ["a", "b", "c", "d"] == runs
    assert [("not committed: StoreUnavailable", ["a"]), ("before", ["c", "d"])] == ledger.told
    assert ["c", "d"] == ledger.kept_ids
    assert 2 == total(store)


def test_a_connection_lost_before_commit_is_found_not_committed(
    server: postgres.Server, store: PostgresStore, url: str
) -> None:
    ledger = Notes(store)
    queue = WriteQueue(store, ledger)
    ledger.before = lambda tx: end_sessions(server, url)
    answers = one_batch(queue, [adds(1, "a"), adds(10, "b")])
    assert [CommitUnknown, CommitUnknown] == [type(answer.wait()) for answer in answers]
    assert [("before", ["a", "b"]), ("unknown", ["a", "b"])] == ledger.told
    assert [] == ledger.kept(["a", "b"])
    queue.close()
    assert 0 == total(store)


def test_a_commit_whose_answer_was_lost_is_looked_up_and_answered(proxied: PostgresStore, proxy: Proxy) -> None:
    ledger = Notes(proxied)
    queue = WriteQueue(proxied, ledger)
    ledger.before = lambda tx: proxy.cut_next_commit()
    answer = Answer()
    queue.submit(adds(5, "a"), answer)
    assert isinstance(answer.wait(), Outcome)
    queue.close()
    assert proxy.cut.is_set()
    assert [("before", ["a"]), ("unknown", ["a"])] == ledger.told
    assert 5 == total(proxied)


def test_a_write_block_whose_commit_answer_was_lost_says_that_nobody_knows(
    proxied: PostgresStore, proxy: Proxy
) -> None:
    with pytest.raises(CommitUnknown) as unknown, proxied.write() as tx:
        tx.run(ADD, named="x", more=5)
        proxy.cut_next_commit()
    assert unknown.value.askable
    assert 5 == total(proxied)


def test_a_failed_transaction_is_never_taken_for_a_commit(store: PostgresStore) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK and no error where a statement had failed."""
    with pytest.raises(StoreUnavailable, match="nothing was kept"), store.write() as tx:
        tx.run(ADD, named="x", more=5)
        with pytest.raises(Exception, match="nowhere"):
            tx.rows(text("SELECT * FROM nowhere"))
    assert 0 == total(store)


def test_readers_beyond_the_bound_wait_and_then_hear_of_it(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.kernel.storage.postgres_pool.RECONNECT_S", 0.3)
    inside, leave = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with store.read():
            inside.release()
            leave.wait(10)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
    for _ in holders:
        inside.acquire(timeout=10)
    began = time.monotonic()
    with pytest.raises(StoreBusy), store.read():
        pass
    assert time.monotonic() - began < 5
    leave.set()
    for holder in holders:
        holder.join()
    assert 0 == total(store)


def test_an_unreachable_server_is_told_in_one_sentence_without_the_password(server: postgres.Server) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        PostgresStore(server.url("nowhere"))
    told = f"{refused.value!r} {refused.value.__cause__!r}"
    assert "nowhere" in told
    assert postgres.PASSWORD not in told
    with pytest.raises(StoreUnavailable) as refused:
        PostgresStore(server.url().replace(postgres.PASSWORD, "canary-wrong"))
    assert "canary" not in str(refused.value)


def test_neither_store_nor_its_parts_show_the_password(store: PostgresStore, caplog: pytest.LogCaptureFixture) -> None:
    assert postgres.PASSWORD not in repr(store)
    assert "t" in repr(store)
    assert postgres.PASSWORD not in caplog.text


def test_commits_are_synchronous_whatever_the_database_says(server: postgres.Server, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store = PostgresStore(url)
    for block in (store.read, store.write):
        with block() as tx:
            assert ("on",) == tx.row(text("SHOW synchronous_commit"))
    store.close()


def test_a_database_in_another_encoding_is_refused(server: postgres.Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreUnavailable, match="UTF8"):
        PostgresStore(server.url("latin"))
    server.drop(server.url("latin"))
