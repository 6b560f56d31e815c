"""The runner's own thread that keeps the index of its node up: woken by whoever looks something up, else now and then.

``strongroom audit index rebuild`` leaves the file ``index/rebuild``; a new index is then made beside the old one, which
answers until the new one is whole.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from strongroom.kernel.trail.follow import Follower
from strongroom.kernel.trail.index import Index, current, next_after, remove_others

log = logging.getLogger("strongroom.index")

LOOK_EVERY_SECONDS = 1.0
"""Much at once costs less for each record. No lookup waits for it: it wakes the thread."""
REST_AT_START_SECONDS = 2.0
"""What was written before the start waits until the server answers calls, unless somebody looks something up."""
_TROUBLE_SECONDS = 2.0
_NICE = 10
WAKE_SOCKET = "wake.sock"
REBUILD_FILE = "rebuild"
Following = Callable[[Index], Follower]


class Indexing:
    """One thread a node. ``directory`` is the index's own."""

    def __init__(self, directory: Path, following: Following) -> None:
        self._directory = directory
        self._following = following
        self._stop = threading.Event()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._wake = _listen(directory / WAKE_SOCKET)
        self._thread = threading.Thread(target=self._run, name="indexing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the step under way and give the files back."""
        self._stop.set()
        wake(self._directory)
        self._thread.join()
        self._wake.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a lookup can wait, calls cannot
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._wait(REST_AT_START_SECONDS)
        while not self._stop.is_set():
            try:
                self._keep_up()
            except Exception as error:
                log.exception("the index could not be kept up: %s", type(error).__name__)
                self._stop.wait(_TROUBLE_SECONDS)

    def _keep_up(self) -> None:
        """Follow the journal with one index, until told to stop or to make another."""
        path = current(self._directory) or next_after(None, self._directory)
        index = Index(path)
        try:
            remove_others(path)
            follower = self._following(index)
            while not self._stop.is_set():
                if (self._directory / REBUILD_FILE).exists():
                    self._rebuild(path)
                    return
                if not follower.step():
                    self._wait()
        finally:
            index.close()

    def _rebuild(self, old: Path) -> None:
        path = next_after(old, self._directory)
        draft = path.with_name(path.name + ".new")
        rebuild(draft, self._following, self._stop)
        if self._stop.is_set():
            return
        draft.replace(path)
        (self._directory / REBUILD_FILE).unlink(missing_ok=True)

    def _wait(self, seconds: float = LOOK_EVERY_SECONDS) -> None:
        ready, _, _ = select.select([self._wake], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                while self._wake.recv(16):
                    pass


def rebuild(path: Path, following: Following, stop: threading.Event) -> None:
    """Make an index from the whole journal. What lies there already, half made, is thrown away."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    index = Index(path)
    try:
        follower = following(index)
        while not stop.is_set() and follower.step():
            pass
        # Once more after a quiet look: what nobody will ever settle counts as undone then.
        while not stop.is_set() and follower.step():
            pass
    finally:
        index.close()


def wake(directory: Path) -> None:
    """Have the index looked after now. Where nobody listens nothing happens."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
        contextlib.suppress(OSError),
        _short(directory) as name,
    ):
        sender.sendto(b"!", name)


def _listen(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    path.unlink(missing_ok=True)
    with _short(path.parent) as name:
        made.bind(name)
    path.chmod(0o600)
    return made


@contextlib.contextmanager
def _short(directory: Path) -> Iterator[str]:
    """The socket's name through the directory's descriptor: a path of a socket has 107 bytes at most."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{WAKE_SOCKET}"
    finally:
        os.close(handle)
