"""All function processes of the runner: kept warm, never shared, bounded in number, ended when they idle.

One process serves one key (a function's state with its role), one invocation at a time.
"""

from __future__ import annotations

import secrets
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import machine_clock
from strongroom.base.running import CannotRun, Event, Finished, Load
from strongroom.server.functions.process import FunctionProcess
from strongroom.server.functions.pythons import Python
from strongroom.server.functions.sandbox import Isolation

_WAIT_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_LEFT_AT_LEAST = timedelta(seconds=60)


@dataclass(slots=True)
class _Place:
    """One place for a process. ``process`` None while it starts, or where it is free."""

    slot: int
    key: str = ""
    process: FunctionProcess | None = None
    busy: bool = False
    used: float = field(default_factory=time.monotonic)


class Pool:
    """The machine (base.running.Machine) of one runner. ``authorities``: the files of certificates to trust.

    ``processors``: those that its processes may use.
    """

    def __init__(
        self,
        pythons: dict[str, Python],
        isolation: Isolation,
        *,
        most: int,
        processors: frozenset[int],
        idle_seconds: float,
        authorities: Callable[[], list[Path]],
    ) -> None:
        self._pythons = pythons
        self._isolation = isolation
        self._processors = processors
        self._idle = idle_seconds
        self._authorities = authorities
        self._changed = threading.Condition()
        self._places = [_Place(slot) for slot in range(most)]
        self._closed = threading.Event()
        # bubblewrap dies with the thread that started it (prctl(2), PR_SET_PDEATHSIG): one that lasts starts them all.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start-function")
        threading.Thread(target=self._sweep, name="idle-functions", daemon=True).start()

    def run(self, key: str, load: Load, event: Event) -> Finished:
        """One invocation, in a process kept for the key or in a new one. Raises CannotRun and what ``load`` raises."""
        place = self._take(key, event)
        process = place.process
        try:
            if process is None:
                process = self._start(place, load)
            return process.invoke(event)
        finally:
            self._give_back(place, process)

    def end(self, prefix: str, *, but_not: str = "") -> None:
        """Let go of idle processes whose key begins so, but for those of one key."""
        with self._changed:
            idle = [one for one in self._places if one.process is not None and not one.busy]
            ended = [self._emptied(one) for one in idle if one.key.startswith(prefix) and one.key != but_not]
        _kill(ended)

    def close(self) -> None:
        """End everything."""
        self._closed.set()
        with self._changed:
            ended = [self._emptied(one) for one in self._places if one.process is not None]
            self._changed.notify_all()
        _kill(ended)
        self._starter.shutdown(wait=True, cancel_futures=True)
        self._isolation.close()

    @property
    def processes(self) -> int:
        """How many there are now."""
        return sum(one.process is not None for one in self._places)

    # ------------------------------------------------------------------ places

    def _take(self, key: str, event: Event) -> _Place:
        until = time.monotonic() + _WAIT_SECONDS
        worn: list[FunctionProcess | None] = []
        try:
            with self._changed:
                while True:
                    place = self._warm(key, event, worn) or self._free(worn)
                    if place is not None:
                        place.busy, place.key = True, key
                        return place
                    left = until - time.monotonic()
                    if left <= 0 or self._closed.is_set():
                        raise CannotRun("every place for a function process is taken", busy=True)
                    self._changed.wait(left)
        finally:
            _kill(worn)

    def _warm(self, key: str, event: Event, worn: list[FunctionProcess | None]) -> _Place | None:
        for one in self._places:
            if one.busy or one.process is None or one.key != key:
                continue
            if not one.process.ended and _outlasts(one.process, event):
                return one
            worn.append(self._emptied(one))
        return None

    def _free(self, worn: list[FunctionProcess | None]) -> _Place | None:
        """A place without a process; else that of the process which has idled longest, which then has to go."""
        idle = [one for one in self._places if not one.busy]
        empty = next((one for one in idle if one.process is None), None)
        if empty is not None or not idle:
            return empty
        oldest = min(idle, key=lambda one: one.used)
        worn.append(self._emptied(oldest))
        return oldest

    @staticmethod
    def _emptied(place: _Place) -> FunctionProcess | None:
        process, place.process, place.key = place.process, None, ""
        return process

    def _give_back(self, place: _Place, process: FunctionProcess | None) -> None:
        over = process is None or process.ended or self._closed.is_set()
        if over:
            _kill([process])
        with self._changed:
            place.busy, place.used = False, time.monotonic()
            if over:
                place.process, place.key = None, ""
            self._changed.notify()

    def _start(self, place: _Place, load: Load) -> FunctionProcess:
        program = load()
        python = self._pythons.get(program.runtime)
        if python is None:
            raise CannotRun(f"the runtime {program.runtime} is not offered here")
        stream = f"{machine_clock():%Y/%m/%d}/[{program.version}]{secrets.token_hex(16)}"
        bundle = self._bundle()
        place.process = self._starter.submit(
            lambda: FunctionProcess(
                program, python, self._isolation, place.slot, bundle=bundle, stream=stream, processors=self._processors
            )
        ).result()
        return place.process

    def _bundle(self) -> bytes:
        """The system's certificate authorities and our own, in one file."""
        paths = ssl.get_default_verify_paths()
        system = [Path(path) for path in (paths.cafile, "/etc/ssl/certs/ca-certificates.crt") if path]
        first = next((path for path in system if path.is_file()), None)
        parts = [path.read_bytes().rstrip(b"\n") for path in (first, *self._authorities()) if path is not None]
        return b"\n".join([*parts, b""])

    def _sweep(self) -> None:
        """End what has idled too long, and what has ended by itself."""
        while not self._closed.wait(_LOOK_SECONDS):
            now = time.monotonic()
            with self._changed:
                ended = [
                    self._emptied(one)
                    for one in self._places
                    if one.process is not None and not one.busy and (one.process.ended or now - one.used > self._idle)
                ]
                self._changed.notify_all()
            _kill(ended)


def _outlasts(process: FunctionProcess, event: Event) -> bool:
    """Whether its credentials are good until the event's timeout, with a minute to spare."""
    expires = process.program.expires
    return expires is None or machine_clock() + timedelta(seconds=event.timeout) + _LEFT_AT_LEAST < expires


def _kill(processes: list[FunctionProcess | None]) -> None:
    for one in processes:
        if one is not None:
            one.kill()
