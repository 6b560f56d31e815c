"""The steps of a request, in the one order that is safe. A test pins it.

    prove -> offer -> read              (BEFORE: needs no row but the caller's)
    ahead                               (no transaction: what an operation has to ask the world outside)
    locate -> decide -> handle -> check (INSIDE: one transaction; calls on behalf pass the same steps)

INVARIANT: an answer without a decision that allowed it is refused as an internal error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel import signing, wire
from strongroom.kernel.authz.decide import no_permission_needed
from strongroom.kernel.authz.model import Request
from strongroom.kernel.call import LET_GO, Answer, Call
from strongroom.kernel.flight import Flight
from strongroom.kernel.lastused import LastUsed
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.overlay import Overlay
from strongroom.kernel.model.shapes import ServiceModel
from strongroom.kernel.model.walker import validate
from strongroom.kernel.onbehalf import OnBehalf
from strongroom.kernel.registry import Alike, Operation, PrincipalSource, Registry
from strongroom.kernel.remembering import recall_request, remember
from strongroom.kernel.storage.port import Transaction


class Premises(Protocol):
    """What of the chain the steps before the transaction need."""

    catalogue: Catalogue
    registry: Registry
    principals: PrincipalSource
    offset: Callable[[Transaction], timedelta]
    regions: frozenset[str]
    signing_keys: signing.SigningKeys
    overlays: Mapping[str, Overlay]
    last_used: LastUsed


# ---------------------------------------------------------------------- before the transaction


def prove_the_caller(chain: Premises, flight: Flight, tx: Transaction) -> None:
    """Who signed. Order of refusals: header syntax, scope and date, key id, signature (facts: iam, section 9).

    Of an operation that is open to anybody a signature is not looked at: its caller is nobody, until what it
    brings is proven ``ahead``.
    """
    call = flight.call
    if flight.operation is not None and flight.operation.unsigned:
        call.now = call.machine_now + chain.offset(tx)
        return
    claim = signing.read_claim(flight.request)
    model: ServiceModel | None = None
    if flight.route.service in chain.registry.rooms:
        model = chain.catalogue.service(flight.route.service)
    signing.check_scope(
        claim,
        service=model.signing_name if model else claim.service,
        regions=chain.regions,
        now=call.machine_now,
    )
    call.region = claim.region
    call.now = call.machine_now + chain.offset(tx)
    credential = chain.principals.credential(tx, claim.access_key_id, claim.session_token, call.now)
    if credential is None:
        raise Refusal(Kind.UNKNOWN_KEY, "The security token included in the request is invalid.")
    signing.verify(claim, flight.request, credential.secret, chain.signing_keys)
    call.credential = credential
    flight.first_use = chain.last_used.is_first_use(credential.access_key_id, call.now) or flight.first_use


def offer_the_operation(chain: Premises, flight: Flight, tx: Transaction) -> None:  # noqa: ARG001
    """Refuse, now that the caller is known, what is not offered here, and say what is."""
    if flight.route.refusal is not None:
        raise flight.route.refusal
    if flight.operation is None or flight.model is None:
        room = chain.registry.rooms[flight.route.service]
        raise wire.not_offered(flight.route, sorted(room.operations), room.refused.get(flight.route.operation or ""))


def read_the_parameters(chain: Premises, flight: Flight, tx: Transaction) -> None:
    """Bytes to parameters, valid by the model."""
    model, operation, call = flight.model, flight.operation, flight.call
    if model is None:
        raise RuntimeError("parameters of an operation without a model")
    if operation is not None and operation.steady and flight.route.protocol == "json":
        recall_request(call, operation, flight.request.body, tx)
        if call.remembered is not None:
            call.params = call.remembered.params
            return
        if isinstance(operation.alike, Alike) and operation.alike.plain is not None:
            plain = operation.alike.plain.fullmatch(flight.request.body)
            if plain is not None:
                call.params = {name: text.decode() for name, text in plain.groupdict().items()}
                return
    params = flight.call.params = wire.parse(flight.route, flight.request, model)
    chain.overlays[model.service].check(model.name, params)
    validate(model.input, params)


# ---------------------------------------------------------------------- inside the transaction


def locate_the_resource(chain: OnBehalf, call: Call, operation: Operation, tx: Transaction, answer: Answer) -> Answer:
    """What the call is about, found or not. Where it is like earlier ones, what is remembered is made of those."""
    if call.remembered is None and not call.kinless and isinstance(operation.alike, Alike):
        call.remembered = chain.kinship.answers(call, operation, operation.alike, tx)
        call.by_kin = call.remembered is not None
    call.target = operation.locate(call, tx) if call.remembered is None else call.remembered.target
    return answer


def decide_the_call(chain: OnBehalf, call: Call, operation: Operation, tx: Transaction, answer: Answer) -> Answer:
    """Denied unless a statement allows; only then is an absence told."""
    if call.remembered is not None:
        call.decision = call.remembered.decision
        return answer
    target = call.target
    if target is None:
        raise RuntimeError("a call without a target")
    if operation.action is None:
        call.decision = no_permission_needed(
            Request(call.principal, f"{call.service}:{call.name}", target.arn, target.account)
        )
    elif operation.steady or operation.foreseen is not None or call.common is not None:
        call.decision = chain.authorise_steady(call, tx, operation, target)
    else:
        call.decision = chain.authorise(call, tx, operation.action, target, operation.keys(call, target))
    if target.found is None and target.missing is not None:
        raise target.missing
    if call.question is not None and chain.lasts(call, tx, target):
        remember(call, tx, target)
        if operation.alike is not None:
            chain.kinship.learn(call, operation, tx, target)
    return answer


def handle_the_call(_chain: OnBehalf, call: Call, operation: Operation, tx: Transaction, _answer: Answer) -> Answer:
    """The room's own work; what is repeated in a snapshot is done as the room has said how."""
    made = repeated(call)
    if made is not None:
        return made
    found = call.target.found if call.target else None
    if found is LET_GO:
        call.target = operation.locate(call, tx)
        found = call.target.found
    return operation.handle(call, found, tx)


def repeated(call: Call) -> Answer | None:
    """The answer of a remembered call, made as the room has said how; None where the handler is to be asked."""
    remembered = call.remembered
    if remembered is None or remembered.repeat is None or call.now != call.machine_now:
        return None
    made = remembered.repeat.anew(call)
    if made is None or (remembered.repeat.frame and remembered.form):  # what stays is in the frame, if there is one
        return made
    return {**remembered.repeat.stays, **made}


def check_the_answer(_chain: OnBehalf, call: Call, _operation: Operation, _tx: Transaction, answer: Answer) -> Answer:
    """Forgetting to authorise must be impossible, not merely wrong."""
    decision = call.decision
    if decision is None or not decision.allowed:
        raise RuntimeError(f"{call.service}:{call.name} reached its answer without a decision")
    return answer


BEFORE = (prove_the_caller, offer_the_operation, read_the_parameters)
INSIDE = (locate_the_resource, decide_the_call, handle_the_call, check_the_answer)


def write_the_answer(chain: OnBehalf, flight: Flight, answer: Answer, tx: Transaction) -> None:
    """Make reply and records of what the steps came to; the last step of a request, which calls on behalf do not need.

    It belongs inside: an answer that does not fit its shape must take its changes back with it.
    """
    call, operation, model = flight.call, flight.operation, flight.model
    if operation is None or model is None:
        raise RuntimeError("an answer without a model")
    repeat = None if call.remembered is None or call.by_kin else call.remembered.repeat
    if repeat is None:
        flight.reply = wire.answer(flight.route, model, answer, call.request_id)
    else:
        if repeat.frame is None:
            repeat.frame = wire.frame(flight.route, model, answer, set(answer) - set(repeat.stays), chain.new_id())
        flight.reply = wire.framed(repeat.frame, answer, call.request_id)
    flight.records = [*call.records, chain.records.of(call, operation, model, answer, None, tx)]
