"""The way of one request: every step, in the one order that is safe. A test pins it.

    prove -> offer -> read              (BEFORE: needs no row but the caller's)
    ahead                               (no transaction: what an operation has to ask the world outside)
    locate -> decide -> handle -> check (INSIDE: one transaction; calls on behalf pass the same steps)

A write passes INSIDE in the writer's place; one that may be foreseen passes it before, on a snapshot, and is made in
its turn if nothing that it has read has changed (docs/decisions/0061-writes-foreseen.md).

Whatever happens, exactly one record a call comes out, granted or refused, and one for each call on its behalf.
INVARIANT: an answer without a decision that allowed it is refused as an internal error.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import Clock
from strongroom.base.entropy import Entropy
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import signing, wire
from strongroom.kernel.authz.decide import no_permission_needed
from strongroom.kernel.authz.model import Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import (
    LET_GO,
    Answer,
    AnyRecord,
    Call,
    Credential,
    NeedsTime,
    Source,
)
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.overlay import overlay_of
from strongroom.kernel.model.shapes import OperationModel, ServiceModel
from strongroom.kernel.model.walker import validate
from strongroom.kernel.onbehalf import OnBehalf
from strongroom.kernel.records import undone
from strongroom.kernel.registry import Alike, Mode, Operation, PrincipalSource, Registry
from strongroom.kernel.remembering import recall_request, remember
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.foresight import Foreseen, Foresight
from strongroom.kernel.storage.port import NeedsWrite, SnapshotMoved, Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome

log = logging.getLogger("strongroom.chain")

GLOBAL_REGION = "us-east-1"
NOBODY = Credential(Principal(PrincipalKind.ANONYMOUS, arn="anonymous", account=""), access_key_id="", secret="")
KEYS_REMEMBERED = 10_000
_HOUR = timedelta(hours=1)


class Prepared(NamedTuple):
    """A write that was decided and worked out on a snapshot: what it changes, and what is told if that is kept."""

    foreseen: Foreseen
    reply: HTTPReply
    records: list[AnyRecord]


@dataclass(slots=True)
class Flight:
    """One request on its way through the steps. ``begun``: perf_counter, for whoever counts; ``refusal`` as well.

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


class Chain(OnBehalf):
    """The steps, with all that they need. One a process; safe to share between its threads."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        registry: Registry,
        principals: PrincipalSource,
        store: Store,
        keyring: Keyring,
        entropy: Entropy,
        clock: Clock,
        offset: Callable[[Transaction], timedelta],
        regions: frozenset[str],
        router: wire.Router | None = None,
        quotas: Mapping[str, int],
        catch_up: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        super().__init__(
            catalogue=catalogue,
            registry=registry,
            principals=principals,
            keyring=keyring,
            entropy=entropy,
            clock=clock,
            offset=offset,
            quotas=quotas,
            catch_up=catch_up,
        )
        self.store = store
        self.regions = regions
        self.signing_keys = signing.SigningKeys()
        self.overlays = {service: overlay_of(service) for service in registry.rooms}
        self.router = router or wire.Router(catalogue, registry.rooms)
        self._met: dict[str, tuple[datetime, datetime]] = {}
        self._known: dict[tuple[str, str | None], tuple[Operation, OperationModel | None]] = {}

    # ------------------------------------------------------------------ the two entrances

    def begin(self, request: HTTPRequest, source: Source) -> Flight:
        """Name the operation that a request means. What is unknown goes on: its caller is proven and recorded."""
        now = self.clock()
        route = self.router.route(request)
        call = Call(
            kernel=self,
            service=route.service,
            name=route.operation or "Unknown",
            region=GLOBAL_REGION,
            credential=NOBODY,
            params={},
            now=now,
            machine_now=now,
            request_id=self.new_id(),
            event_id=self.new_id(),
            source=source,
        )
        return Flight(request, source, call, route, *self._declared(route))

    def _declared(self, route: wire.Route) -> tuple[Operation | None, OperationModel | None]:
        """How an operation is declared and modelled; None for what is not."""
        name = route.service, route.operation
        known = self._known.get(name)
        if known is not None:
            return known
        room = self.registry.rooms.get(route.service)
        if room is None or route.operation is None:
            return None, None
        declared = room.operations.get(route.operation)
        model = self.catalogue.service(room.service).operations.get(route.operation)
        if declared is not None:
            self._known[name] = declared, model
        return declared, model

    def enter(self, flight: Flight) -> Flight:
        """Take a flight as far as it goes without writing: to its reply, or to the door of writes or threads."""
        try:
            try:
                with self.store.glance() as tx:
                    self._as_far_as_reading_goes(flight, tx)
            except SnapshotMoved:
                self._start_over(flight)
                with self.store.read() as tx:
                    self._as_far_as_reading_goes(flight, tx)
            if flight.operation is not None and flight.operation.ahead is not None:
                # The transaction above is over, and the one below not begun: nobody waits for the world inside one.
                flight.operation.ahead(flight.call, self.store.read)
                with self.store.read() as tx:
                    self._through(flight, tx)
        except NeedsWrite:
            self._start_over(flight)
        except NeedsTime:
            self._start_over(flight)
            flight.needs_time = True
        except Exception as error:  # noqa: BLE001  the client gets an internal error, the log gets the trace
            self._refuse(flight, error)
        return flight

    def enter_remembering(self, flight: Flight) -> bool:
        """As ``enter``, of what a look at the store has left remembered; False, and the flight as it was, where that is
        not enough.
        """
        try:
            with self.store.glance() as tx:
                self._as_far_as_reading_goes(flight, tx)
        except SnapshotMoved:
            self._start_over(flight)
            return False
        except NeedsWrite:
            self._start_over(flight)
        except NeedsTime:
            self._start_over(flight)
            flight.needs_time = True
        except Exception as error:  # noqa: BLE001  as in enter
            self._refuse(flight, error)
        return True

    def write(self, flight: Flight, tx: Transaction) -> Outcome:
        """The rest of a flight, inside a savepoint of the write queue. Never raises."""
        prepared = flight.prepared
        try:
            if prepared is not None and tx.play(prepared.foreseen):
                flight.reply, flight.records = prepared.reply, prepared.records
                return Outcome(keep=True, records=tuple(prepared.records), value=flight)
            self._start_over(flight)
            self.catch_up(tx)
            self._through(flight, tx)
        except Exception as error:  # noqa: BLE001  as above; the savepoint is rolled back
            self._refuse(flight, error)
            kept = tuple(flight.call.kept)
            return Outcome(keep=False, records=tuple(flight.records), value=flight, despite=kept)
        return Outcome(keep=True, records=tuple(flight.records), value=flight)

    def go_on_outside(self, flight: Flight) -> None:
        """Do what an operation of Mode.WAIT left for afterwards, in no transaction; to its reply."""
        call, operation, model = flight.call, flight.operation, flight.model
        work = call.afterwards
        if work is None or operation is None or model is None:
            raise RuntimeError("a call that left nothing to be done")
        try:
            answer = work()
            flight.reply = wire.answer(flight.route, model, answer, call.request_id)
            flight.records = [*call.records, self.records.of(call, operation, model, answer, None, None)]
        except Exception as error:  # noqa: BLE001  as in enter
            self._refuse(flight, error)

    def turn_away(self, flight: Flight) -> None:
        """Refuse a flight for want of a place, with its caller proven: the record names them."""
        try:
            try:
                with self.store.glance() as tx:
                    self._prove(flight, tx)
            except SnapshotMoved:
                self._start_over(flight)
                with self.store.read() as tx:
                    self._prove(flight, tx)
            self._refuse(flight, wire.throttled(flight.route.service))
        except Exception as error:  # noqa: BLE001  as in enter
            self._refuse(flight, error)

    def _prove(self, flight: Flight, tx: Transaction) -> None:
        self.catch_up(tx)
        prove_the_caller(self, flight, tx)

    def refuse_unwritten(self, flight: Flight, error: BaseException) -> HTTPReply:
        """The answer where queue, journal or commit failed: the call has not happened, whatever was decided."""
        self._refuse(flight, error)
        if flight.reply is None:
            raise RuntimeError("a refusal without a reply")
        return flight.reply

    # ------------------------------------------------------------------ last-used dates

    def is_first_use(self, access_key_id: str, now: datetime) -> bool:
        """Whether this process has not met the key in this hour yet, so that its last-used date is to be noted."""
        met = self._met.get(access_key_id)
        if met is not None and met[0] <= now < met[1]:
            return False
        if len(self._met) >= KEYS_REMEMBERED:
            self._met.clear()
        hour = now.replace(minute=0, second=0, microsecond=0)
        self._met[access_key_id] = hour, hour + _HOUR
        return True

    def note_use(self, flight: Flight, tx: Transaction) -> Outcome:
        """Store a key's last-used date: work for the write queue, apart from the call, so that a refused one counts."""
        call = flight.call
        self.principals.used(tx, call.credential, service=call.service, region=call.region, now=call.now)
        return Outcome(keep=True, records=(), value=None)

    # ------------------------------------------------------------------ inside one transaction

    def _as_far_as_reading_goes(self, flight: Flight, tx: Transaction) -> None:
        self.catch_up(tx)
        for step in BEFORE:
            step(self, flight, tx)
        operation = flight.operation
        if operation is not None and operation.mode is not Mode.WRITE and operation.ahead is None:
            self._through(flight, tx)
        elif operation is not None and operation.foreseen is not None:
            self._prepare(flight, operation, tx)

    def _prepare(self, flight: Flight, operation: Operation, tx: Transaction) -> None:
        """Work a write out on this snapshot, if it can be: its reply and records wait for its turn.

        What is refused here is refused in its turn again, where it is recorded.
        """
        view = tx.foresee()
        if view is None:
            return
        try:
            prepared = self._worked_out(flight, operation, view)
        except SnapshotMoved:
            raise
        except Exception:  # noqa: BLE001  whatever it is, it comes again in its turn, and is told there
            prepared = None
        if prepared is None:
            self._start_over(flight)
        else:
            flight.reply, flight.records, flight.prepared = None, [], prepared

    def _worked_out(self, flight: Flight, operation: Operation, view: Foresight) -> Prepared | None:
        call = flight.call
        answer: Answer = {}
        for step in INSIDE:
            answer = step(self, call, operation, view, answer)
            if call.decision is None and not _is_foreseeable(call, operation):
                return None
        self._answered(flight, answer, view)
        foreseen = view.foreseen()
        if foreseen is None or flight.reply is None or call.kept:
            return None
        return Prepared(foreseen, flight.reply, flight.records)

    def _through(self, flight: Flight, tx: Transaction) -> None:
        call, operation = flight.call, flight.operation
        if operation is None:
            raise RuntimeError("a call without an operation came inside")
        answer = self._inside(call, operation, tx)
        if call.afterwards is not None:
            if tx.writable:
                raise RuntimeError("what waits must not hold the writer's place")
            return
        self._answered(flight, answer, tx)

    def _answered(self, flight: Flight, answer: Answer, tx: Transaction) -> None:
        """Make reply and records of what the steps came to."""
        call, operation, model = flight.call, flight.operation, flight.model
        if operation is None or model is None:
            raise RuntimeError("an answer without a model")
        # Serialising belongs inside: an answer that does not fit its shape must take its changes back with it.
        repeat = None if call.remembered is None or call.by_kin else call.remembered.repeat
        if repeat is None:
            flight.reply = wire.answer(flight.route, model, answer, call.request_id)
        else:
            if repeat.frame is None:
                repeat.frame = wire.frame(flight.route, model, answer, set(answer) - set(repeat.stays), self.new_id())
            flight.reply = wire.framed(repeat.frame, answer, call.request_id)
        flight.records = [*call.records, self.records.of(call, operation, model, answer, None, tx)]

    def _inside(self, call: Call, operation: Operation, tx: Transaction) -> Answer:
        answer: Answer = {}
        for step in INSIDE:
            answer = step(self, call, operation, tx, answer)
        return answer

    # ------------------------------------------------------------------ beginnings and ends

    def _start_over(self, flight: Flight) -> None:
        call = flight.call
        call.records, call.target, call.decision, call.denial, call.told = [], None, None, None, None
        call.afterwards = None
        call.also = ()
        call.kept = []
        call.question = call.remembered = call.asked = None
        call.asks = 0
        call.plan, call.by_kin = None, False
        flight.reply, flight.records, flight.refusal = None, [], None
        flight.prepared = None

    def _refuse(self, flight: Flight, error: BaseException) -> None:
        call = flight.call
        if isinstance(error, Answerable):
            refusal = error
        else:
            log_bug(call, error)
            refusal = Refusal(Kind.INTERNAL)
        flight.refusal = refusal
        flight.reply = wire.refuse(flight.route, refusal, call.request_id)
        # A service event that was rolled back has not happened; a call on behalf was made all the same.
        back = [undone(record) for record in call.records if record.event["eventType"] == "AwsApiCall"]
        try:
            record = self.records.of(call, flight.operation, flight.model, None, refusal, None)
        except Exception as unrecordable:  # noqa: BLE001  a refusal is recorded, if need be without its parameters
            log_bug(call, unrecordable)
            call.params = {}
            record = self.records.of(call, flight.operation, None, None, refusal, None)
        flight.records = [*back, record]


def _is_foreseeable(call: Call, operation: Operation) -> bool:
    """Whether a call that was located may be worked out beforehand."""
    target, foreseen = call.target, operation.foreseen
    return target is not None and foreseen is not None and foreseen(call, target)


# ---------------------------------------------------------------------- the steps before the transaction


def prove_the_caller(chain: Chain, flight: Flight, tx: Transaction) -> None:
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
    flight.first_use = chain.is_first_use(credential.access_key_id, call.now) or flight.first_use


def offer_the_operation(chain: Chain, flight: Flight, tx: Transaction) -> None:  # noqa: ARG001
    """Refuse, now that the caller is known, what is not offered here, and say what is."""
    if flight.route.refusal is not None:
        raise flight.route.refusal
    if flight.operation is None or flight.model is None:
        room = chain.registry.rooms[flight.route.service]
        raise wire.not_offered(flight.route, sorted(room.operations), room.refused.get(flight.route.operation or ""))


def read_the_parameters(chain: Chain, flight: Flight, tx: Transaction) -> None:
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


# ---------------------------------------------------------------------- the steps inside the transaction


def locate_the_resource(chain: Chain, call: Call, operation: Operation, tx: Transaction, answer: Answer) -> Answer:
    """What the call is about, found or not. Where it is like earlier ones, what is remembered is made of those."""
    if call.remembered is None and isinstance(operation.alike, Alike):
        call.remembered = chain.kinship.answers(call, operation, operation.alike, tx)
        call.by_kin = call.remembered is not None
    call.target = operation.locate(call, tx) if call.remembered is None else call.remembered.target
    return answer


def decide_the_call(chain: Chain, call: Call, operation: Operation, tx: Transaction, answer: Answer) -> Answer:
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
    elif operation.steady or operation.foreseen is not None:
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


def handle_the_call(_chain: Chain, call: Call, operation: Operation, tx: Transaction, _answer: Answer) -> Answer:
    """The room's own work; what is repeated in a snapshot is done as the room has said how."""
    remembered = call.remembered
    if remembered is not None and remembered.repeat is not None and call.now == call.machine_now:
        made = remembered.repeat.anew(call)
        if made is not None:  # what stays is in the frame, if there is one
            return made if remembered.repeat.frame and remembered.form else {**remembered.repeat.stays, **made}
    found = call.target.found if call.target else None
    if found is LET_GO:
        call.target = operation.locate(call, tx)
        found = call.target.found
    return operation.handle(call, found, tx)


def check_the_answer(_chain: Chain, call: Call, _operation: Operation, _tx: Transaction, answer: Answer) -> Answer:
    """Forgetting to authorise must be impossible, not merely wrong."""
    decision = call.decision
    if decision is None or not decision.allowed:
        raise RuntimeError(f"{call.service}:{call.name} reached its answer without a decision")
    return answer


BEFORE = (prove_the_caller, offer_the_operation, read_the_parameters)
INSIDE = (locate_the_resource, decide_the_call, handle_the_call, check_the_answer)


# ---------------------------------------------------------------------- the log


def log_bug(call: Call, error: BaseException) -> None:
    """The trace without the exception's own text, which may quote a value (drivers do)."""
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error(
        "internal error in %s:%s, request %s: %s\n%s",
        call.service,
        call.name,
        call.request_id,
        type(error).__name__,
        frames,
    )


__all__ = ["BEFORE", "INSIDE", "Chain", "Flight", "log_bug"]
