"""A disk that fails at COMMIT of the embedded store: nobody is told of success, and nobody of failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strongroom.kernel.storage.migrations import migrate
from strongroom.kernel.storage.open import open_store
from tests.exercise.ledgers import Notes
from tests.exercise.things import make_things, number

# The system refuses to let any file grow: writing the log fails in the middle of COMMIT.
PROGRAM = """
import os, resource, signal, sys
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.writequeue import WriteQueue
from tests.exercise.ledgers import Answer, Notes, adds
store = open_store(sys.argv[1])
ledger = Notes(store)
size = os.stat(sys.argv[1] + "-wal").st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger.before = lambda tx: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
queue = WriteQueue(store, ledger)
first, second = Answer(), Answer()
queue.submit(adds(5, "a"), first)
print(type(first.wait()).__name__, getattr(first.got[0], "askable", None))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.before = lambda tx: None
queue.submit(adds(7, "b"), second)
print(type(second.wait()).__name__)
queue.close()
print(ledger.told)
"""


def test_a_failing_disk_leaves_the_outcome_to_the_next_start_and_the_queue_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrate(f"sqlite:{path}")
    store = open_store(f"sqlite:{path}")
    make_things(store, x=0)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(part for part in sys.path if part)},
    )
    assert [
        "CommitUnknown False",
        "Outcome",
        "[('before', ['a']), ('before', ['b'])]",
    ] == done.stdout.splitlines()
    with store.read() as tx:
        assert 7 == number(tx)
    assert ["b"] == Notes(store).kept(["a", "b"])
    store.close()
