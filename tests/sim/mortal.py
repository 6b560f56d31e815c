"""A Strongroom that dies, or whose disk or database fails it, at one chosen point of one call.

``python -m tests.sim.mortal DATA STORE POINT``: the real product on a real socket. It prints how to call it, serves
until its standard input ends, and meets its fate while it creates the secret named ``doomed``.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from strongroom.kernel.chain import Chain
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.storage.postgres_write import PostgresBatch
from strongroom.kernel.storage.sqlite_write import SQLiteBatch
from strongroom.kernel.storage.writequeue import WriteQueue
from tests.inprocess import InProcess

DOOMED = "doomed"


class Fate:
    """What happens at which point, once, on the thread that runs the doomed call."""

    def __init__(self, data: Path, point: str) -> None:
        self.data = data
        self.at_point, self.happens = FAILURES.get(point, (point, _die))
        self._thread: int | None = None
        self._over = False

    def doom(self) -> None:
        """This thread runs the doomed call from now on."""
        self._thread = threading.get_ident()

    def reached(self, point: str, subject: Any) -> None:
        """The call has come to a point."""
        if threading.get_ident() != self._thread or self._over:
            return
        if point == self.at_point:
            self._over = True
            self.happens(self, subject)


def _die(fate: Fate, subject: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _break_a_constraint(fate: Fate, batch: Any) -> None:
    """One that is looked at in COMMIT only, on either engine."""
    batch.run(text("CREATE TABLE sim_parent (pk INTEGER PRIMARY KEY)"))
    batch.run(text("CREATE TABLE sim_child (pk INTEGER REFERENCES sim_parent (pk) DEFERRABLE INITIALLY DEFERRED)"))
    batch.run(text("INSERT INTO sim_child VALUES (1)"))


def _no_room_for_the_store(fate: Fate, batch: Any) -> None:
    _let_no_file_outgrow(fate.data / "store.db-wal")


def _no_room_for_the_journal(fate: Fate, journal: Journal) -> None:
    _let_no_file_outgrow(max((fate.data / "journal").glob("*-worker0-*.jsonl")))


def _no_sync_of_the_journal(fate: Fate, journal: Any) -> None:
    """A pipe takes the segment's place: what the kernel was handed is in the file, but no pipe can be synced."""
    _, write = os.pipe()
    os.dup2(write, journal._segment._handle)


def _end_the_session(fate: Fate, batch: Any) -> None:
    (pid,) = batch.row(text("SELECT pg_backend_pid()"))
    with psycopg.connect(sys.argv[2], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def _let_no_file_outgrow(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, resource.RLIM_INFINITY))


FAILURES: dict[str, tuple[str, Callable[[Fate, Any], None]]] = {
    "COMMIT is refused": ("before COMMIT", _break_a_constraint),
    "COMMIT finds no room": ("before COMMIT", _no_room_for_the_store),
    "COMMIT finds no session": ("before COMMIT", _end_the_session),
    "the journal finds no room": ("before the append", _no_room_for_the_journal),
    "the journal cannot be synced": ("after the append", _no_sync_of_the_journal),
}


def watch(fate: Fate) -> None:
    """Tell the fate of every point between handler and answer."""
    real_write = Chain.write

    def write(chain: Chain, flight: Any, tx: Any) -> Any:
        if flight.call.params.get("Name") == DOOMED:
            fate.doom()
        fate.reached("before the handler", flight)
        outcome = real_write(chain, flight, tx)
        fate.reached("after the handler", flight)
        return outcome

    setattr(Chain, "write", write)  # noqa: B010  the type would have to be repeated
    _around(fate, Journal, "append", "the append")
    _around(fate, Journal, "sync", "the sync")
    _around(fate, SQLiteBatch, "commit", "COMMIT")
    _around(fate, PostgresBatch, "commit", "COMMIT")
    _around(fate, WriteQueue, "_answer", "the answer")


def _around(fate: Fate, owner: type, name: str, what: str) -> None:
    real = getattr(owner, name)

    def watched(self: Any, *given: Any) -> Any:
        fate.reached(f"before {what}", self)
        done = real(self, *given)
        fate.reached(f"after {what}", self)
        return done

    setattr(owner, name, watched)


def main() -> None:
    """Serve until standard input ends."""
    data, store, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    watch(Fate(data, point))
    served = InProcess(data, store=store)
    account = served.account()
    print(json.dumps([account.url, account.id, account.key_id, account.secret]), flush=True)
    for line in sys.stdin:
        if line.strip() == "make room":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            print("done", flush=True)
    served.close()


if __name__ == "__main__":
    main()
