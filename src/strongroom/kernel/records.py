"""What is recorded of a call: its event, beside it the reasons of its decision, and whether it stands by a commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from strongroom.base.entropy import Entropy
from strongroom.base.refusals import Answerable
from strongroom.kernel import wire
from strongroom.kernel.authz.model import Decision
from strongroom.kernel.authz.reasons import allowance
from strongroom.kernel.call import Answer, AnyRecord, Call, Record, Target
from strongroom.kernel.journal import event
from strongroom.kernel.journal.redact import request_parameters
from strongroom.kernel.journal.written import Blanks, Family, Form, Shared, WrittenApart, WrittenRecord, family_of
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.registry import Operation
from strongroom.kernel.storage.port import Transaction

STANDINGS_KEPT = 512


class Records:
    """Makes the records of calls, and keeps what those of one client have in common. Safe to share between threads."""

    def __init__(self, catalogue: Catalogue, entropy: Entropy) -> None:
        self._catalogue = catalogue
        self._entropy = entropy
        self._standings: dict[tuple[object, ...], tuple[event.Standing, object]] = {}
        self._shared = Shared()

    def of(
        self,
        call: Call,
        operation: Operation | None,
        model: OperationModel | None,
        answer: Answer | None,
        error: Answerable | None,
        tx: Transaction | None,
    ) -> AnyRecord:
        """The record of one call, granted (``answer``) or refused (``error``), of the transaction ``tx``."""
        remembered = call.remembered
        if (
            remembered is not None
            and error is None
            and tx is not None
            and (not tx.writable or call.apart is not None)
            and call.told is None
        ):
            if remembered.form is None:
                remembered.form = self._form(call, operation, model)
            if remembered.form is not False and call.now == call.machine_now:
                when = event.second(call.machine_now)
                if call.apart is None:
                    return WrittenRecord(remembered.form, when, call.request_id, call.event_id, call.on_behalf_of)
                form = remembered.form.other(request_parameters(call.params, model))
                if form is not None:
                    return WrittenApart(form, when, call.request_id, call.event_id, call.on_behalf_of)
        made = self._standing(call, operation, model).event(
            event_id=call.event_id,
            request_id=call.request_id,
            when=call.machine_now,
            product_now=call.now,
            params=call.params,
            answer=answer,
            resource=_resource(call.target, operation),
            owner="" if call.target is None else call.target.account,
            more=call.told,
            error_code=None if error is None else wire.code_of(error, call.service, self._catalogue),
            error_message=None if error is None else error.message,
        )
        writes = error is None and tx is not None and tx.writable
        about = "" if call.target is None or call.target.arn == "*" else call.target.arn
        return Record(call.event_id, made, writes, _why(call, call.on_behalf_of), about)

    def _form(self, call: Call, operation: Operation | None, model: OperationModel | None) -> Form | Literal[False]:
        """How the records of a remembered call are written; False where they are not the same but for time and ids."""
        if operation is None:
            return False
        if call.target is None or call.decision is None:
            return False
        family = self.family(call, operation, model, call.target, call.decision)
        if family is None:
            return False
        return family.form(request_parameters(call.params, model), call.decision.request.resource) or False

    def family(
        self, call: Call, operation: Operation, model: OperationModel | None, target: Target, decision: Decision
    ) -> Family | None:
        """How the records of calls are written that are like this one and so decided, in all but parameters and the
        resource that was decided about; under ``resources`` they have this target. None where there is no such way.
        """
        if operation.shown:
            return None
        return self._family(call, operation, model, target, decision)

    def answering(
        self, call: Call, operation: Operation, model: OperationModel, target: Target, decision: Decision
    ) -> Family | None:
        """The same of an operation whose records repeat members of its answer: each has its own."""
        if operation.resource_type is not None:
            return None
        return self._family(call, operation, model, target, decision, answers=bool(operation.shown))

    def _family(
        self,
        call: Call,
        operation: Operation,
        model: OperationModel | None,
        target: Target,
        decision: Decision,
        *,
        answers: bool = False,
    ) -> Family | None:
        blanks = Blanks(self._entropy)
        made = self._standing(call, operation, model).event(
            event_id=blanks.event_id,
            request_id=blanks.request_id,
            when=call.machine_now,
            product_now=call.machine_now,
            params={},
            answer=None,
            resource=_resource(target, operation),
            owner=target.account,
        )
        made["eventTime"], made["requestParameters"] = blanks.when, blanks.params
        if answers:  # they follow the parameters, and come with them
            del made["responseElements"]
        why = {**_allowed(call, decision, blanks.origin if call.on_behalf_of else None), "resource": blanks.resource}
        return family_of(made, why, blanks, self._shared)

    def _standing(self, call: Call, operation: Operation | None, model: OperationModel | None) -> event.Standing:
        """What the records of such calls have in common.

        Kept by the identity of the objects that it was made of, which are kept beside it, so that their numbers are
        not given to others meanwhile.
        """
        credential, source = call.credential, call.source
        name = (id(credential), id(operation), id(model), id(source), call.region, call.invoked_by)
        kept = self._standings.get(name)
        if kept is not None and operation is not None:
            return kept[0]
        made = event.Standing(
            service=call.service,
            name=call.name,
            region=call.region,
            principal=credential.principal,
            access_key_id=credential.access_key_id,
            invoked_by=call.invoked_by,
            source_ip=source.ip,
            user_agent=source.user_agent,
            host=source.host,
            tls_version=source.tls_version,
            tls_cipher=source.tls_cipher,
            read_only=operation is None or not operation.mode.changes,
            model=model,
            shown=operation.shown if operation else (),
        )
        if len(self._standings) >= STANDINGS_KEPT:
            self._standings.clear()
        self._standings[name] = (made, (credential, operation, model, source))
        return made


def _resource(target: Target | None, operation: Operation | None) -> tuple[str, str, str] | None:
    if operation is None or operation.resource_type is None or target is None or target.found is None:
        return None
    return target.arn, target.account, operation.resource_type


def _why(call: Call, origin: str | None) -> Mapping[str, Any] | None:
    """What stands beside the event: the reasons of the decision, and for which call it was all done."""
    if call.decision is not None:
        return _allowed(call, call.decision, origin)
    if call.denial is None or origin is None:
        return call.denial
    return {**call.denial, "for": origin}


def _allowed(call: Call, decision: Decision, origin: str | None) -> Mapping[str, Any]:
    why = allowance(decision)
    if call.also:
        why = {**why, "also": call.also}
    return why if origin is None else {**why, "for": origin}


def undone(record: AnyRecord) -> AnyRecord:
    """The record of a call on behalf whose changes were rolled back with the call that asked for it."""
    if not record.writes:
        return record
    told = {
        **record.event,
        "errorCode": "RolledBack",
        "errorMessage": "The call that this was done for was refused; nothing of it was kept.",
    }
    return Record(record.event_id, told, False, record.decision)
