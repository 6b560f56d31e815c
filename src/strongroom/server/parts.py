"""What the composition root hands to the server: how to prepare a store, and what each process is made of.

``server`` knows processes, sockets and TLS, and nothing of rooms. ``app`` implements ``Parts`` for one set of
settings. The supervisor calls it only in children, so that it never holds a store, a thread or a loop itself.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from strongroom.base.classes import dataclass, field
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.values import value_object

if TYPE_CHECKING:
    from strongroom.server.admission import Standing  # a client's commands do without the chain

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
"""One ASGI 3 application. It is called with scope type ``http`` only.

``scope["headers"]`` has lower-case names and the order of the wire; ``scope["raw_path"]`` and
``scope["query_string"]`` are still percent-encoded; ``scope["state"]["tls"]`` is a ``TLSDetails`` or None,
``scope["state"]["standing"]`` the connection's ``Standing``.
The head and the body are already bounded when ``receive`` hands them out (see ``WireLimits``).
"""


class TLSDetails(NamedTuple):
    """How one connection is protected, as CloudTrail's ``tlsDetails`` prints it."""

    version: str
    cipher: str


@value_object
class StreamReply(HTTPReply):
    """A reply whose body goes on: ``run`` sends head and body, and returns at its end."""

    run: Callable[[Receive, Send], Awaitable[None]]


class Held(Protocol):
    """A reply that may not leave yet: its record goes out with all others of this turn of the loop, or with a commit.

    ``deliver`` is set by whoever shall have the reply; it is called once, in the event loop.
    """

    deliver: Callable[[HTTPReply], None] | None

    @property
    def can_hurry(self) -> bool:
        """Whether it waits for nothing but the end of this turn."""
        ...

    def hurry(self) -> None:
        """Deliver it now, with all others that are held, if it can."""
        ...


AtOnce = Callable[[HTTPRequest, str, TLSDetails | None, "Standing"], HTTPReply | Held | Coroutine[Any, Any, HTTPReply]]
"""The same application for a request that is whole already: the request, the client's address, its protection, and
what the connection has proven so far.

It answers in the event loop's thread, holds the answer until the end of this turn or until its commit, or gives a
coroutine where the answer must wait. It never blocks.
"""


Bare = tuple[int, bytes]
"""A whole answer but for the status line and the headers that every answer has: its status, and the bytes behind."""


Glance = Callable[[bytes, "Standing"], Bare | None]
"""What refuses a request for want of a place, from its bytes and what its connection has proven; None where it is to
be read, whether there is a place or not.
"""


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Bounds of what one client may send and hold. Times in seconds, sizes in bytes."""

    max_body_bytes: int = 1024 * 1024
    max_code_bytes: int = 72 * 1024 * 1024
    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    keep_alive: float = 75.0
    max_connections: int = 1024
    max_pipelined: int = 16
    backlog: int = 1024
    drain_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Serving:
    """All that the server itself takes from the settings.

    ``tls``: ``auto``, ``off``, or a pair of files (certificate chain, key) written ``CERT,KEY``.
    ``hosts``: further names under which clients may call, beside the usual ones of ``hosts.HostCheck``.
    ``about``: what ``run/endpoint.json`` repeats to the command line (default Region, account); no secrets.
    """

    data: Path
    host: str
    port: int
    workers: int
    tls: str
    seal: str
    seal_command: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    limits: WireLimits = field(default_factory=WireLimits)
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What preparing the store found and made.

    ``fresh``: this was the store's first start. ``administrator``: the first administrator was made now, and
    the keys lie in ``DIR/credentials``. ``notes``: sentences for the screen (a migration that ran, say).
    """

    fresh: bool
    administrator: bool
    notes: tuple[str, ...] = ()


class StartRefused(Exception):  # noqa: N818  it is an answer to the operator
    """The server cannot start, or a command cannot be done; its one sentence says why. No traceback."""


class WorkerParts(Protocol):
    """One API worker's half of the product, opened after the fork."""

    @property
    def asgi(self) -> ASGI:
        """The application. Callable at once, also while sealed (it then answers 503)."""
        ...

    @property
    def at_once(self) -> AtOnce:
        """The application's short way, for requests that are whole when they are read."""
        ...

    @property
    def glance(self) -> Glance:
        """The application's shortest way, for requests that have no place."""
        ...

    def unseal(self, root_key: bytes) -> None:
        """Take the root key. Called in the event loop's thread; returns when calls are answered again."""
        ...

    def catch_up(self) -> None:
        """Know the root keys as they stand in the store now. Nothing while sealed."""
        ...

    def drain(self) -> None:
        """Let answers that go on end: the worker is about to stop."""
        ...

    def seal(self) -> None:
        """Forget the root key and all that it opened. When it returns, no call is answered but with 503."""
        ...

    def close(self) -> None:
        """Finish what was accepted, sync the journal, give back the store."""
        ...


class RunnerParts(Protocol):
    """The runner's half of the product. Exists only while a root key is there."""

    def run(self, stop: threading.Event) -> None:
        """Do due jobs, with bounded sleeps, until ``stop`` is set."""
        ...

    def run_due_now(self) -> int:
        """Do everything that is due by the product's clock now; how many jobs were done. From any thread."""
        ...

    def catch_up(self) -> None:
        """Know the root keys as they stand in the store now. From any thread."""
        ...

    def is_behind(self) -> bool:
        """Whether this node's seal gives an older root key than the one that seals now. From any thread."""
        ...

    def close(self) -> None:
        """Give back leases and the store. Called after ``run`` has returned."""
        ...


class Parts(Protocol):
    """The product as the supervisor sees it; ``app`` makes one from the settings.

    Every method but ``preload`` runs in a freshly forked child, never in the supervisor. ``root_key`` is None while
    sealed.
    """

    def initialised(self) -> bool:
        """Whether the store belongs to a root key already. Asked before a new one is made; changes nothing.

        Raises StartRefused where the store is out of reach.
        """
        ...

    def prepare(self, root_key: bytes | None) -> Prepared:
        """Bring the store up to date and test the key check value, before any child serves.

        First start: tables, node id, key check value, first administrator. Called again on ``unseal``, so
        it must be repeatable. Raises StartRefused: wrong root key, newer schema, store out of reach, or a
        store without a check value while ``root_key`` is None.
        """
        ...

    def preload(self) -> None:
        """Import and work out what all children need, before they are forked: they share it.

        The one method that runs in the supervisor, while ``prepare`` runs in a child: it opens nothing.
        """
        ...

    def open_worker(self, root_key: bytes | None, slot: int) -> WorkerParts:
        """The parts of API worker number ``slot`` (0-based; a restarted worker gets its slot again)."""
        ...

    def open_runner(self, root_key: bytes) -> RunnerParts:
        """The parts of the runner."""
        ...

    def rotate(self, root_key: bytes) -> bytes:
        """Begin to replace the root key, or join what is under way; the root key that seals from now on."""
        ...

    def newest_root(self, root_key: bytes) -> tuple[bytes, ...]:
        """The root key that seals now, and the one that it is replacing where that still opens things."""
        ...

    def hold(self, root_key: bytes) -> None:
        """Note that this node's seal gives this root key, and that nothing outside the store needs an older one."""
        ...

    def admin(self, command: Mapping[str, Any], root_key: bytes | None) -> Mapping[str, Any]:
        """One operator's command that touches the store. Raises StartRefused with the reason.

        ``{"do": "account create", "account": "123456789012" | None}`` ->
            ``{"account": ..., "user": "admin", "access_key_id": ..., "secret_access_key": ...}``
        ``{"do": "admin reset"}`` -> the same shape, for the default account; also written to DIR/credentials.
        ``{"do": "clock status"}`` ->
            ``{"now": iso, "machine": iso, "offset_seconds": int, "dev_clock": bool}``
        ``{"do": "seal standing"}`` -> ``{"root": number, "since": iso, "rotating": bool, "behind": [node], ...}``
        ``{"do": "seal forget", "node": ...}`` -> ``{"node": ...}``: that node is gone for good
        ``{"do": "seal changed", "from": kind, "to": kind}`` -> ``{}``: recorded, and nothing else
        """
        ...
