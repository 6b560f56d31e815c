"""What one call, or one job, did and how long each part of it took: what a span of a trace is made of, and no more.

There is no value here, no parameter, no principal and no text of an error. Of resources there are secrets' ARNs alone.
Moments are those of ``perf_counter``; ``Done`` says what time it is at its end.
Our choice: docs/decisions/0052-traces.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

STEPS_AT_MOST: Final = 64
"""Of one call. Further ones are counted, not kept."""
FUNCTION: Final = "function"
JOB: Final = "job"


class Step(NamedTuple):
    """One part: a call on behalf, or the run of a function (service ``function``).

    ``parent``: the request id of the call that it was done for. ``code``: the error that it ended with, or nothing.
    ``repeated``: a call whose answer stood in this snapshot, and was not made again.
    """

    service: str
    name: str
    request_id: str
    parent: str
    begun: float
    ended: float
    code: str = ""
    secret: str = ""
    repeated: bool = False


class Steps:
    """The parts of one call so far. ``within``: the job (its steps and its id) that the call is made for."""

    __slots__ = ("begun", "done", "left_out", "within")

    def __init__(self, within: tuple[Steps, str] | None = None) -> None:
        self.done: list[Step] = []
        self.begun = 0.0
        self.left_out = 0
        self.within = within

    def add(self, step: Step) -> None:
        """Keep one part, as long as there are not too many."""
        if len(self.done) < STEPS_AT_MOST:
            self.done.append(step)
        else:
            self.left_out += 1

    def start_over(self) -> None:
        """The call is run again."""
        self.done = []
        self.left_out = 0


class Done(NamedTuple):
    """One call or job with its parts. ``service`` is ``job`` for a job, whose ``name`` is its kind.

    ``outcome``: one of metrics.tally.OUTCOMES, or how a job ended. ``moment_ns``: the machine's time at ``ended``.
    ``traceparent``: what a proven caller sent as W3C's header of that name, unread; or nothing.
    """

    service: str
    name: str
    request_id: str
    outcome: str
    code: str
    secret: str
    account: str
    region: str
    traceparent: str
    begun: float
    ended: float
    moment_ns: int
    steps: tuple[Step, ...]
    left_out: int


_WITHIN: ContextVar[tuple[Steps, str] | None] = ContextVar("strongroom_within", default=None)


def within() -> tuple[Steps, str] | None:
    """What this thread does just now: its steps and its id; None where nobody asks."""
    return _WITHIN.get()


@contextmanager
def working_for(steps: Steps, name: str) -> Iterator[None]:
    """What this thread does meanwhile is part of the call or job of this id."""
    token = _WITHIN.set((steps, name))
    try:
        yield
    finally:
        _WITHIN.reset(token)
