"""What a room says about a program that is to be run, and what comes back: words that ``server`` and rooms share.

Nothing here knows how it is run, or why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from strongroom.base.classes import dataclass, field


@dataclass(frozen=True, slots=True)
class Program:
    """One state of a function, whole. A process that was started for it serves it and nothing else.

    ``code`` and ``layers`` are zips; they and the environment are secret.
    ``environment`` is all that the function's process gets beside what the runtime adds.
    ``expires``: when its credentials end, by the machine's clock; a process does not outlive them.
    """

    name: str
    version: str
    runtime: str
    handler: str
    memory_mb: int
    scratch_mb: int
    code: bytes = field(repr=False)
    layers: Sequence[bytes] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One invocation. ``timeout`` in seconds, counted from when the function is ready for it."""

    request_id: str
    function_arn: str
    payload: bytes = field(repr=False)
    timeout: float
    client_context: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """What an invocation came to. ``failed``: the payload tells of an error of the function, not of ours.

    ``lines``: what it printed with our own lines around it: moments in ms since the epoch, and texts.
    ``stream``: the name of its process, the same for as long as that lives.
    """

    payload: bytes = field(repr=False)
    failed: bool
    lines: Sequence[tuple[int, str]] = field(repr=False)
    stream: str


class CannotRun(Exception):  # noqa: N818  it is an answer
    """The function was not run. ``busy``: it may be later."""

    def __init__(self, reason: str, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.busy = busy


Load = Callable[[], Program]
"""Fetches a program where a new process needs it: code and environment are opened for that moment only."""


class Machine(Protocol):
    """What runs programs in processes of their own."""

    def run(self, key: str, load: Load, event: Event) -> Finished:
        """One invocation. Processes are kept and used again for the same ``key``, one invocation at a time.

        Raises CannotRun, and whatever ``load`` raises.
        """
        ...

    def end(self, prefix: str, *, but_not: str = "") -> None:
        """Let go of idle processes whose key begins so, but for those of one key."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be run here. ``refused``: why nothing can, in one sentence; "" where functions run.

    ``warning``: what every start, health and log stream must say; "" where functions are isolated.
    """

    runtimes: tuple[str, ...] = ()
    refused: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation on its way to the runner. ``version_pk``: the row of what is to be run."""

    version_pk: int
    function_arn: str
    request_id: str
    payload: bytes = field(repr=False)
    client_context: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Invoked:
    """What came of it. ``refused``: why it was not run ("" where it was).

    ``busy``: the Reason of AWS's throttling, where it may be run later; ``denied``: the role cannot be assumed.
    """

    payload: bytes = field(default=b"", repr=False)
    failed: bool = False
    tail: str = field(default="", repr=False)
    refused: str = ""
    busy: str = ""
    denied: bool = False


class Functions(Protocol):
    """What a process that answers calls knows of running functions; the runner does it."""

    @property
    def scratch_mb(self) -> int:
        """The most that a function may have in /tmp."""
        ...

    def offer(self) -> Offer:
        """What can be run here. Asked when it is first needed: finding out takes longer than a start may."""
        ...

    def invoke(self, invocation: Invocation) -> Invoked:
        """Have it run, and wait. Never raises for what a caller or a function can cause. In no transaction."""
        ...
