"""One request on its way through the steps: what came, what it means, and what has come of it so far."""

from __future__ import annotations

from typing import NamedTuple

from strongroom.base.classes import dataclass, field
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Answerable
from strongroom.kernel import wire
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import AnyRecord, Call, Credential, Source
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.registry import Mode, Operation
from strongroom.kernel.storage.foresight import Foreseen

GLOBAL_REGION = "us-east-1"
NOBODY = Credential(Principal(PrincipalKind.ANONYMOUS, arn="anonymous", account=""), access_key_id="", secret="")


class Prepared(NamedTuple):
    """A write that was decided and worked out on a snapshot: what it changes, and what is told if that is kept."""

    foreseen: Foreseen
    reply: HTTPReply
    records: list[AnyRecord]


@dataclass(slots=True)
class Flight:
    """One request, from its bytes to its reply. ``begun``: perf_counter, for whoever counts; ``refusal`` as well.

    ``needs_time``: it was given up in the event loop, and is to be entered again in a thread.
    ``prepared``: a write that was worked out already, to be made where that still holds.
    """

    request: HTTPRequest
    source: Source
    call: Call
    route: wire.Route
    operation: Operation | None = None
    model: OperationModel | None = None
    reply: HTTPReply | None = None
    first_use: bool = False
    records: list[AnyRecord] = field(default_factory=list)
    begun: float = 0.0
    refusal: Answerable | None = None
    needs_time: bool = False
    prepared: Prepared | None = None

    @property
    def waits_outside(self) -> bool:
        """Whether the operation asks the world outside, so that it must not hold a thread that others need."""
        return self.operation is not None and self.operation.ahead is not None

    @property
    def slow(self) -> bool:
        """Whether the call waits or computes, as declared or as it said, so that it must not run in the event loop."""
        return self.needs_time or (self.operation is not None and self.operation.mode in (Mode.SLOW, Mode.SLOW_WRITE))

    def start_over(self) -> None:
        """Be as it was before any step, but for what the world outside has brought."""
        call = self.call
        call.records, call.target, call.decision, call.denial, call.told = [], None, None, None, None
        call.afterwards = None
        call.also = ()
        call.kept = []
        call.question = call.remembered = call.asked = None
        call.asks = 0
        call.plan, call.by_kin, call.kinless = None, False, False
        if call.steps is not None:
            call.steps.start_over()
        self.reply, self.records, self.refusal = None, [], None
        self.prepared = None
