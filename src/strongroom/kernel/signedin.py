"""The console's one door into the chain: an operation asked with a session that the server itself keeps.

It stands behind the signing step, so nothing signs here; in its place the session's token is opened and its issuer
looked up, in the snapshot that decides the call. All else is as for any request: valid parameters, the decision, the
record, the commit before the answer. An import contract lets nobody but the console and ``app`` come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import uuid4
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Answer, AnyRecord, Call, Credential, Source
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import GLOBAL_REGION, NOBODY
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.model.walker import validate
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.records import undone
from strongroom.kernel.refusing import log_bug
from strongroom.kernel.registry import Mode, Operation
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.kernel.storage.writequeue import Outcome, Waiter, WriteQueue

COMMIT_WAIT_SECONDS = 60.0
ROLES_KEPT = 64
GLOBAL_SERVICES = frozenset({"iam", "sts"})


Counted = Callable[[Call, Answerable | None], None]
"""Told of a call that was answered, and of its refusal if it was one."""


class SessionOver(Exception):  # noqa: N818  a finding about the session
    """The session is good no more: its time is over, or its user, key or password changed."""


class RoleOver(SessionOver):
    """The session of the role that somebody switched to is good no more; their own may be."""


class Refused(Exception):  # noqa: N818  an answer
    """What an operation answered instead of a result. ``code`` as on the service's own wire."""

    def __init__(self, code: str, message: str, request_id: str, operation: str) -> None:
        super().__init__(f"{operation}: {code}")
        self.code = code
        self.message = message
        self.request_id = request_id
        self.operation = operation

    @property
    def status(self) -> int:
        """The HTTP status of a page that says no more than this."""
        if "AccessDenied" in self.code:
            return 403
        return {"ResourceNotFoundException": 404, "ServiceUnavailable": 503}.get(self.code, 400)


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session of the console's as the server keeps it. ``role``: the session of the role that it was switched to."""

    access_key_id: str
    token: str = field(repr=False)
    role: KeptSession | None = None


class SignedIn:
    """One process's calls for people at the console. To be used from threads that may wait, never from a loop."""

    def __init__(
        self,
        chain: Chain,
        queue: WriteQueue,
        recorder: Recorder,
        *,
        sync_each: bool = False,
        counted: Counted | None = None,
    ) -> None:
        """``sync_each``: whether the record of a read is synced before its answer (setting ``journal_sync``).

        ``counted`` is told of each call that was answered, and of its refusal: the metrics have people's calls too.
        """
        self.chain = chain
        self._counted = counted
        self._roles: dict[int, tuple[Credential, Credential]] = {}
        self._sync_each = sync_each
        self._queue = queue
        self._recorder = recorder

    def offers(self, service: str, operation: str) -> bool:
        """Whether somebody answers an operation."""
        room = self.chain.registry.rooms.get(service)
        return room is not None and operation in room.operations

    def call(self, service: str, name: str, region: str, source: Source) -> Call:
        """A call of nobody's yet, with time and ids."""
        chain = self.chain
        now = chain.clock()
        return Call(
            kernel=chain,
            service=service,
            name=name,
            region=GLOBAL_REGION if service in GLOBAL_SERVICES else region,
            credential=NOBODY,
            params={},
            now=now,
            machine_now=now,
            request_id=uuid4(chain.entropy),
            event_id=uuid4(chain.entropy),
            source=source,
        )

    def who(self, session: KeptSession) -> Credential:
        """Whom a session stands for now. Raises SessionOver."""
        with self.chain.store.read() as tx:
            self.chain.catch_up(tx)
            return self._credential(session, tx)

    def ask(
        self,
        session: KeptSession,
        source: Source,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        region: str,
    ) -> Answer:
        """Run one operation as the session's principal, decided and recorded as any other call.

        Raises Refused and SessionOver.
        """
        if not self.offers(service, operation):
            raise Refused("UnknownOperationException", "This server does not offer it.", "", f"{service}:{operation}")
        declared = self.chain.registry.rooms[service].operations[operation]
        model = self.chain.catalogue.service(service).operations[operation]
        call = self.call(service, operation, region, source)
        given = dict(params)
        for name, member in () if model.input is None else model.input.members.items():
            if member.idempotency_token and name not in given:  # an SDK makes one too
                given[name] = uuid4(self.chain.entropy)
        try:
            answer = self._asked(session, call, declared, model, given)
        except Answerable as refusal:
            if self._counted is not None:
                self._counted(call, refusal)
            code = wire.code_of(refusal, service, self.chain.catalogue)
            raise Refused(code, refusal.message or "", call.request_id, f"{service}:{operation}") from refusal
        except StoreError as error:
            log_bug(call, error)
            said = "The server is too busy, or its store is out of reach. Please try again."
            raise Refused("ServiceUnavailable", said, call.request_id, f"{service}:{operation}") from error
        if self._counted is not None:
            self._counted(call, None)
        return answer

    def _asked(
        self,
        session: KeptSession,
        call: Call,
        declared: Operation,
        model: OperationModel,
        params: Mapping[str, Any],
    ) -> Answer:
        try:
            with self.chain.store.read() as tx:
                self._begin(session, call, model, params, tx)
                if declared.mode is not Mode.WRITE and declared.ahead is None:
                    answer, records = self._done(call, declared, model, tx)
            if declared.mode is Mode.WRITE:
                return self._written(session, call, declared, model, params)
            if declared.ahead is not None:
                declared.ahead(call, self.chain.store.read)
                with self.chain.store.read() as tx:
                    answer, records = self._done(call, declared, model, tx)
            if call.afterwards is not None and not isinstance(answer, Answerable):
                answer = call.afterwards()
                records = [*call.records, self.chain.records.of(call, declared, model, answer, None, None)]
        except NeedsWrite:
            return self._written(session, call, declared, model, params)
        except SessionOver:
            raise
        except Exception as error:  # noqa: BLE001  whoever asked gets an internal error, the log gets the trace
            answer, records = self._refused(call, declared, model, error)
        self._recorder.read(records)
        if self._sync_each:
            self._recorder.sync()
        return _told(answer)

    def _begin(
        self, session: KeptSession, call: Call, model: OperationModel, params: Mapping[str, Any], tx: Transaction
    ) -> None:
        """What stands for the steps before the transaction: who it is, and whether the parameters are valid."""
        chain = self.chain
        chain.catch_up(tx)
        call.records, call.kept, call.told, call.afterwards = [], [], None, None
        call.target, call.decision, call.denial = None, None, None
        call.now = call.machine_now + chain.offset(tx)
        call.credential = self._credential(session, tx)
        if call.region not in chain.regions:
            raise Refusal(Kind.VALIDATION, f"Region {call.region[:64]!r} is not served here.")
        call.params = params
        chain.overlays[model.service].check(model.name, params)
        validate(model.input, params)

    def _credential(self, session: KeptSession, tx: Transaction) -> Credential:
        """Whom a session stands for. A role is good only as long as the session that was switched to it is too: it
        ends with its user, as AWS's console has it.
        """
        found = self._opened(session, tx)
        if found is None or not found.principal.from_console:
            raise SessionOver
        if session.role is None:
            return found
        role = self._opened(session.role, tx)
        if role is None or role.principal.kind is not PrincipalKind.ROLE:
            raise RoleOver
        return self._marked(role)

    def _opened(self, session: KeptSession, tx: Transaction) -> Credential | None:
        chain = self.chain
        now = chain.clock() + chain.offset(tx)
        try:
            return chain.principals.credential(tx, session.access_key_id, session.token, now)
        except Refusal:
            return None

    def _marked(self, role: Credential) -> Credential:
        """A role's credential that says that it is used from the console; the same one for the same one, as records
        keep what they made of a principal by its identity.
        """
        kept = self._roles.get(id(role))
        if kept is None:
            if len(self._roles) >= ROLES_KEPT:
                self._roles.clear()
            kept = self._roles[id(role)] = (role, replace(role, principal=replace(role.principal, from_console=True)))
        return kept[1]

    def _done(
        self, call: Call, declared: Operation, model: OperationModel, tx: Transaction
    ) -> tuple[Answer | Answerable, list[AnyRecord]]:
        answer, records = self.chain.perform(call, tx)
        if not isinstance(answer, Answerable) and call.afterwards is None:
            # As for a request: an answer that does not fit its shape must take its changes back with it.
            protocol = self.chain.catalogue.service(declared.service).protocol
            wire.answer(wire.Route(declared.service, declared.name, protocol), model, answer, call.request_id)
        return answer, records

    def _refused(
        self, call: Call, declared: Operation, model: OperationModel, error: Exception
    ) -> tuple[Answerable, list[AnyRecord]]:
        if isinstance(error, Answerable):
            refusal = error
        else:
            log_bug(call, error)
            refusal = Refusal(Kind.INTERNAL)
        back = [undone(record) for record in call.records if record.event["eventType"] == "AwsApiCall"]
        return refusal, [*back, self.chain.records.of(call, declared, model, None, refusal, None)]

    def _written(
        self,
        session: KeptSession,
        call: Call,
        declared: Operation,
        model: OperationModel,
        params: Mapping[str, Any],
    ) -> Answer:
        def run(tx: Transaction) -> Outcome:
            try:
                self._begin(session, call, model, params, tx)
                answer, records = self._done(call, declared, model, tx)
            except SessionOver as over:
                return Outcome(keep=False, records=(), value=over)
            except Exception as error:  # noqa: BLE001  as above; the savepoint is rolled back
                answer, records = self._refused(call, declared, model, error)
            refused = isinstance(answer, Answerable)
            kept = tuple(call.kept) if refused else ()
            return Outcome(keep=not refused, records=tuple(records), value=answer, despite=kept)

        value = self.written(run)
        if isinstance(value, SessionOver):
            raise value
        return _told(value)

    def written(self, run: Callable[[Transaction], Outcome]) -> Any:
        """Have something done by the write queue, and wait until it is durable; its outcome's value."""
        waiter = Waiter()
        self._queue.submit(run, waiter)
        outcome = waiter.wait(COMMIT_WAIT_SECONDS)
        return outcome.value


def _told(answer: Answer | Answerable) -> Answer:
    if isinstance(answer, Answerable):
        raise answer
    return answer
