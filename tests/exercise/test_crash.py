"""kill -9 of a writing process, and of the database: what was acknowledged is there, nothing by halves."""

from __future__ import annotations

import signal
import threading
import time

from sqlalchemy import bindparam, select

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import commit
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from tests import postgres
from tests.exercise.ledgers import Notes
from tests.exercise.things import NAMES, PUT, make_things, process

# Each call puts two things and its event; it is acknowledged on standard output by its number.
WRITER = """
import sys, threading
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from tests.exercise.ledgers import Notes
from tests.exercise.things import PUT
store = open_store(sys.argv[1])
queue = WriteQueue(store, Notes(store))
free = threading.Semaphore(32)
def call(at):
    def run(tx):
        tx.run(PUT, name=f"a{at}", n=at)
        tx.run(PUT, name=f"b{at}", n=at)
        return Outcome(True, (f"e{at}",), None)
    def done(answer):
        if isinstance(answer, Outcome):
            print(at, flush=True)
        free.release()
    queue.submit(run, done)
for at in range(int(sys.argv[2]), 10**9):
    free.acquire()
    call(at)
"""
_EVENTS = Statement(select(commit.c.event_id).where(commit.c.chain == bindparam("named")))


def check(store: BatchStore, acknowledged: set[int]) -> None:
    """Whatever was acknowledged is there; whatever is there is whole."""
    with store.read() as tx:
        names = {name for (name,) in tx.rows(NAMES)}
        events = {event for (event,) in tx.rows(_EVENTS, named="c")}
    assert {f"a{at}" for at in acknowledged} <= names
    numbers = {name[1:] for name in names}
    assert {f"{half}{at}" for half in "ab" for at in numbers} == names
    assert {f"e{at}" for at in numbers} == events


def test_a_killed_process_loses_nothing_it_acknowledged(store: BatchStore, place: str) -> None:
    make_things(store)
    acknowledged: set[int] = set()
    for again in range(3):
        with process(WRITER, place, str(again * 1_000_000)) as writer:
            assert writer.stdout is not None
            wanted = len(acknowledged) + 150
            for line in writer.stdout:
                acknowledged.add(int(line))
                if len(acknowledged) == wanted:
                    writer.send_signal(signal.SIGKILL)
            assert -signal.SIGKILL == writer.wait(10)
        check(store, acknowledged)


def test_a_crashing_database_loses_nothing_that_was_acknowledged(server: postgres.Server) -> None:
    url = server.database()
    store = open_store(url)
    make_things(store)
    queue = WriteQueue(store, Notes(store))
    acknowledged: set[int] = set()
    failed: list[BaseException] = []
    free, over = threading.Semaphore(16), threading.Event()

    def call(at: int) -> None:
        def done(answer: Outcome | BaseException) -> None:
            if isinstance(answer, Outcome):
                acknowledged.add(at)
            else:
                failed.append(answer)
            free.release()

        def run(tx: Transaction) -> Outcome:
            tx.run(PUT, name=f"a{at}", n=at)
            tx.run(PUT, name=f"b{at}", n=at)
            return Outcome(True, (f"e{at}",), None)

        queue.submit(run, done)

    def load() -> None:
        at = 0
        while not over.is_set():
            free.acquire()
            call(at)
            at += 1

    loading = threading.Thread(target=load)
    loading.start()
    for _ in range(2):
        _wait_for_more(acknowledged)
        server.restart(signal.SIGQUIT)
    _wait_for_more(acknowledged)
    over.set()
    loading.join(30)
    queue.close()
    check(store, acknowledged)
    store.close()
    server.drop(url)


def _wait_for_more(acknowledged: set[int]) -> None:
    enough, deadline = len(acknowledged) + 50, time.monotonic() + 30
    while len(acknowledged) < enough:
        assert time.monotonic() < deadline
        time.sleep(0.01)
