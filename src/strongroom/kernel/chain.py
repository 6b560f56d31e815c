"""The way of one request through the steps (``kernel/steps.py``): in which transaction it passes which of them.

What needs no writing passes all of them in one look at the store, but for what an operation has to ask the world
outside (``ahead``): nobody waits for that in a transaction. A write passes INSIDE in the writer's place; one that may
be foreseen passes it before, on a snapshot (``kernel/foreseeing.py``).

Whatever happens, exactly one record a call comes out, granted or refused, and one for each call on its behalf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from strongroom.base.clock import Clock
from strongroom.base.entropy import Entropy
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel import signing, steps, wire
from strongroom.kernel.call import Answer, Call, NeedsTime, Source
from strongroom.kernel.flight import GLOBAL_REGION, NOBODY, Flight
from strongroom.kernel.foreseeing import played, prepare
from strongroom.kernel.lastused import LastUsed
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.overlay import Overlay, overlay_of
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.onbehalf import OnBehalf
from strongroom.kernel.refusing import refuse
from strongroom.kernel.registry import Mode, Operation, PrincipalSource, Registry, Turn
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import NeedsWrite, SnapshotMoved, Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome
from strongroom.kernel.turns import Turns


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
        self.last_used = LastUsed(principals)
        self.turns = Turns()
        self.overlays: Mapping[str, Overlay] = {service: overlay_of(service) for service in registry.rooms}
        self.router = router or wire.Router(catalogue, registry.rooms)
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
                flight.start_over()
                with self.store.read() as tx:
                    self._as_far_as_reading_goes(flight, tx)
            if flight.operation is not None and flight.operation.ahead is not None:
                # The transaction above is over, and the one below not begun: nobody waits for the world inside one.
                flight.operation.ahead(flight.call, self.store.read)
                with self.store.read() as tx:
                    self.through(flight, tx)
        except Exception as error:  # noqa: BLE001  the client gets an internal error, the log gets the trace
            self.stopped(flight, error)
            turn = None if flight.operation is None else flight.operation.turn
            if turn is not None and isinstance(error, NeedsWrite):
                self._await_turn(flight, turn)
        return flight

    def _await_turn(self, flight: Flight, turn: Turn) -> None:
        """Have what can be done before a turn done, and wait for it. In a thread (Mode.SLOW_WRITE)."""

        def has_come() -> bool:
            try:
                with self.store.glance() as tx:
                    return turn.has_come(flight.call, tx)
            except SnapshotMoved:
                with self.store.read() as tx:
                    return turn.has_come(flight.call, tx)

        try:
            turn.prepare(flight.call, self.store.read)
            self.turns.wait(has_come)
        except Exception as error:  # noqa: BLE001  as in enter
            refuse(flight, error, self.records)

    def enter_remembering(self, flight: Flight) -> bool:
        """As ``enter``, of what a look at the store has left remembered; False, and the flight as it was, where that is
        not enough.
        """
        try:
            with self.store.glance() as tx:
                self._as_far_as_reading_goes(flight, tx)
        except SnapshotMoved:
            flight.start_over()
            return False
        except Exception as error:  # noqa: BLE001  as in enter
            self.stopped(flight, error)
        return True

    def stopped(self, flight: Flight, error: Exception) -> None:
        """What becomes of a flight that a step has stopped: it goes on as a write or in a thread, or is refused."""
        if isinstance(error, NeedsWrite | NeedsTime):
            flight.start_over()
            flight.needs_time = isinstance(error, NeedsTime)
        else:
            refuse(flight, error, self.records)

    def write(self, flight: Flight, tx: Transaction) -> Outcome:
        """The rest of a flight, inside a savepoint of the write queue. Never raises."""
        try:
            if not played(flight, tx):
                flight.start_over()
                self.catch_up(tx)
                self.through(flight, tx)
        except Exception as error:  # noqa: BLE001  as above; the savepoint is rolled back
            refuse(flight, error, self.records)
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
            refuse(flight, error, self.records)

    def turn_away(self, flight: Flight) -> None:
        """Refuse a flight for want of a place, with its caller proven: the record names them."""
        try:
            try:
                with self.store.glance() as tx:
                    self._prove(flight, tx)
            except SnapshotMoved:
                flight.start_over()
                with self.store.read() as tx:
                    self._prove(flight, tx)
            refuse(flight, wire.throttled(flight.route.service), self.records)
        except Exception as error:  # noqa: BLE001  as in enter
            refuse(flight, error, self.records)

    def _prove(self, flight: Flight, tx: Transaction) -> None:
        self.catch_up(tx)
        steps.prove_the_caller(self, flight, tx)

    def refuse_unwritten(self, flight: Flight, error: BaseException) -> HTTPReply:
        """The answer where queue, journal or commit failed: the call has not happened, whatever was decided."""
        return refuse(flight, error, self.records)

    # ------------------------------------------------------------------ inside one transaction

    def _as_far_as_reading_goes(self, flight: Flight, tx: Transaction) -> None:
        self.catch_up(tx)
        for step in steps.BEFORE:
            step(self, flight, tx)
        operation = flight.operation
        if operation is not None and operation.mode is not Mode.WRITE and operation.ahead is None:
            self.through(flight, tx)
        elif operation is not None and operation.foreseen is not None:
            prepare(self, flight, operation, tx)

    def through(self, flight: Flight, tx: Transaction) -> None:
        """All steps INSIDE, for a flight that has passed BEFORE; to its reply."""
        call, operation = flight.call, flight.operation
        if operation is None:
            raise RuntimeError("a call without an operation came inside")
        answer = self._inside(call, operation, tx)
        if call.afterwards is not None:
            if tx.writable:
                raise RuntimeError("what waits must not hold the writer's place")
            return
        steps.write_the_answer(self, flight, answer, tx)

    def _inside(self, call: Call, operation: Operation, tx: Transaction) -> Answer:
        answer: Answer = {}
        for step in steps.INSIDE:
            answer = step(self, call, operation, tx, answer)
        return answer
