"""The runner: the one process that does what is due later or takes long.

Its main thread listens to the supervisor, one thread does due jobs, and one answers workers on
``run/runner.sock``. While sealed it has no parts and does nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from strongroom.server.directory import DataDirectory
from strongroom.server.lines import BadLine, Lines, Message, ask, encode, listen_local, peer_is_trusted
from strongroom.server.parts import Parts, RunnerParts, StartRefused
from strongroom.server.worker import first_message, key_of

_LOG = logging.getLogger("strongroom.runner")
_NICE = 5
"""What is due later yields to whoever waits for an answer now; functions yield once more."""
_PEER_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_ASK_SECONDS = 60.0


def serve(channel: socket.socket, *, parts: Parts, directory: DataDirectory) -> None:
    """Be the runner until told to stop. Runs in a child of the supervisor and nowhere else."""
    logging.basicConfig(level=logging.WARNING, format="strongroom: runner: %(message)s")
    os.nice(_NICE)
    lines = Lines()
    runner = _Runner(parts)
    start = first_message(channel, lines)
    key = key_of(start)
    if key is not None:
        runner.unseal(key)
    listener = listen_local(directory.runner_socket, backlog=64)
    threading.Thread(target=_answer_workers, args=(listener, runner), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.sendall(encode({"ready": True}))
    threading.Thread(target=_watch_roots, args=(channel, runner), daemon=True).start()
    try:
        _obey(channel, lines, runner)
    finally:
        runner.seal()


class _Runner:
    """The parts while there is a key, and the thread that runs them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._open: RunnerParts | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def unseal(self, root_key: bytes) -> None:
        """Open the parts and start to work."""
        with self._lock:
            if self._open is not None:
                return
            self._open = self._parts.open_runner(root_key)
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._open, self._stop), daemon=True)
            self._thread.start()

    def seal(self) -> None:
        """Stop working and let go of the parts and their keys."""
        with self._lock:
            if self._open is None:
                return
            self._stop.set()
            if self._thread is not None:
                self._thread.join()
            self._open.close()
            self._open = self._thread = None

    def catch_up(self) -> None:
        """Know the root keys as they stand in the store."""
        with self._lock:
            if self._open is not None:
                self._open.catch_up()

    def is_behind(self) -> bool:
        """Whether this node's seal gives an older root key than the one that seals now."""
        with self._lock:
            return self._open is not None and self._open.is_behind()

    def run_due(self) -> Message:
        """Do what is due; the answer for a worker."""
        with self._lock:
            if self._open is None:
                return {"refused": "sealed"}
            return {"ran": self._open.run_due_now()}

    @staticmethod
    def _run(opened: RunnerParts, stop: threading.Event) -> None:
        try:
            opened.run(stop)
        except Exception:  # noqa: BLE001  logged whole; the process ends just below
            _LOG.exception("the job loop failed")
        if not stop.is_set():
            # Without its loop the runner is of no use; the supervisor starts another.
            signal.raise_signal(signal.SIGKILL)


def _obey(channel: socket.socket, lines: Lines, runner: _Runner) -> None:
    """Do what the supervisor says, until it says stop or is gone."""
    chunk = b""  # the first turn takes what came together with the start
    while True:
        for message in lines.feed(chunk):
            if message.get("do") == "drain":
                return
            channel.sendall(encode({"id": message.get("id"), **_done(message, runner)}))
        chunk = channel.recv(65536)
        if not chunk:
            return


def _watch_roots(channel: socket.socket, runner: _Runner) -> None:
    """Tell the supervisor, again and again, while this node's seal is behind: another node may have begun it."""
    while True:
        time.sleep(_WATCH_SECONDS)
        try:
            if runner.is_behind():
                channel.sendall(encode({"behind": True}))
        except Exception as error:  # noqa: BLE001  a store that restarts; looked at again in a moment
            _LOG.warning("the root keys could not be looked at: %s", type(error).__name__)


def _done(message: Message, runner: _Runner) -> Message:
    key = key_of(message)
    if message.get("do") == "seal":
        runner.seal()
    elif message.get("do") == "catch up":
        runner.catch_up()
    elif message.get("do") == "unseal" and key is not None:
        try:
            runner.unseal(key)
        except StartRefused as refusal:
            return {"refused": str(refusal)}
    return {}


def _answer_workers(listener: socket.socket, runner: _Runner) -> None:
    """One worker at a time: each asks for one thing, and all of them ask for the same."""
    commands: dict[str, Callable[[], Message]] = {"run_due": runner.run_due}
    while True:
        peer, _ = listener.accept()
        with peer, contextlib.suppress(OSError, BadLine):
            peer.settimeout(_PEER_SECONDS)
            if not peer_is_trusted(peer):
                continue
            message = first_message(peer, Lines())
            if message.get("do") == "wake":
                # Nobody waits for the outcome, so the answer goes first.
                peer.sendall(encode({"ok": True}))
                runner.run_due()
                continue
            command = commands.get(str(message.get("do")))
            peer.sendall(encode({"refused": "unknown command"} if command is None else command()))


def wake(runner_socket: Path) -> None:
    """Tell the runner that something may be due now; a runner that is down finds out by itself later."""
    with contextlib.suppress(OSError, BadLine):
        ask(runner_socket, {"do": "wake"}, timeout=_PEER_SECONDS)


def run_due(runner_socket: Path, *, timeout: float = _ASK_SECONDS) -> int:
    """Have the runner do everything that is due, and say how many jobs that were.

    Raises OSError, TimeoutError or BadLine where the runner cannot be reached or has no key.
    """
    answer = ask(runner_socket, {"do": "run_due"}, timeout=timeout)
    ran = answer.get("ran")
    if not isinstance(ran, int):
        raise BadLine(str(answer.get("refused", "no count")))
    return ran
