"""Many requests of one operation that one call brought, worked out one after the other on one groundwork.

Each passes the steps of every call: validated, located, decided, handled, recorded by itself. They have their caller,
source and time in common; so decisions follow from earlier ones where nothing but patterns decides (authz/general.py),
and what their records have in common is written once (journal/written.py).
Source: docs/decisions/0065-imports-on-all-workers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from strongroom.kernel.authz.general import Plan
from strongroom.kernel.authz.model import Decision, ResourceRule
from strongroom.kernel.call import Answer, AnyRecord, Call, Record, Remembered, Repeat, Target
from strongroom.kernel.journal import event
from strongroom.kernel.journal.redact import request_parameters, response_elements
from strongroom.kernel.journal.written import Family, Form, WrittenApart
from strongroom.kernel.model.overlay import overlay_of
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.model.walker import validate
from strongroom.kernel.records import Records
from strongroom.kernel.registry import Operation
from strongroom.kernel.storage.port import Transaction

FAMILIES_AT_MOST = 64
Inside = Callable[[Call, Operation, Transaction], Answer]
Begin = Callable[[Mapping[str, Any]], Call]


class Asked(NamedTuple):
    """A call on behalf of one request, which the others make too, in all but one parameter (``Operation.apart``)."""

    child: Call
    rest: Mapping[str, Any]
    model: OperationModel
    found: Remembered
    repeat: Repeat
    form: Form


class Common:
    """What the requests of one groundwork have in common: plans of decisions, and calls on behalf (Call.common).

    Both hold there as long as it lasts, and it is of one caller: nothing has to be compared but what is asked.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._plans: dict[tuple[str, str], Plan] = {}
        self._asked: dict[tuple[str, str], Asked] = {}

    def plan(self, call: Call, action: str, target: Target) -> Plan | None:
        """The plan that decides about an action on a resource that has nothing of its own to say; None if unknown."""
        if call.invoked_by is not None or not says_nothing(target):
            return None
        return self._plans.get((action, target.account))

    def learn_plan(self, call: Call, action: str, target: Target, plan: Plan) -> None:
        """Keep a plan that was found for a request itself."""
        if call.invoked_by is None and says_nothing(target):
            self._plans[action, target.account] = plan

    def ask(self, call: Call, service: str, operation: str, params: Mapping[str, Any]) -> Answer | None:
        """The answer of a call on behalf that is like an earlier one, recorded; None where it has to be made."""
        asked = self._asked.get((service, operation))
        if asked is None or len(params) != len(asked.rest) + 1 or not asked.rest.items() <= params.items():
            return None
        child = asked.child
        child.params = params
        if child.apart not in params or not asked.found.decision.allowed:
            return None
        form = asked.form.other(request_parameters(params, asked.model))
        made = asked.repeat.anew(child)
        if form is None or made is None:
            return None
        when = event.second(child.machine_now)
        call.records.append(WrittenApart(form, when, self._new_id(), self._new_id(), child.on_behalf_of))
        return {**asked.repeat.stays, **made}

    def learn_asked(self, child: Call, model: OperationModel) -> None:
        """Keep a call on behalf that was remembered, and so is decided by patterns alone."""
        found = child.remembered
        if found is None or found.repeat is None or not found.form or child.apart not in child.params:
            return
        if child.now != child.machine_now:
            return
        rest = {name: value for name, value in child.params.items() if name != child.apart}
        self._asked[child.service, child.name] = Asked(child, rest, model, found, found.repeat, found.form)


def learn_asked(call: Call, child: Call, model: OperationModel) -> None:
    """Keep a call that one of many requests has made on behalf, where the others may make it again."""
    if call.common is not None and child.apart is not None:
        call.common.learn_asked(child, model)


def says_nothing(target: Target) -> bool:
    """Whether neither policy nor grants of the resource's own have a say."""
    return target.policy is None and target.grants is None and target.rule is ResourceRule.UNION


class Requests:
    """As Call.requests answers them. Of one thread and one groundwork."""

    def __init__(
        self,
        tx: Transaction,
        operation: Operation,
        model: OperationModel,
        records: Records,
        new_id: Callable[[], str],
        begin: Begin,
        inside: Inside,
    ) -> None:
        self._tx = tx
        self._operation = operation
        self._model = model
        self._overlay = overlay_of(operation.service)
        self._records = records
        self._begin = begin
        self._inside = inside
        self._common = Common(new_id)
        self._families: dict[tuple[object, ...], tuple[Decision, Family | None]] = {}

    def run(self, params: Mapping[str, Any], ahead: Any) -> tuple[Answer, list[AnyRecord]]:
        """The answer to one request, and the records of it and of what was done for it, its own last.

        Raises whatever the operation refuses with; then nothing is recorded: whoever asks runs it again in its turn.
        """
        operation, model = self._operation, self._model
        child = self._begin(params)
        child.ahead, child.common = ahead, self._common
        self._overlay.check(operation.name, params)
        validate(model.input, params)
        answer = self._inside(child, operation, self._tx)
        if child.afterwards is not None or child.kept:
            raise RuntimeError(f"{operation.service}:{operation.name} leaves more than its answer")
        return answer, [*child.records, self._record(child, answer, self._tx)]

    def _record(self, child: Call, answer: Answer, tx: Transaction) -> AnyRecord:
        family = self._family(child)
        shown = response_elements(answer, self._model, self._operation.shown)
        if family is not None and child.decision is not None and (shown is not None or not self._operation.shown):
            params = request_parameters(child.params, self._model)
            form = family.form(params, child.decision.request.resource, shown)
            if form is not None:
                when = event.second(child.machine_now)
                return WrittenApart(form, when, child.request_id, child.event_id, child.on_behalf_of)
        made = self._records.of(child, self._operation, self._model, answer, None, tx)
        # The feed is told of the call that brought them all, once.
        return Record(made.event_id, made.event, made.writes, made.decision, untold=True)

    def _family(self, child: Call) -> Family | None:
        """How the records are written of those that are decided alike; None where each is written by itself."""
        decision, target = child.decision, child.target
        if child.plan is None or decision is None or target is None or not decision.allowed:
            return None
        if child.told is not None or child.now != child.machine_now:
            return None
        name = id(decision.matches), decision.kind, child.also, target.account
        kept = self._families.get(name)
        if kept is None:
            if len(self._families) >= FAMILIES_AT_MOST:
                self._families.clear()
            made = self._records.answering(child, self._operation, self._model, target, decision)
            # The decision is kept beside it, so that the number of its matches is not given to others.
            kept = self._families[name] = decision, made
        return kept[1]
