"""The supervisor: holds the directory, the sockets and the root key; keeps the workers and the runner alive.

One thread, no event loop library, no store. What dies is started again after a pause that grows; what the
operator asks comes over ``run/admin.sock`` (``admin.py``).
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.clock import Clock, machine_clock
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.server import runner, worker
from strongroom.server.certificates import OwnCertificates
from strongroom.server.child import Child, fork_child
from strongroom.server.directory import DataDirectory
from strongroom.server.errand import LOST, start_errand
from strongroom.server.lines import BadLine, Message
from strongroom.server.parts import Parts, Serving, StartRefused
from strongroom.server.reactor import Reactor
from strongroom.server.worker import Files

_DAY = 86_400.0
_ACK_SECONDS = 5.0
_ERRAND_SECONDS = 120.0
_PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_SETTLED_SECONDS = 30.0
_TRIES_AT_START = 3
_RUNNER_WAITS_SECONDS = 1.0
RUNNER = "runner"


@dataclass(slots=True)
class Post:
    """One place that must always be filled: a worker's slot, or the runner's."""

    name: str
    run: Callable[[socket.socket], None]
    listener: socket.socket | None = None
    child: Child | None = None
    failures: int = 0
    restarts: int = -1


@dataclass(slots=True)
class _Order:
    """Something told to every child; ``then`` is called when all have done it or are gone."""

    waiting: set[int]
    then: Callable[[], None]


class Supervisor:
    """One running server. ``root_key`` is None while it is sealed."""

    def __init__(
        self,
        parts: Parts,
        serving: Serving,
        directory: DataDirectory,
        *,
        listeners: list[socket.socket],
        certificates: OwnCertificates | None,
        files: Files | None,
        say: Callable[[str], None],
        clock: Clock = machine_clock,
    ) -> None:
        self.parts = parts
        self.serving = serving
        self.directory = directory
        self.reactor = Reactor()
        self.root_key: bytes | None = None
        self.draining = False
        self.failure: str | None = None
        self.started = time.monotonic()
        self._say = say
        self._clock = clock
        self._listeners = listeners
        self._certificates = certificates
        self.on_behind: Callable[[], None] = lambda: None
        self._was_ready = False
        self._on_ready: Callable[[], None] = lambda: None
        self._orders: dict[int, _Order] = {}
        self._numbers = 0
        self._errands: dict[int, Child] = {}
        self._closers: list[Callable[[], None]] = []
        serve = functools.partial(worker.serve, parts=parts, serving=serving, certificate=files)
        self._workers = [
            Post(f"worker {slot}", functools.partial(serve, slot=slot, listener=listener), listener)
            for slot, listener in enumerate(listeners)
        ]
        self._runner = Post(RUNNER, functools.partial(runner.serve, parts=parts, directory=directory))
        self.posts = [*self._workers, self._runner]

    # The life of the whole

    def run(self, root_key: bytes | None, on_ready: Callable[[], None]) -> int:
        """Serve until told to stop; the exit status. ``on_ready`` is called once all children answer."""
        self.root_key = root_key
        self._on_ready = on_ready
        self.reactor.on_signal(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.reactor.on_signal(number, self.drain)
        self.reactor.on_signal(signal.SIGHUP, self.reload)
        try:
            for post in self._workers:
                self._fill(post)
            self.reactor.later(_RUNNER_WAITS_SECONDS, self._fill_runner)
            self.reactor.later(_DAY, self._daily)
            self.reactor.run()
        finally:
            self._end_all()
            self.reactor.close()
        if self.failure is not None:
            self._say(self.failure)
            return 1
        return 0

    def drain(self) -> None:
        """Stop: no new connections, what was begun is finished. Told twice, or too slow: stop at once."""
        if self.draining:
            self._kill_all()
            return
        self.draining = True
        for listener in self._listeners:
            listener.close()
        for child in self.children():
            if child.name == RUNNER:
                child.tell({"do": "drain"})
            else:
                child.signal(signal.SIGTERM)
        self.reactor.later(self.serving.limits.drain_timeout, self._kill_all)
        self._stop_when_empty()

    @property
    def state(self) -> str:
        """``draining``, ``sealed``, ``starting`` or ``ready``."""
        if self.draining:
            return "draining"
        if not all(post.child is not None and post.child.ready for post in self.posts):
            return "starting"
        return "sealed" if self.root_key is None else "ready"

    def children(self) -> list[Child]:
        """The children that live, workers first."""
        return [post.child for post in self.posts if post.child is not None]

    def on_fork(self, close: Callable[[], None]) -> None:
        """Have ``close`` called in every child that is forked from now on, to let go of our descriptors."""
        self._closers.append(close)

    # Keys and certificates

    def unseal(self, root_key: bytes, then: Callable[[], None]) -> None:
        """Give the root key to every child; ``then`` when all answer calls."""
        self.root_key = root_key
        self.renew()
        self._order({"do": "unseal", "root_key": root_key.hex()}, then)

    def seal(self, then: Callable[[], None]) -> None:
        """Have the root key forgotten everywhere; ``then`` when that is certain."""
        self.root_key = None
        self._order({"do": "seal"}, then)

    def catch_up(self, then: Callable[[], None]) -> None:
        """Have every child know the root keys as they stand in the store; ``then`` when all do.

        INVARIANT: no root is retired before this was done on every node whose seal gave it, so that a process that
        has nothing to do meanwhile never finds a link missing.
        """
        self._order({"do": "catch up"}, then)

    @property
    def certificates(self) -> OwnCertificates | None:
        """Our own certificates, where they are made by us."""
        return self._certificates

    def renew(self) -> None:
        """Renew our own certificate where that is due, and have it used. Needs the root key."""
        if self._certificates is None or self.root_key is None:
            return
        try:
            changed = self._certificates.renew(Keyring(self.root_key), self._clock())
        except StartRefused as refusal:
            self._say(f"the certificate was not renewed: {refusal}")
            return
        if changed:
            self.reload()

    def reload(self) -> None:
        """Have every worker read the certificate files again."""
        self._order({"do": "reload"}, lambda: None, only_workers=True)

    def tell(self, text: str) -> None:
        """One sentence for the operator's log."""
        self._say(text)

    def _daily(self) -> None:
        self.renew()
        self.reactor.later(_DAY, self._daily)

    def _order(self, message: Message, then: Callable[[], None], *, only_workers: bool = False) -> None:
        self._numbers += 1
        number = self._numbers
        told = [child for child in self.children() if not (only_workers and child.name == RUNNER)]
        self._orders[number] = _Order({child.pid for child in told}, then)
        for child in told:
            if not child.tell({**message, "id": number}):
                child.signal(signal.SIGKILL)
        self.reactor.later(_ACK_SECONDS, functools.partial(self._kill_silent, number))
        self._check_orders()

    def _kill_silent(self, number: int) -> None:
        """Who has not done it in time is ended, and starts again in the right state."""
        order = self._orders.get(number)
        for child in self.children():
            if order is not None and child.pid in order.waiting:
                self._say(f"{child.name} did not answer and is started again")
                child.signal(signal.SIGKILL)

    def _check_orders(self) -> None:
        for number in [number for number, order in self._orders.items() if not order.waiting]:
            self._orders.pop(number).then()

    # Children

    def errand(self, name: str, work: Callable[[], Mapping[str, Any]], then: Callable[[Message], None]) -> None:
        """Do something in a process of its own; ``then`` gets its message (see ``errand.outcome_of``)."""
        child = start_errand(name, work, abandon=self._abandon)
        self._errands[child.pid] = child
        self.reactor.later(_ERRAND_SECONDS, functools.partial(self._give_up_errand, child))
        answered: list[Message] = []

        def on_readable() -> None:
            try:
                chunk = child.channel.recv(65536)
                answered.extend(child.lines.feed(chunk))
            except BlockingIOError:
                return
            except (OSError, BadLine):
                chunk = b""
            if answered or not chunk:
                self.reactor.forget(child.channel)
                child.channel.close()
                then(answered[0] if answered else {"refused": LOST})

        self.reactor.watch(child.channel, on_readable)

    def _give_up_errand(self, child: Child) -> None:
        if self._errands.get(child.pid) is child:
            child.signal(signal.SIGKILL)

    def _fill(self, post: Post) -> None:
        if self.draining:
            return
        child = fork_child(post.name, post.run, abandon=functools.partial(self._abandon, post.listener))
        post.child = child
        post.restarts += 1
        self.reactor.watch(child.channel, functools.partial(self._hear, post, child))
        child.tell({"do": "start", "root_key": None if self.root_key is None else self.root_key.hex()})

    def _fill_runner(self) -> None:
        """Start the runner the first time: after the workers, for whose cores it would ask before they answer."""
        if self._runner.restarts < 0:
            self._fill(self._runner)

    def _abandon(self, keep: socket.socket | None = None) -> None:
        """In a new child: let go of everything but its own listening socket."""
        self.reactor.abandon()
        for listener in self._listeners:
            if listener is not keep:
                listener.close()
        for child in (*self.children(), *self._errands.values()):
            child.channel.close()
        for close in self._closers:
            close()

    def _hear(self, post: Post, child: Child) -> None:
        try:
            chunk = child.channel.recv(65536)
            messages = list(child.lines.feed(chunk))
        except BlockingIOError:
            return
        except (OSError, BadLine):
            chunk, messages = b"", []
        if not chunk:
            self.reactor.forget(child.channel)
            child.signal(signal.SIGKILL)
            return
        for message in messages:
            if message.get("ready"):
                child.ready = True
                self._announce()
            elif message.get("behind"):
                self.on_behind()
            elif message.get("refused"):
                self._say(f"{post.name}: {message['refused']}")
            order = self._orders.get(message.get("id", 0))
            if order is not None:
                order.waiting.discard(child.pid)
                self._check_orders()

    def _announce(self) -> None:
        if all(post.child is not None and post.child.ready for post in self._workers):
            self._fill_runner()
        if not self._was_ready and all(post.child is not None and post.child.ready for post in self.posts):
            self._was_ready = True
            self._on_ready()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if self._errands.pop(pid, None) is None:
                self._bury(pid, status)
        self._stop_when_empty()

    def _bury(self, pid: int, status: int) -> None:
        post = next((post for post in self.posts if post.child is not None and post.child.pid == pid), None)
        if post is None or post.child is None:
            return
        child, post.child = post.child, None
        with contextlib.suppress(KeyError, ValueError):
            self.reactor.forget(child.channel)
        child.channel.close()
        for order in self._orders.values():
            order.waiting.discard(pid)
        self._check_orders()
        if self.draining:
            return
        lived = time.monotonic() - child.started
        post.failures = 1 if lived > _SETTLED_SECONDS else post.failures + 1
        if not self._was_ready and post.failures >= _TRIES_AT_START:
            self.failure = f"{post.name} could not start"
            self.drain()
            return
        pause = _PAUSES[min(post.failures - 1, len(_PAUSES) - 1)]
        self._say(f"{post.name} (pid {pid}) {_ended(status)}; started again in {pause:g} s")
        self.reactor.later(pause, functools.partial(self._fill, post))

    def _stop_when_empty(self) -> None:
        if self.draining and not self.children():
            self.reactor.stop()

    def _kill_all(self) -> None:
        for child in self.children():
            child.signal(signal.SIGKILL)

    def _end_all(self) -> None:
        for child in (*self.children(), *self._errands.values()):
            child.end()


def _ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
