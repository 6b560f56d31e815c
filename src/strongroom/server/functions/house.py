"""Functions on one node: what the runner opens, and what its workers ask of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from strongroom.base.running import CannotRun, Event, Finished, Invocation, Invoked, Load, Offer
from strongroom.server.functions.desk import Desk, Work, ask_runner
from strongroom.server.functions.pool import Pool
from strongroom.server.functions.process import left_to_functions
from strongroom.server.functions.pythons import Python, find_pythons
from strongroom.server.functions.sandbox import Bubblewrap, Isolation, Unconfined
from strongroom.server.lines import BadLine

SOCKET = "functions.sock"
NO_ISOLATION = "none"
_LOG = logging.getLogger("strongroom.functions")
_OFFER_SECONDS = 30.0
_INVOKE_SECONDS = 1000.0
"""Longer than the longest function with its start."""
_SCRATCH = Path("/dev/shm")  # noqa: S108  a directory of its own is made in it


class House:
    """The runner's side. Interpreters and isolation are looked at when they are first asked for."""

    def __init__(
        self,
        data: Path,
        *,
        isolation: str,
        pythons: Sequence[str],
        most: int,
        processors: int,
        idle_seconds: float,
        authorities: Callable[[], list[Path]],
    ) -> None:
        self._data = data
        self._wanted = isolation
        self._further = pythons
        self._most = most
        self._processors = processors
        self._idle = idle_seconds
        self._authorities = authorities
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._desk: Desk | None = None

    @cached_property
    def _found(self) -> tuple[dict[str, Python], str]:
        """The interpreters, and why functions are refused."""
        problem = "" if self._wanted == NO_ISOLATION else Bubblewrap.problem()
        if problem:
            return {}, f"{problem}; functions are refused unless function_isolation is set to none"
        try:
            return find_pythons(self._further), ""
        except ValueError as error:
            return {}, str(error)

    def offer(self) -> Offer:
        """What can be run here."""
        pythons, refused = self._found
        return Offer(tuple(sorted(pythons)), refused, self._isolation().warning)

    def _isolation(self) -> Isolation:
        if self._wanted == NO_ISOLATION:
            return Unconfined(_SCRATCH)
        return Bubblewrap(self._data)

    def run(self, key: str, load: Load, event: Event) -> Finished:
        """One invocation (base.running.Machine)."""
        pythons, refused = self._found
        if refused:
            raise CannotRun(f"Functions cannot run here: {refused}.")
        with self._lock:
            if self._pool is None:
                self._pool = Pool(
                    pythons,
                    self._isolation(),
                    most=self._most,
                    processors=left_to_functions(self._processors),
                    idle_seconds=self._idle,
                    authorities=self._authorities,
                )
        return self._pool.run(key, load, event)

    def end(self, prefix: str, *, but_not: str = "") -> None:
        """Let go of idle processes (base.running.Machine)."""
        if self._pool is not None:
            self._pool.end(prefix, but_not=but_not)

    @property
    def closing(self) -> bool:
        """Whether no more is run because the server stops."""
        return self._closing.is_set()

    @property
    def processes(self) -> int:
        """How many function processes there are."""
        return 0 if self._pool is None else self._pool.processes

    def open_desk(self, work: Work) -> None:
        """Begin to answer workers. ``work`` does invocations; what can be run is answered here."""
        run = self._data / "run"
        run.mkdir(mode=0o700, exist_ok=True)

        def answer(head: Mapping[str, Any], body: bytes) -> tuple[Mapping[str, Any], bytes]:
            if head.get("do") == "offer":
                found = self.offer()
                return {"runtimes": list(found.runtimes), "refused": found.refused, "warning": found.warning}, b""
            return work(head, body)

        self._desk = Desk(run / SOCKET, answer)

    def close(self) -> None:
        """End every function and stop listening."""
        self._closing.set()
        if self._desk is not None:
            self._desk.close()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


class Neighbour:
    """A worker's side (base.running.Functions): it asks the runner. The offer is asked for once."""

    def __init__(self, data: Path, *, scratch_mb: int) -> None:
        self._path = data / "run" / SOCKET
        self._offer: Offer | None = None
        self.scratch_mb = scratch_mb

    def offer(self) -> Offer:
        """What can be run here, as the runner says; refused while it does not answer."""
        if self._offer is None:
            try:
                found, _ = ask_runner(self._path, {"do": "offer"}, b"", timeout=_OFFER_SECONDS)
            except (OSError, BadLine):
                return Offer(refused="the runner does not answer; please try again")
            self._offer = Offer(tuple(found["runtimes"]), found["refused"], found["warning"])
        return self._offer

    def invoke(self, invocation: Invocation) -> Invoked:
        """Send it to the runner, and wait for as long as a function may take."""
        head = {
            "do": "invoke",
            "version": invocation.version_pk,
            "arn": invocation.function_arn,
            "request": invocation.request_id,
            "context": invocation.client_context,
        }
        try:
            told, payload = ask_runner(self._path, head, invocation.payload, timeout=_INVOKE_SECONDS)
        except (OSError, BadLine) as error:
            _LOG.warning("the runner did not answer: %s", type(error).__name__)
            return Invoked(refused="The function could not be run. Please try again.")
        return Invoked(payload=payload, **told)


class AtHome:
    """The runner's own side (base.running.Functions): what a job asks for needs no way through a socket."""

    def __init__(self, house: House, invoke: Callable[[Invocation], Invoked], *, scratch_mb: int) -> None:
        self._house = house
        self._invoke = invoke
        self.scratch_mb = scratch_mb

    def offer(self) -> Offer:
        """What can be run here."""
        return self._house.offer()

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it."""
        return self._invoke(invocation)


def invocations(invoke: Callable[[Invocation], Invoked]) -> Work:
    """The other end of ``Neighbour.invoke``, in the runner."""

    def work(head: Mapping[str, Any], body: bytes) -> tuple[Mapping[str, Any], bytes]:
        done = invoke(Invocation(head["version"], head["arn"], head["request"], body, head["context"]))
        told = {name: getattr(done, name) for name in ("failed", "tail", "refused", "busy", "denied")}
        return told, done.payload

    return work
