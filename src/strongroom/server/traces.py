"""Traces on their way out of one process: what is done waits in a bounded queue, and one thread sends it.

A call never waits for a collector. One that is slow or gone costs a place in the queue; what finds no place is
dropped, and counted. Off unless the environment asks (``wish``), and then nothing here runs and nothing is imported.
Our choice: docs/decisions/0052-traces.md.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter, time_ns
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from strongroom.base.classes import dataclass
from strongroom.base.running import Event, Finished, Functions, Invocation, Invoked, Load, Machine, Offer
from strongroom.kernel.metrics.steps import FUNCTION, JOB, Done, Step, Steps, within, working_for
from strongroom.kernel.metrics.tally import SPANS_DROPPED, SPANS_FAILED, SPANS_SENT
from strongroom.server.listening import is_loopback

log = logging.getLogger("strongroom.traces")

WAITING_AT_MOST: Final = 2048
AT_ONCE: Final = 256
EVERY_SECONDS: Final = 1.0
_END_SECONDS: Final = 2.0
_COMPLAIN_SECONDS: Final = 60.0
_LIBRARY: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_INSTALL: Final = "install `strongroom[traces]`, or requirements/traces.txt"


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether traces are to be sent, and what every start says about it."""

    on: bool
    note: str = ""


def wish(environment: Mapping[str, str]) -> Wish:
    """What the ordinary variables ask for. What cannot be done is said, and traces are off: a vault starts anyway.

    Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
    An empty value is as good as none.
    """

    def first(*names: str) -> str:
        return next((value for name in names if (value := environment.get(name, "").strip())), "")

    exporter = first("OTEL_TRACES_EXPORTER").lower()
    url = first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if first("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none" or not (exporter or url):
        return Wish(on=False)
    protocol = first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL").lower()
    why = ""
    if exporter not in ("", "otlp"):
        why = f"OTEL_TRACES_EXPORTER is {exporter!r}, and Strongroom sends otlp"
    elif protocol not in ("", "http/protobuf"):
        why = f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, and Strongroom speaks http/protobuf"
    place = _place(url or "http://localhost:4318")
    secret = first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    if place is None:
        why = why or "OTEL_EXPORTER_OTLP_ENDPOINT is not the URL of a host, http or https"
    elif secret and place.scheme == "http" and not is_loopback(place.hostname or ""):
        why = why or "OTEL_EXPORTER_OTLP_HEADERS would go in clear to another host: use https"
    if not why and not _is_there():
        why = f"OpenTelemetry's library is not there: {_INSTALL}"
    if why or place is None:
        return Wish(on=False, note=f"No traces are sent: {why}.")
    return Wish(on=True, note=f"Traces are sent to {place.scheme}://{place.netloc}.")


def _place(url: str) -> SplitResult | None:
    """The parts of a URL that names a host, and nobody's password."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if named and "@" not in parts.netloc else None


def _is_there() -> bool:
    try:
        return importlib.util.find_spec(_LIBRARY) is not None
    except ModuleNotFoundError:
        return False


class Sender(Protocol):
    """Who makes spans and sends them."""

    def send(self, some: Sequence[Done]) -> tuple[int, int]:
        """Send what was done; how many spans were taken and how many were not. It may wait, bounded."""
        ...

    def close(self) -> None:
        """Give up what is under way."""
        ...


Count = Callable[[int, int], None]
"""(which row of the tally, how many spans more)."""


class Traces:
    """The queue of one process and its thread. ``open_sender`` is called there: its library takes long to import."""

    def __init__(self, open_sender: Callable[[], Sender], count: Count) -> None:
        self._open_sender = open_sender
        self._count = count
        self._waiting: deque[Done] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._sender: Sender | None = None
        self._complain_at = 0.0
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def tell(self, one: Done) -> None:
        """Have one call or job sent, if there is room for it. Never waits."""
        waiting = self._waiting
        if len(waiting) >= WAITING_AT_MOST:
            self._count(SPANS_DROPPED, 1 + len(one.steps))
            return
        waiting.append(one)
        if len(waiting) >= AT_ONCE:
            self._wake.set()

    def close(self) -> None:
        """Send what is left, within a bounded time; the rest is dropped."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_END_SECONDS)
        if self._sender is not None:
            self._sender.close()
        self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        try:
            self._sender = sender = self._open_sender()
        except Exception as error:  # noqa: BLE001  a library that does not load must not end a vault
            log.error("no traces are sent: %s", type(error).__name__)  # noqa: TRY400
            self._stop.wait()
            return
        until = 0.0
        while not self._stop.is_set() or (self._waiting and perf_counter() < until):
            self._wake.wait(EVERY_SECONDS)
            if self._stop.is_set() and not until:
                until = perf_counter() + _END_SECONDS
            self._wake.clear()
            while self._waiting and (not until or perf_counter() < until):
                self._send(sender, [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))])

    def _send(self, sender: Sender, some: Sequence[Done]) -> None:
        try:
            sent, failed = sender.send(some)
        except Exception as error:  # noqa: BLE001  as above
            sent, failed = 0, sum(1 + len(one.steps) for one in some)
            log.error("spans could not be made: %s", type(error).__name__)  # noqa: TRY400
        if sent:
            self._count(SPANS_SENT, sent)
        if failed:
            self._count(SPANS_FAILED, failed)
            if perf_counter() >= self._complain_at:
                self._complain_at = perf_counter() + _COMPLAIN_SECONDS
                log.warning("the collector of traces does not take them; see strongroom_spans_total")


_ENDS: ContextVar[list[str] | None] = ContextVar("strongroom_ends", default=None)


class Jobs:
    """Tells of jobs: each is a trace of its own, with all that was called and run for it."""

    def __init__(self, tell: Callable[[Done], None], new_id: Callable[[], str]) -> None:
        self._tell = tell
        self._new_id = new_id

    @contextmanager
    def watch(self, kind: str) -> Iterator[None]:
        """Around the work of one job, in the thread that does it."""
        steps, name, ends = Steps(), self._new_id(), [""]
        begun = perf_counter()
        token = _ENDS.set(ends)
        try:
            with working_for(steps, name):
                yield
        finally:
            _ENDS.reset(token)
            self._tell(
                Done(JOB, kind, name, ends[0] or "lost", "", "", "", "", "", begun, perf_counter(), time_ns(),
                     tuple(steps.done), steps.left_out)
            )  # fmt: skip

    @staticmethod
    def ended(*, done: bool) -> None:
        """The job of this thread is done, or has failed and comes again."""
        ends = _ENDS.get()
        if ends is not None:
            ends[0] = "done" if done else "failed"


class TracedFunctions:
    """A worker's way to functions (base.running.Functions): a run is part of the call that asked for it."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    @property
    def scratch_mb(self) -> int:
        """As Functions."""
        return self._functions.scratch_mb

    def offer(self) -> Offer:
        """As Functions."""
        return self._functions.offer()

    def invoke(self, invocation: Invocation) -> Invoked:
        """As Functions."""
        begun = perf_counter()
        done = self._functions.invoke(invocation)
        code = "failed" if done.failed else "not run" if done.refused or done.busy or done.denied else ""
        _ran(invocation.request_id, begun, code)
        return done


class TracedMachine:
    """What runs programs in the runner (base.running.Machine): a run is part of the job that asked for it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def run(self, key: str, load: Load, event: Event) -> Finished:
        """As Machine."""
        begun = perf_counter()
        code = "not run"
        try:
            finished = self._machine.run(key, load, event)
            code = "failed" if finished.failed else ""
        finally:
            _ran(event.request_id, begun, code)
        return finished

    def end(self, prefix: str, *, but_not: str = "") -> None:
        """As Machine."""
        self._machine.end(prefix, but_not=but_not)


def _ran(request_id: str, begun: float, code: str) -> None:
    there = within()
    if there is not None:
        steps, parent = there
        steps.add(Step(FUNCTION, "run", f"{request_id} run", parent, begun, perf_counter(), code))
