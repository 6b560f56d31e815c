"""Python processes that need not import the product: forked from one that has, for tests that start many.

What is forked runs the same module with the same words, environment, directory and descriptors as a process started
anew, and is waited for and signalled in the same way. Its name and first environment, as /proc shows them, are those
of the process it was forked from: tests that look there, or at the start itself, start anew (the fixture ``anew``).
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

_STATUS = struct.Struct("=id")
_MOST_BYTES = 1 << 17
_MOST_DESCRIPTORS = 32
_ABOVE = 256
"""Where descriptors wait until the numbers that they shall have are free."""
_MAKING = threading.Lock()
spent = 0.0
"""Seconds of processor of all that were forked and have ended (tests/costs.py)."""


class Forked:
    """A process, as subprocess.Popen shows it."""

    def __init__(self, pid: int, status: socket.socket, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self._telling = threading.Lock()

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; minus the signal that ended it. Raises subprocess.TimeoutExpired.

        Any number of threads may wait: the status is told once.
        """
        while self.returncode is None:
            try:
                told = select.select([self._status], [], [], timeout)[0]
            except (OSError, ValueError):  # another thread was told, and has closed it
                if self.returncode is None:
                    raise
                break
            if not told:
                raise subprocess.TimeoutExpired("forked", timeout or 0)
            self._take()
        return self.returncode

    def _take(self) -> None:
        global spent  # noqa: PLW0603  one figure for the whole test process
        with self._telling:
            if self.returncode is None:
                raw, seconds = _STATUS.unpack(self._status.recv(_STATUS.size))
                self.returncode = os.waitstatus_to_exitcode(raw)
                spent += seconds
                self._status.close()

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and that is being told
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(
    module: str,
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    files: tuple[int, int, int],
    pass_fds: Sequence[int] = (),
    reads: IO[str] | None = None,
) -> Forked:
    """``python -m MODULE WORDS``.

    ``files``: its standard input, output and error. ``reads``: the end of a pipe from which its output is read here.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        numbers = [0, 1, 2, *pass_fds]
        order = {"module": module, "words": list(words), "env": dict(env), "cwd": str(cwd), "numbers": numbers}
        descriptors = [theirs.fileno(), *files, *pass_fds]
        with _MAKING:
            forker = _forker()
        socket.send_fds(forker, [json.dumps(order).encode()], descriptors)
    pid, _ = _STATUS.unpack(ours.recv(_STATUS.size))
    return Forked(pid, ours, reads)


def run(
    module: str,
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    given: str,
    timeout: float,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """The same to its end, as subprocess.run with captured output. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile() as reads, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        reads.write(given.encode())
        reads.seek(0)
        files = (reads.fileno(), out.fileno(), err.fileno())
        process = start(module, words, env=env, cwd=cwd, files=files, pass_fds=pass_fds)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([module, *words], status, *said)


@functools.cache
def _forker() -> socket.socket:
    """The process that forks; one for a test process, which it does not outlive."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        from tests.deployment import ROOT, clean_environment  # noqa: PLC0415  it imports this file

        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            env=clean_environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(30)

    atexit.register(end)
    return ours


# ---------------------------------------------------------------------- in the process that forks


def main() -> None:
    """Import the product, and fork for every order until nobody can send one."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    while True:
        order, descriptors, _, _ = socket.recv_fds(channel, _MOST_BYTES, _MOST_DESCRIPTORS)
        if not order:
            return
        if os.fork() == 0:
            channel.close()
            _watch(json.loads(order), descriptors)
        for one in descriptors:
            os.close(one)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _prepare() -> None:
    from strongroom.app import Product  # noqa: PLC0415  not in the test process
    from strongroom.kernel.storage.open import import_engine  # noqa: PLC0415
    from strongroom.server import serve  # noqa: F401, PLC0415
    from strongroom.settings import load_settings  # noqa: PLC0415
    from tests import inprocess  # noqa: F401, PLC0415  for those that serve without a supervisor

    Product(load_settings({"data": "/nonexistent"}, {})).preload()
    import_engine("postgresql://")


def _watch(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Fork what is wanted, tell its pid, wait for it, tell how it ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # who is signalled is the child
    status, *handed = descriptors
    child = os.fork()
    if child == 0:
        os.close(status)
        _become(order, handed)
    for one in handed:
        os.close(one)
    os.write(status, _STATUS.pack(child, 0.0))
    _, raw, used = os.wait4(child, 0)
    with contextlib.suppress(OSError):  # the test may be over
        os.write(status, _STATUS.pack(raw, used.ru_utime + used.ru_stime))
    os._exit(0)


def _become(order: dict[str, Any], handed: list[int]) -> NoReturn:
    """Be the process that was wanted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    numbers: list[int] = order["numbers"]
    waiting = [fcntl.fcntl(one, fcntl.F_DUPFD, _ABOVE) for one in handed]
    os.closerange(0, _ABOVE)
    for one, number in zip(waiting, numbers, strict=True):
        os.dup2(one, number)
    for one in waiting:
        os.close(one)
    os.environ.clear()
    os.environ.update(order["env"])
    tempfile.tempdir = None
    os.chdir(order["cwd"])
    sys.argv = [order["module"], *order["words"]]
    os._exit(_ran(order["module"]))


def _ran(module: str) -> int:
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    getattr(threading, "_shutdown")()  # noqa: B009  as the interpreter does at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return status


if __name__ == "__main__":
    main()
