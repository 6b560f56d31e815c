"""The chain where calls are traced: the same steps in the same order, each part of a call with its times.

It stands in the place of ``chain.Chain`` only where the operator asked for traces, so that nobody else pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, time_ns
from typing import Any

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, AnyRecord, Call, Credential, Remembered, Source, Target
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.metrics.outcomes import outcome_of
from strongroom.kernel.metrics.steps import Done, Step, Steps, within, working_for
from strongroom.kernel.metrics.tally import ANSWERED, OTHER, OUTCOMES
from strongroom.kernel.storage.port import Transaction

Told = Callable[[Done], None]
"""Who is told of each call that is done. It must not wait."""
_SECRETS = "secretsmanager"
_LONGEST_PARENT = 256


class TracedChain(Chain):
    """Chain, with times. ``told`` hears of calls that no request brought; requests are told of by whoever answers."""

    def __init__(self, *, told: Told, **parts: Any) -> None:
        super().__init__(**parts)
        self._told = told

    def begin(self, request: HTTPRequest, source: Source) -> Flight:
        """As Chain."""
        flight = super().begin(request, source)
        flight.call.steps = Steps()
        return flight

    def go_on_outside(self, flight: Flight) -> None:
        """As Chain; what the thread then waits for is part of the call."""
        with working_for(_steps_of(flight.call), flight.call.request_id):
            super().go_on_outside(flight)

    def unasked(self, who: Credential, service: str, operation: str, *, region: str, **params: Any) -> Call:
        """As OnBehalf; part of the job that this thread does."""
        call = super().unasked(who, service, operation, region=region, **params)
        call.steps = Steps(within())
        return call

    def perform(self, call: Call, tx: Transaction) -> tuple[Answer | Answerable, list[AnyRecord]]:
        """As OnBehalf."""
        steps = _steps_of(call)
        steps.start_over()
        steps.begun = steps.begun or perf_counter()
        answer, records = super().perform(call, tx)
        if call.afterwards is None or isinstance(answer, Answerable):
            self._ended(call, answer, records)
        return answer, records

    def perform_outside(self, call: Call) -> tuple[Answer | Answerable, list[AnyRecord]]:
        """As OnBehalf."""
        with working_for(_steps_of(call), call.request_id):
            answer, records = super().perform_outside(call)
        self._ended(call, answer, records)
        return answer, records

    def repeat(self, call: Call, asked: Remembered) -> None:
        """As OnBehalf; a part that took no time."""
        super().repeat(call, asked)
        service, _, name = asked.decision.request.action.partition(":")
        now = perf_counter()
        secret = secret_of(service, asked.target)
        _steps_of(call).add(Step(service, name, "", call.request_id, now, now, "", secret, repeated=True))

    def _child(self, call: Call, service: str, operation: str, params: Mapping[str, Any]) -> Call:
        child = super()._child(call, service, operation, params)
        child.steps = call.steps
        return child

    def _asked(self, call: Call, child: Call, tx: Transaction) -> Answer:
        begun = perf_counter()
        try:
            answer = super()._asked(call, child, tx)
        except Answerable:
            self._step(call, child, begun, _code(call.records))
            raise
        self._step(call, child, begun, "")
        return answer

    @staticmethod
    def _step(call: Call, child: Call, begun: float, code: str) -> None:
        secret = secret_of(child.service, child.target)
        step = Step(child.service, child.name, child.request_id, call.request_id, begun, perf_counter(), code, secret)
        _steps_of(call).add(step)

    def _ended(self, call: Call, answer: Answer | Answerable, records: Sequence[AnyRecord]) -> None:
        """Tell of a call that no request brought, or make it part of the job that it was made for."""
        steps = _steps_of(call)
        refusal = answer if isinstance(answer, Answerable) else None
        code = "" if refusal is None else _code(records)
        if steps.within is None:
            self._told(done(call, call.service, call.name, refusal, code, begun=steps.begun))
            return
        theirs, job = steps.within
        secret = secret_of(call.service, call.target)
        theirs.add(Step(call.service, call.name, call.request_id, job, steps.begun, perf_counter(), code, secret))
        theirs.left_out += steps.left_out
        for step in steps.done:
            theirs.add(step)


def flown(flight: Flight) -> Done:
    """A request that is answered now.

    The trace of whoever asked is taken over from proven callers alone: nobody else may write into it, or have their
    calls sent where the operator's sampler says otherwise.
    """
    call, refusal, operation = flight.call, flight.refusal, flight.operation
    code = "" if refusal is None else _code(flight.records)
    parent = flight.request.header(b"traceparent") if call.account else None
    if parent is None or len(parent) > _LONGEST_PARENT:
        parent = ""
    # Words of a client's own choice make no name.
    name = OTHER if operation is None else operation.name
    service = flight.route.service if operation is not None else OTHER
    return done(call, service, name, refusal, code, begun=flight.begun, traceparent=parent)


def done(
    call: Call, service: str, name: str, refusal: Answerable | None, code: str, *, begun: float, traceparent: str = ""
) -> Done:
    """A call that ends now."""
    steps = _steps_of(call)
    return Done(
        service,
        name,
        call.request_id,
        OUTCOMES[ANSWERED if refusal is None else outcome_of(refusal)],
        code,
        secret_of(service, call.target),
        call.account,
        call.region,
        traceparent,
        begun,
        perf_counter(),
        time_ns(),
        tuple(steps.done),
        steps.left_out,
    )


def secret_of(service: str, target: Target | None) -> str:
    """The ARN of the secret that a call was about, where there is one."""
    if service != _SECRETS or target is None or target.found is None:
        return ""
    return target.arn


def _code(records: Sequence[AnyRecord]) -> str:
    """The code of a refusal, as the record that was made last has it."""
    return str(records[-1].event.get("errorCode") or "") if records else ""


def _steps_of(call: Call) -> Steps:
    if call.steps is None:
        call.steps = Steps()
    return call.steps
