"""One function's process: started, given one event at a time, watched, ended.

Whatever it does, whoever waits for it gets an answer by the deadline, and ending it ends all that it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.base.running import CannotRun, Event, Finished, Program
from strongroom.server.functions import peers
from strongroom.server.functions.lines import Printed, moment_ms
from strongroom.server.functions.pythons import Python
from strongroom.server.functions.runtimeapi import Headers, RuntimeAPI
from strongroom.server.functions.sandbox import CODE_BYTES, Isolation, Place

INIT_SECONDS = 10.0
_INFO_SECONDS = 5.0
_WATCH_SECONDS = 0.1
_IDLE_WATCH_SECONDS = 1.0
_PROCESSES = 128
_DESCRIPTORS = 1024
_NICE = 10
_NAMESPACES_COUNT = tuple(int(one) for one in re.findall(r"\d+", platform.release())[:2]) >= (5, 14)
"""Whether processes in a user namespace are counted by themselves; before, they count with all of that user's."""
_SLACK_MB = 64
"""What a process may write to beyond its memory size: thread stacks and arenas are counted whole, and seldom used."""


def left_to_functions(most: int) -> frozenset[int]:
    """The processors that functions may use: so many of those this process may use, or all but one where that is 0.

    A server whose every processor is taken answers late, however readily a function gives one back: what runs inside
    the kernel for it goes on. Our choice; `python -m bench.rotation` measures it.
    """
    ours = sorted(os.sched_getaffinity(0))
    return frozenset(ours[-most:] if most else ours[1:] or ours)


@contextlib.contextmanager
def _on(processors: frozenset[int]) -> Iterator[None]:
    """Whatever this thread starts meanwhile may use these processors alone."""
    ours = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # what confines this server may forbid it
        os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


def _nice() -> int:
    """The nice value of a function: the server's own and some more."""
    return min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICE)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process came to its end, for the words in which Lambda tells it."""

    kind: str
    words: str


class FunctionProcess:
    """A process that serves one program. Made ready by ``start``; then ``invoke`` by one caller at a time."""

    def __init__(
        self,
        program: Program,
        python: Python,
        isolation: Isolation,
        slot: int,
        *,
        bundle: bytes,
        stream: str,
        processors: frozenset[int],
    ) -> None:
        self.program = program
        self.slot = slot
        self.stream = stream
        self._isolation = isolation
        self._processors = processors
        self._changed = threading.Condition()
        self._event: Event | None = None
        self._taken = False
        self._outcome: tuple[bytes, bool] | None = None
        self._ended: Ended | None = None
        self._ready = False
        self._closing = False
        self._not_started: bytes | None = None
        self._namespace: str | None = None
        self._most_bytes = 0
        self._begun = time.monotonic()
        self._init_ms: float | None = None
        self._api = RuntimeAPI(self, self._is_ours)
        self.printed = Printed()
        if isolation.warning:
            self.printed.note(f"WARNING: {isolation.warning}")
        self._child = self._spawn(program, python, bundle)
        self._api.start()
        for work in (self._read_output, self._watch):
            threading.Thread(target=work, name=f"function {program.name}", daemon=True).start()

    # ------------------------------------------------------------------ starting

    def _spawn(self, program: Program, python: Python, bundle: bytes) -> subprocess.Popen[bytes]:
        handed: list[int] = []

        def hand_in(content: bytes) -> int:
            descriptor = os.memfd_create("strongroom", 0)
            handed.append(descriptor)
            _write(descriptor, content)
            os.lseek(descriptor, 0, os.SEEK_SET)
            return descriptor

        told, info = os.pipe()
        try:
            place = self._isolation.place(
                self.slot, python, scratch_mb=program.scratch_mb, bundle=bundle, hand_in=hand_in, info_fd=info
            )
            orders = hand_in(_orders(program, place, self._environment(program, place)))
            with _on(self._processors):
                child = subprocess.Popen(  # noqa: S603  the words are ours
                    [*place.command, str(orders)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env={},
                    cwd="/",
                    pass_fds=(*handed, info),
                    start_new_session=True,
                )
        except BaseException:
            self._api.close()
            raise
        finally:
            os.close(info)
            for descriptor in handed:
                os.close(descriptor)
        with contextlib.suppress(OSError):  # until it does so itself, whole: its interpreter's start costs most
            os.setpriority(os.PRIO_PROCESS, child.pid, _nice())
            Path(f"/proc/{child.pid}/autogroup").write_text(str(_NICE))
        with os.fdopen(told, "rb") as file:
            self._namespace = _namespace_told(file.read())
        return child

    def _environment(self, program: Program, place: Place) -> dict[str, str]:
        """All that the process gets. Source: facts, lambda-and-others, 1.5 (captured, python3.12)."""
        packages = f"{place.layers_dir}/python/lib/{program.runtime}/site-packages:{place.layers_dir}/python"
        ours = {
            "_HANDLER": program.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{program.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(program.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": program.name,
            "AWS_LAMBDA_FUNCTION_VERSION": program.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "LAMBDA_TASK_ROOT": place.task_root,
            "LAMBDA_RUNTIME_DIR": place.runtime_path,
        }
        ready = {
            "HOME": "/tmp",  # noqa: S108  private to the process
            "LANG": "en_US.UTF-8",
            "LC_CTYPE": "C.UTF-8",
            "TZ": ":UTC",
            "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin:/bin:{place.layers_dir}/bin",
            "LD_LIBRARY_PATH": f"/var/lang/lib:{place.task_root}:{place.task_root}/lib:{place.layers_dir}/lib",
            "AWS_CA_BUNDLE": place.bundle,
            "SSL_CERT_FILE": place.bundle,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if place.temporary is not None:
            ready["TMPDIR"] = place.temporary
        made = {**ready, **program.environment, **ours}
        found = [packages, place.runtime_path, program.environment.get("PYTHONPATH", "")]
        made["PYTHONPATH"] = ":".join(part for part in found if part)
        return made

    # ------------------------------------------------------------------ one event at a time

    def invoke(self, event: Event) -> Finished:
        """Hand over one event and wait for what comes of it. The process is not usable again where it ``ended``."""
        self.printed.begin()
        with self._changed:
            self._event, self._taken, self._outcome = event, False, None
            self._changed.notify_all()
            # Its own timeout counts from when the function takes the event; starting has a bound of its own. One that
            # has been up for long takes it at once, or is stuck.
            starting = self._begun + INIT_SECONDS + event.timeout - time.monotonic()
            self._wait(lambda: self._taken, max(starting, INIT_SECONDS))
            begun = time.monotonic()
            in_time = self._taken and self._wait(lambda: self._outcome is not None, event.timeout)
            spent = time.monotonic() - begun
            outcome, ended = self._outcome, self._ended
            self._event = None
        if outcome is None and self._not_started is not None:
            outcome = self._not_started, True
        if outcome is None and self._closing:
            raise CannotRun("The server stops.", busy=True)  # the function has not failed
        if outcome is None and ended is None and not in_time:
            ended = Ended("Sandbox.Timedout", f"Task timed out after {event.timeout:.2f} seconds")
        if outcome is None:
            self.kill()
            self.printed.settle()
            ended = ended or Ended("Runtime.ExitError", "Runtime exited without providing a reason")
            outcome = _failure(ended, event), True
            if ended.kind == "Sandbox.Timedout":
                self.printed.note(f"{_iso_now()} {event.request_id} {ended.words}")
        if self._child.stdout is not None and not self._child.stdout.closed:
            with contextlib.suppress(OSError, ValueError):
                self.printed.settle_briefly(self._child.stdout.fileno())
        self._report(event, spent)
        return Finished(outcome[0], outcome[1], self.printed.take(), self.stream)

    def _wait(self, for_what: Callable[[], bool], seconds: float) -> bool:
        """Wait with the lock held; False where time or the process came to an end first."""
        self._changed.wait_for(lambda: for_what() or self._ended is not None or self._closing, max(0.0, seconds))
        return for_what()

    def _report(self, event: Event, spent: float) -> None:
        spent_ms = spent * 1000
        line = (
            f"REPORT RequestId: {event.request_id}\tDuration: {spent_ms:.2f} ms\t"
            f"Billed Duration: {int(spent_ms) + 1} ms\tMemory Size: {self.program.memory_mb} MB\t"
            f"Max Memory Used: {self._most_bytes >> 20} MB\t"
        )
        if self._init_ms is not None:
            line, self._init_ms = f"{line}Init Duration: {self._init_ms:.2f} ms\t", None
        self.printed.note(f"END RequestId: {event.request_id}")
        self.printed.note(line)

    @property
    def ended(self) -> bool:
        """Whether it can serve nothing more."""
        return self._ended is not None or self._closing or self._not_started is not None

    # ------------------------------------------------------------------ what the Runtime API asks (Function)

    def next(self) -> tuple[Headers, bytes] | None:
        """Give out the event that waits, or the one that comes."""
        with self._changed:
            if not self._ready:
                self._ready = True
                self._init_ms = (time.monotonic() - self._begun) * 1000
            self._changed.wait_for(
                lambda: self._closing or self._ended is not None or (self._event is not None and not self._taken)
            )
            if self._closing or self._ended is not None or self._event is None:
                return None
            self._taken = True
            self.printed.note(f"START RequestId: {self._event.request_id} Version: {self.program.version}")
            self._changed.notify_all()
            return _event_headers(self._event), self._event.payload

    def result(self, request_id: str, body: bytes, *, failed: bool) -> bool:
        """Take the result of the event that is under way."""
        with self._changed:
            if self._event is None or self._event.request_id != request_id or self._outcome is not None:
                return False
            self._outcome = body, failed
            self._changed.notify_all()
            return True

    def not_started(self, body: bytes) -> None:
        """Keep the first reason why it could not start; its end follows by itself."""
        with self._changed:
            if self._not_started is None and not self._ready:
                self._not_started = body

    # ------------------------------------------------------------------ watching and ending

    def _is_ours(self, connection: socket.socket) -> bool:
        if self._isolation.warning:
            return True  # nothing keeps functions apart, and everything says so
        if self._isolation.as_root:
            return peers.is_of_uid(connection, self._isolation.uid_of(self.slot))
        return self._namespace is not None and peers.is_of_namespace(connection, self._namespace)

    def _read_output(self) -> None:
        """Read what it prints, always, so that printing never blocks it; how much is kept is bounded."""
        output = self._child.stdout
        if output is None:
            raise RuntimeError("a process without output")
        with output, contextlib.suppress(OSError, ValueError):
            while self.printed.read_from(output.fileno()):
                pass
        self.printed.close()

    def _watch(self) -> None:
        """Wait for its end, and bring it about where it takes more memory than it may."""
        limit = self.program.memory_mb << 20
        while True:
            try:
                code = self._child.wait(self._pace)
                break
            except subprocess.TimeoutExpired:
                pass
            used, processes = self._in_use()
            if used > limit and self._namespace is not None:
                used = peers.proportional_bytes(self._namespace)
            self._most_bytes = max(self._most_bytes, used)
            if used > limit + (_SLACK_MB << 20) or processes > 2 * _PROCESSES:
                self._end(Ended("Runtime.OutOfMemory", "Runtime exited with error: signal: killed"))
        self._end(_ended_with(code))
        self._api.close()
        self._isolation.clear(self.slot)

    @property
    def _pace(self) -> float:
        """How long to look away: seconds while it idles, a moment while it works."""
        return _WATCH_SECONDS if self._event is not None or not self._ready else _IDLE_WATCH_SECONDS

    def _in_use(self) -> tuple[int, int]:
        if self._namespace is not None:
            return peers.in_use(self._namespace, age=0.8 * self._pace)
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = Path(f"/proc/{self._child.pid}/statm").read_text("ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE"), 1
        return 0, 1

    def _end(self, how: Ended) -> None:
        with self._changed:
            if self._ended is None:
                self._ended = how
            self._changed.notify_all()
        self._kill_child()

    def kill(self) -> None:
        """End it and all that it started, now, and wait until it is gone."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._kill_child()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(5.0)
        self._api.close()

    def _kill_child(self) -> None:
        # bubblewrap's child is the first process of a PID namespace: with it, all others end (pid_namespaces(7)).
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)


def _orders(program: Program, place: Place, environment: Mapping[str, str]) -> bytes:
    zips = [*((layer, place.layers_dir) for layer in program.layers), (program.code, place.task_root)]
    memory = (program.memory_mb + _SLACK_MB) << 20
    limits = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": _DESCRIPTORS, "RLIMIT_DATA": memory}
    if place.uid is not None or _NAMESPACES_COUNT:
        limits["RLIMIT_NPROC"] = _PROCESSES
    head = json.dumps(
        {
            "zips": [(len(packed), where) for packed, where in zips],
            "unpacked_bytes": CODE_BYTES,
            "uid": place.uid,
            "limits": limits,
            "nice": _nice(),
            "group_nice": _NICE,
            "task_root": place.task_root,
            "argv": [place.python, "-m", "awslambdaric", program.handler],
            "environment": dict(environment),
        }
    ).encode()
    return b"".join([len(head).to_bytes(8, "big"), head, *(packed for packed, _ in zips)])


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _namespace_told(info: bytes) -> str | None:
    """The PID namespace that bubblewrap says it made. Source: bwrap(1), --info-fd."""
    try:
        found = json.loads(info)
    except ValueError:
        return None
    number = found.get("pid-namespace")
    return None if number is None else f"pid:[{number}]"


def _ended_with(code: int) -> Ended:
    """How Lambda tells an exit. Source: facts, lambda-and-others, 1.3."""
    if code == 0:
        return Ended("Runtime.ExitError", "Runtime exited without providing a reason")
    if code < 0 or code > 128:
        name = "killed" if code in (-signal.SIGKILL, 128 + signal.SIGKILL) else "terminated"
        return Ended("Runtime.ExitError", f"Runtime exited with error: signal: {name}")
    return Ended("Runtime.ExitError", f"Runtime exited with error: exit status {code}")


def _failure(ended: Ended, event: Event) -> bytes:
    return json.dumps(
        {"errorType": ended.kind, "errorMessage": f"RequestId: {event.request_id} Error: {ended.words}"}
    ).encode()


def _event_headers(event: Event) -> dict[str, str]:
    deadline = moment_ms() + int(event.timeout * 1000)
    headers = {
        "Lambda-Runtime-Aws-Request-Id": event.request_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline),
        "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
        "Lambda-Runtime-Trace-Id": f"Root=1-{deadline // 1000:08x}-{event.request_id.replace('-', '')[:24]};Sampled=0",
    }
    if event.client_context is not None:
        headers["Lambda-Runtime-Client-Context"] = event.client_context
    return headers


def _iso_now() -> str:
    now = moment_ms()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now / 1000)) + f".{now % 1000:03d}Z"
