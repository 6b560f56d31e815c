"""Calls that no client sends: those that rooms make while they handle one, and those of the product itself.

A room asks another *on behalf* of its caller, as AWS's forward access sessions do; it runs a *part* of a call as the
caller itself; it *acts* as its own service. Each is decided and recorded on its own. What no request brings at all is
*unasked*. The steps they pass are those of a request (``kernel/steps.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from strongroom.base.clock import Clock
from strongroom.base.entropy import Entropy, SystemEntropy, uuid4
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.base.running import Functions
from strongroom.kernel.authz.context import global_context
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.failure import failure
from strongroom.kernel.authz.general import Plan, Plans
from strongroom.kernel.authz.messages import denial_text
from strongroom.kernel.authz.model import ContextValue, Decision, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.authz.reasons import denial
from strongroom.kernel.call import Answer, AnyRecord, Call, Credential, Dependents, Record, Remembered, Source, Target
from strongroom.kernel.journal import event
from strongroom.kernel.journal.written import WrittenRecord
from strongroom.kernel.kinship import Kinship
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.overlay import overlay_of
from strongroom.kernel.model.walker import validate
from strongroom.kernel.records import Records, undone
from strongroom.kernel.registry import Operation, PrincipalSource, Registry
from strongroom.kernel.remembering import recall_asked, recall_but_for, recalled_parts
from strongroom.kernel.requests import Requests, learn_asked
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.messages import encode_message
from strongroom.kernel.storage.port import NeedsWrite, SnapshotMoved, Transaction
from strongroom.kernel.wire import Mould, Moulded

CALLS_ON_BEHALF_AT_MOST = 8
"""How deep calls on behalf may nest: a cycle between rooms ends in an internal error, not in a full stack."""


class OnBehalf(ABC):
    """What the chain offers to calls in flight (call.Kernel), and the calls that no request brings."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        registry: Registry,
        principals: PrincipalSource,
        keyring: Keyring,
        entropy: Entropy,
        clock: Clock,
        offset: Callable[[Transaction], timedelta],
        quotas: Mapping[str, int],
        catch_up: Callable[[Transaction], None],
    ) -> None:
        self.catalogue = catalogue
        self.registry = registry
        self.principals = principals
        self.keyring = keyring
        self.entropy = entropy
        self.new_id = entropy.uuid4 if isinstance(entropy, SystemEntropy) else partial(uuid4, entropy)
        self.clock = clock
        self.offset = offset
        self.quotas = quotas
        self.catch_up = catch_up
        self.records = Records(catalogue, entropy)
        self.kinship = Kinship(registry, catalogue, self.records)
        self._plans = Plans()
        self._services: dict[str, tuple[Credential, Source]] = {}

    @abstractmethod
    def _inside(self, call: Call, operation: Operation, tx: Transaction) -> Answer:
        """Take a call through the steps inside a transaction."""

    # ------------------------------------------------------------------ what calls may ask for (call.Kernel)

    @property
    def roles(self) -> PrincipalSource:
        """The ``iam`` room's answers about roles."""
        return self.principals

    @property
    def functions(self) -> Functions:
        """Who runs functions (the registry's ``functions``)."""
        if self.registry.functions is None:
            raise RuntimeError("nobody runs functions in this process")
        return self.registry.functions

    def ask(self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        """Run another room's operation for the caller of ``call``, decided and recorded on its own."""
        common = call.common
        if common is not None:
            known = common.ask(call, service, operation, params)
            if known is not None:
                return known
        principal = f"{call.service}.amazonaws.com"
        child = self._child(call, service, operation, params)
        child.invoked_by, child.via = principal, (*call.via, principal)
        return self._asked(call, child, tx)

    def parts(
        self, call: Call, tx: Transaction, operation: str, each: Iterable[Mapping[str, Any]]
    ) -> Iterator[Answer | Answerable]:
        """Run another operation of the same room as the caller itself, each decided and recorded on its own."""
        declared = self.registry.rooms[call.service].operations[operation]
        repeatable = declared.steady and not tx.writable and call.now == call.machine_now
        remembered = recalled_parts(call, declared, tx) if repeatable else None
        for params in each:
            # What is remembered needs no call of its own: a batch is twenty.
            asked = None if remembered is None else remembered(params)
            if asked is not None and asked.repeat is not None and asked.form:
                made = asked.repeat.anew(call)
                if made is not None:
                    self.repeat(call, asked)
                    if asked.repeat.mould is None:
                        asked.repeat.mould = Mould()
                    yield Moulded(asked.repeat.stays, made, asked.repeat.mould)
                    continue
            child = self._child(call, call.service, operation, params)
            child.invoked_by, child.via = call.invoked_by, call.via
            try:
                answer = self._asked(call, child, tx)
            except Answerable as refusal:
                yield refusal
            else:
                yield answer

    def request(
        self,
        call: Call,
        tx: Transaction,
        service: str,
        operation: str,
        params: Mapping[str, Any] | Refusal,
        ahead: Any,
    ) -> Answer:
        """Run a request that ``call`` brought, as its caller sent it; see Call.request."""
        child = self._child(call, service, operation, {})
        child.ahead = ahead
        child.invoked_by, child.via = call.invoked_by, call.via
        declared = self.registry.rooms[service].operations[operation]
        model = self.catalogue.service(service).operations[operation]
        begun = len(call.records)
        try:
            if isinstance(params, Refusal):
                raise params
            child.params = params
            overlay_of(service).check(operation, params)
            validate(model.input, params)
            answer = self._inside(child, declared, tx)
            if child.afterwards is not None:
                raise RuntimeError(f"{service}:{operation} waits, and was asked inside a transaction")
        except Answerable as refusal:
            # A service event that was rolled back has not happened; a call on behalf was made all the same.
            back = [record for record in call.records[begun:] if record.event["eventType"] == "AwsApiCall"]
            call.records[begun:] = [undone(record) for record in back]
            call.records.append(self.records.of(child, declared, model, None, refusal, tx))
            raise
        made = self.records.of(child, declared, model, answer, None, tx)
        # The feed is told of the call that brought them all, once.
        call.records.append(Record(made.event_id, made.event, made.writes, made.decision, untold=True))
        return answer

    def requests(self, call: Call, tx: Transaction, service: str, operation: str) -> Requests:
        """Requests of one operation that ``call`` brought; see Call.requests."""

        def begin(params: Mapping[str, Any]) -> Call:
            child = self._child(call, service, operation, params)
            child.records, child.kept = [], []
            child.invoked_by, child.via = call.invoked_by, call.via
            return child

        declared = self.registry.rooms[service].operations[operation]
        model = self.catalogue.service(service).operations[operation]
        return Requests(tx, declared, model, self.records, self.new_id, begin, self._inside)

    def act(
        self,
        call: Call,
        tx: Transaction,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        resource: tuple[str, str],
    ) -> Answer:
        """Run another room's operation as the service of ``call`` itself, because of one of its resources."""
        child = self._child(call, service, operation, params)
        child.invoked_by, child.acts_for = f"{call.service}.amazonaws.com", resource
        # Nothing of the first caller's address or rights: the service calls by itself, inside this process.
        child.credential, child.source = self._service(child.invoked_by)
        return self._asked(call, child, tx)

    def tell(
        self,
        call: Call,
        name: str,
        *,
        account: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Record something that the service of ``call`` does by itself because of it; stands and falls with it."""
        event_id = self.new_id()
        made = event.service_event(
            event_id=event_id,
            request_id=request_id or self.new_id(),
            when=call.machine_now,
            product_now=call.now,
            service=call.service,
            name=name,
            region=call.region,
            account=account,
            details=details,
            error_message=error_message,
        )
        call.records.append(Record(event_id, made, writes=True))

    def _service(self, name: str) -> tuple[Credential, Source]:
        """A service as a caller. One object a name: what is known of a caller is kept by its object."""
        known = self._services.get(name)
        if known is None:
            who = Principal(PrincipalKind.SERVICE, arn=name, account="", name=name)
            made = Credential(who, access_key_id="", secret=""), Source("", user_agent=name, secure=True)
            known = self._services.setdefault(name, made)
        return known

    def _child(self, call: Call, service: str, operation: str, params: Mapping[str, Any]) -> Call:
        """A call that ``call`` makes while it is handled; it shares the list of records."""
        if call.depth >= CALLS_ON_BEHALF_AT_MOST:
            raise RuntimeError("calls on behalf nest too deep")
        return Call(
            kernel=self,
            service=service,
            name=operation,
            region=call.region,
            credential=call.credential,
            params=params,
            now=call.now,
            machine_now=call.machine_now,
            request_id=self.new_id(),
            event_id=self.new_id(),
            source=call.source,
            on_behalf_of=call.on_behalf_of or call.request_id,
            depth=call.depth + 1,
            records=call.records,
            kept=call.kept,
            patient=call.patient,
        )

    def _asked(self, call: Call, child: Call, tx: Transaction) -> Answer:
        room = self.registry.rooms.get(child.service)
        declared = None if room is None else room.operations.get(child.name)
        if declared is None:
            raise Refusal(Kind.NOT_OFFERED, f"{child.service}:{child.name} is not offered here.")
        model = self.catalogue.service(child.service).operations[child.name]
        memory, before = tx.memory, None  # among changes nothing is remembered
        if declared.steady and memory is not None:
            if not tx.writable:
                recall_asked(child, declared, tx)
            elif declared.apart is not None:
                recall_but_for(child, declared, declared.apart, tx)
                before = memory.apart()
        try:
            answer = self._again(child)
            if answer is None:
                answer = self._inside(child, declared, tx)
            if child.afterwards is not None:
                raise RuntimeError(f"{child.service}:{child.name} waits, and was asked inside a transaction")
        except (NeedsWrite, SnapshotMoved):
            raise
        except Answerable as refusal:
            call.records.append(self.records.of(child, declared, model, None, refusal, tx))
            call.asks += 1
            call.asked = None
            raise
        finally:
            if before is not None and memory is not None:
                memory.together(before)
        call.records.append(self.records.of(child, declared, model, answer, None, tx))
        call.asks += 1
        call.asked = child.remembered
        learn_asked(call, child, model)
        return answer

    @staticmethod
    def _again(child: Call) -> Answer | None:
        """The answer of a call that was decided in this snapshot already, made again as its room has said; else None.

        What the steps would do with it in four calls: the decision stands, and is looked at once more.
        """
        asked = child.remembered
        if asked is None or asked.repeat is None or child.now != child.machine_now:
            return None
        if not asked.decision.allowed:
            raise RuntimeError(f"{child.service}:{child.name} is remembered without a decision that allowed it")
        child.target, child.decision = asked.target, asked.decision
        made = asked.repeat.anew(child)
        return None if made is None else {**asked.repeat.stays, **made}

    def repeat(self, call: Call, asked: Remembered) -> None:
        """As Call.repeat. Raises RuntimeError for what was not allowed, or has no form to be recorded in."""
        if not asked.form or not asked.decision.allowed or call.now != call.machine_now:
            raise RuntimeError("a call on behalf that cannot be repeated")
        origin = call.on_behalf_of or call.request_id
        when = event.second(call.machine_now)
        call.records.append(WrittenRecord(asked.form, when, self.new_id(), self.new_id(), origin))

    def alike(
        self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]
    ) -> tuple[Remembered, Answer] | None:
        """What an earlier call on behalf says of one that is like it; see Call.alike."""
        return self.kinship.asked(call, tx, service, operation, params)

    def authorise(
        self, call: Call, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue]
    ) -> Decision:
        """Decide one action; raises the AccessDenied refusal where it is not allowed."""
        if call.common is not None:
            return self._by_plan(call, tx, action, target, lambda: keys)[0]
        return self._decided(call, action, target, keys, self._policies(call, tx, target))

    def authorise_steady(self, call: Call, tx: Transaction, operation: Operation, target: Target) -> Decision:
        """As ``authorise``, of a steady operation: policies that look at nothing but patterns need not be asked again.

        Those of a resource of its own, but for a key's, are asked anew: they speak of no other resource.
        """
        found, plan = self._by_plan(call, tx, operation.action or "", target, lambda: operation.keys(call, target))
        if plan is not None:
            call.plan = plan
        return found

    def _by_plan(
        self,
        call: Call,
        tx: Transaction,
        action: str,
        target: Target,
        keys: Callable[[], Mapping[str, ContextValue]],
    ) -> tuple[Decision, Plan | None]:
        """A decision, and the plan that it followed by; None where it was made anew."""
        common = call.common
        known = None if common is None else common.plan(call, action, target)
        if known is not None:
            found = known.recall(call.principal, action, target.arn, target.account)
            if found is not None:
                return found, known
        policies = self._policies(call, tx, target)
        if target.policy is not None and target.rule is not ResourceRule.KEY:
            return self._decided(call, action, target, keys(), policies), None
        credential, source = call.credential, call.source
        caller = (
            id(credential), id(source), call.region, call.via, call.invoked_by, call.acts_for, target.account
        )  # fmt: skip
        plan = self._plans.of(action, policies, caller, (credential, source))
        if common is not None:
            common.learn_plan(call, action, target, plan)
        found = plan.recall(credential.principal, action, target.arn, target.account)
        if found is not None:
            return found, plan
        found = self._decided(call, action, target, keys(), policies)
        plan.keep(found)
        return found, None

    def _policies(self, call: Call, tx: Transaction, target: Target) -> Policies:
        """All that has a say about a target."""
        own = self.principals.policies(tx, call.principal)
        grants = None if target.grants is None else target.grants(tx, call.principal)
        return Policies(own.documents, own.boundary, call.credential.session, target.policy, target.rule, grants)

    def _decided(
        self, call: Call, action: str, target: Target, keys: Mapping[str, ContextValue], policies: Policies
    ) -> Decision:
        source = call.source
        context = global_context(
            call.principal,
            now=call.now,
            source_ip=source.ip,
            secure=source.secure,
            user_agent=source.user_agent,
            region=call.region,
            resource_account=target.account,
            via=call.via,
        )
        context.update(target.facts)
        context.update(keys)
        if call.acts_for is not None:
            context["aws:sourcearn"], context["aws:sourceaccount"] = call.acts_for
        asked = Request(call.principal, action, target.arn, target.account, context)
        decision = decide(asked, policies)
        if not decision.allowed:
            call.decision = None
            call.denial = denial(decision, policies)
            said = denial_text(decision, named=target.named, where=target.where, unseen=target.unseen)
            raise Refusal(Kind.ACCESS_DENIED, said + self._encoded(call, decision))
        return decision

    def dependents(self, tx: Transaction, account: str, arn: str, at_most: int) -> Dependents:
        """What every room says that would be lost with a resource."""
        return self.registry.dependents_of(tx, account, arn, at_most)

    def lasts(self, call: Call, tx: Transaction, target: Target) -> bool:
        """Whether no policy that has a say in a call decides by the time of day."""
        if call.plan is not None:
            return True
        own = self.principals.policies(tx, call.principal)
        limits = (own.boundary, target.policy, *(call.credential.session or ()))
        return not any(one is not None and one.timely for one in (*own.documents, *limits))

    def _encoded(self, call: Call, decision: Decision) -> str:
        """The sealed reasons, where the room's refusals carry them as EC2's do."""
        room = self.registry.rooms.get(call.service)
        if room is None or not room.encodes_denials:
            return ""
        message = encode_message(self.keyring, call.account, failure(decision))
        return f" Encoded authorization failure message: {message}" if message else ""

    # ------------------------------------------------------------------ what the product does unasked

    def unasked(self, who: Credential, service: str, operation: str, *, region: str, **params: Any) -> Call:
        """A call that no request brought: by a service, or by a session that a service holds. Not begun yet."""
        now = self.clock()
        name = who.principal.name if who.principal.kind is PrincipalKind.SERVICE else f"{service}.amazonaws.com"
        return Call(
            kernel=self,
            service=service,
            name=operation,
            region=region,
            credential=who,
            params=params,
            now=now,
            machine_now=now,
            request_id=self.new_id(),
            event_id=self.new_id(),
            source=self._service(name)[1],
            invoked_by=name,
        )

    def perform(self, call: Call, tx: Transaction) -> tuple[Answer | Answerable, list[AnyRecord]]:
        """Do an unasked call in a transaction: its answer or its refusal, and the records of it."""
        operation = self.registry.rooms[call.service].operations[call.name]
        model = self.catalogue.service(call.service).operations[call.name]
        self.catch_up(tx)
        call.now = call.machine_now + self.offset(tx)
        call.patient = True  # no event loop does this
        try:
            answer = self._inside(call, operation, tx)
        except Answerable as refusal:
            back = [undone(record) for record in call.records if record.event["eventType"] == "AwsApiCall"]
            return refusal, [*back, self.records.of(call, operation, model, None, refusal, None)]
        if call.afterwards is not None:
            return answer, []  # its record follows its answer: ``perform_outside``
        return answer, [*call.records, self.records.of(call, operation, model, answer, None, tx)]

    def perform_outside(self, call: Call) -> tuple[Answer | Answerable, list[AnyRecord]]:
        """What an unasked call of Mode.WAIT left to be done, in no transaction; as ``perform`` answers."""
        operation = self.registry.rooms[call.service].operations[call.name]
        model = self.catalogue.service(call.service).operations[call.name]
        if call.afterwards is None:
            raise RuntimeError("a call that left nothing to be done")
        try:
            answer = call.afterwards()
        except Answerable as refusal:
            return refusal, [*call.records, self.records.of(call, operation, model, None, refusal, None)]
        return answer, [*call.records, self.records.of(call, operation, model, answer, None, None)]

    def service(self, name: str) -> Credential:
        """A service as a caller."""
        return self._service(name)[0]
