"""A request in flight: who asks, for what, when, and what has been decided and recorded about it so far."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol, TypeVar

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import Entropy
from strongroom.base.refusals import Answerable, Refusal
from strongroom.base.running import Functions
from strongroom.base.values import value_object
from strongroom.kernel.authz.document import Document
from strongroom.kernel.authz.general import Plan
from strongroom.kernel.authz.model import ContextValue, Decision, ResourceRule
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.journal.written import Form, WrittenRecord
from strongroom.kernel.metrics.steps import Steps
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.wire import Frame, Mould

Answer = Mapping[str, Any]
T = TypeVar("T")
Grants = Callable[[Transaction, Principal], Document | None]
"""What of a resource's grants names a principal, as a document of Allows."""


@value_object
class Source:
    """Where a request came from. For a call on behalf, the first caller's own."""

    ip: str
    user_agent: str = ""
    host: str = ""
    secure: bool = False
    tls_version: str | None = None
    tls_cipher: str | None = None


class Sources:
    """Each source once: the requests of one client come from the same place, and what is kept by it is found again."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Source] = {}

    def of(self, ip: str, user_agent: bytes, host: bytes, tls: tuple[str, str] | None) -> Source:
        """The source of these facts, headers as they came; ``tls`` is (version, cipher suite)."""
        name = (ip, user_agent, host, tls)
        found = self._kept.get(name)
        if found is None:
            version, cipher = tls or (None, None)
            agent, named = user_agent.decode("latin-1"), host.decode("latin-1")
            found = Source(ip, agent, named, tls is not None, version, cipher)
            if len(user_agent) + len(host) <= _KEPT_SOURCE_CHARS:
                if len(self._kept) >= _KEPT_SOURCES:
                    self._kept.clear()
                self._kept[name] = found
        return found


_KEPT_SOURCES = 1024
_KEPT_SOURCE_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """What an access key stands for. ``secret`` signs.

    ``session``: what limits a session; None where nothing does (long-term keys, sessions without a policy).
    """

    principal: Principal
    access_key_id: str
    secret: str = field(repr=False)
    session: tuple[Document, ...] | None = None


@value_object
class Target:
    """The resource of a call, found or not, with all that a decision about it needs.

    ``arn``: full canonical ARN, or ``*`` for actions without resource-level permissions.
    ``named``: how a refusal prints it (the id as given where it does not resolve); None prints the ARN, "" leaves
    the clause out. ``where`` and ``unseen``: other words for the clause and for the cause (authz.messages).
    ``found``: the room's row, handed to the handler; None where there is none.
    ``missing``: what an *allowed* caller is told where ``found`` is None; None lets the handler run without a row.
    ``facts``: condition keys that the resource brings (lower-case names: aws:resourcetag/..., kms:keyspec, ...).
    ``grants``: a third source of permission beside policies; keys have it.
    """

    arn: str
    account: str
    found: Any = None
    named: str | None = None
    missing: Answerable | None = None
    policy: Document | None = None
    rule: ResourceRule = ResourceRule.UNION
    facts: Mapping[str, ContextValue] = field(default_factory=dict)
    grants: Grants | None = None
    where: str | None = None
    unseen: str | None = None


LET_GO: Final = object()
"""Stands for a target's ``found`` that is not kept: whoever needs it locates it again."""


@value_object
class Record:
    """One finished event for the journal. ``writes`` where it stands or falls with a commit.

    ``decision`` stands beside the event: why the call was allowed or refused (authz.reasons).
    ``resource``: the ARN of what the call was about, for the feed; or nothing.
    ``untold``: another record's event tells the feed of it, one event for many.
    """

    event_id: str
    event: Mapping[str, Any]
    writes: bool
    decision: Mapping[str, Any] | None = None
    resource: str = ""
    untold: bool = False


AnyRecord = Record | WrittenRecord


@dataclass(frozen=True, slots=True)
class Role:
    """A role as ``sts`` must know it before it is assumed. ``trust`` is compiled, its principals bound to ids."""

    arn: str
    account: str
    name: str
    unique_id: str
    trust: Document
    tags: Mapping[str, str]
    max_session: timedelta


@dataclass(frozen=True, slots=True)
class OpenIDProvider:
    """A registered issuer of web identity tokens. ``issuer``: its URL without ``https://``, which is how condition
    keys begin (``ISSUER:aud``). ``thumbprints``: SHA-1 of pinned certificates, lower case; none where CAs vouch.
    """

    arn: str
    account: str
    issuer: str
    client_ids: frozenset[str]
    thumbprints: frozenset[str]


class Roles(Protocol):
    """What ``iam`` tells about roles and managed policies without a principal; the answers hold no secret."""

    def person_named(self, tx: Transaction, name: str) -> str | None:
        """The unique id of the user or role of exactly this ARN (or id), of whatever account; ``ID:SESSION`` for the
        session of a role; None where none is.
        """
        ...

    def person_of(self, tx: Transaction, unique_id: str) -> str | None:
        """The ARN of today of such an id; None where it is gone."""
        ...

    def openid_provider(self, tx: Transaction, account: str, issuer: str) -> OpenIDProvider | None:
        """The provider that an account registered for an issuer (``https://...``, as in ``iss``); None for none."""
        ...

    def role(self, tx: Transaction, arn: str) -> Role | None:
        """The role of exactly this ARN, in whatever account; None where there is none."""
        ...

    def use_mfa(self, call: Call, tx: Transaction, serial: str, code: str) -> bool:
        """Whether a code is that of the caller's own device at the machine's time. Uses the code up, or counts a wrong
        guess; after too many no code is good for a while.

        Raises NeedsWrite in a reading transaction.
        """
        ...

    def managed_policy(self, tx: Transaction, account: str, arn: str) -> Document | None:
        """The default version of a managed policy, of this account or of AWS; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Dependents:
    """What depends on a resource: ARNs of the resource's own account, bounded, and how many there are in all.

    ``elsewhere``: how many more belong to other accounts, whose names are theirs.
    """

    arns: tuple[str, ...] = ()
    count: int = 0
    elsewhere: int = 0


class Requests(Protocol):
    """Many requests of one operation (kernel/requests.py)."""

    def run(self, params: Mapping[str, Any], ahead: Any) -> tuple[Answer, list[AnyRecord]]:
        """The answer to one, and its records, its own last. Raises whatever the operation refuses with."""
        ...


class Common(Protocol):
    """What requests have in common (kernel/requests.py)."""

    def plan(self, call: Call, action: str, target: Target) -> Plan | None:
        """The plan that decides about an action on a resource, if it is known."""
        ...

    def learn_plan(self, call: Call, action: str, target: Target, plan: Plan) -> None:
        """Keep it."""
        ...

    def ask(self, call: Call, service: str, operation: str, params: Mapping[str, Any]) -> Answer | None:
        """The answer of a call on behalf that is like an earlier one, recorded; None where it has to be made."""
        ...

    def learn_asked(self, child: Call, model: OperationModel) -> None:
        """Keep a call on behalf, for others that are like it."""
        ...


class Kernel(Protocol):
    """What the chain offers to a call in flight, and through it to handlers."""

    @property
    def entropy(self) -> Entropy:
        """The source of chance."""
        ...

    @property
    def keyring(self) -> Keyring:
        """Seals and opens by purpose."""
        ...

    @property
    def quotas(self) -> Mapping[str, int]:
        """The quotas that the operator may set, by the names of their settings."""
        ...

    @property
    def roles(self) -> Roles:
        """The ``iam`` room's answers about roles (the registry's ``principals``)."""
        ...

    @property
    def functions(self) -> Functions:
        """Who runs functions."""
        ...

    def ask(self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        """Run another room's operation on behalf of the caller; see Call.ask."""
        ...

    def repeat(self, call: Call, asked: Remembered) -> None:
        """Record a call on behalf once more; see Call.repeat."""
        ...

    def alike(
        self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]
    ) -> tuple[Remembered, Answer] | None:
        """What an earlier call on behalf says of one that is like it; see Call.alike."""
        ...

    def parts(
        self, call: Call, tx: Transaction, operation: str, each: Iterable[Mapping[str, Any]]
    ) -> Iterator[Answer | Answerable]:
        """Run another operation of the same room as the caller, once for each; see Call.parts."""
        ...

    def request(
        self,
        call: Call,
        tx: Transaction,
        service: str,
        operation: str,
        params: Mapping[str, Any] | Refusal,
        ahead: Any,
    ) -> Answer:
        """Run a request that this call brought; see Call.request."""
        ...

    def requests(self, call: Call, tx: Transaction, service: str, operation: str) -> Requests:
        """Many requests that this call brought; see Call.requests."""
        ...

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
        """Run another room's operation as the service itself; see Call.act."""
        ...

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
        """Record something that the service does by itself; see Call.tell."""
        ...

    def authorise(
        self, call: Call, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue]
    ) -> Decision:
        """Decide one more action; see Call.authorise."""
        ...

    def dependents(self, tx: Transaction, account: str, arn: str, at_most: int) -> Dependents:
        """What would be lost with a resource, as every room that keeps such things answers."""
        ...


@dataclass(slots=True)
class Repeat:
    """How a steady operation answers a question again in the snapshot in which it was answered before.

    ``stays``: the members of the answer that are the same throughout the snapshot; never a plaintext.
    ``anew`` makes the others for one call and has its calls on behalf recorded (``Call.repeat``). None where time has
    changed something after all: then everything is done as if for the first time.
    ``frame``: the answer's bytes around them, which the wire keeps here; ``mould`` where it is part of another's.
    """

    stays: Mapping[str, Any]
    anew: Callable[[Call], Mapping[str, Any] | None]
    frame: Frame | None = None
    mould: Mould | None = None


@dataclass(slots=True)
class Remembered:
    """What a call of a steady operation was about and how it was decided, good for one snapshot.

    ``asker`` and ``source`` are kept so that their identities, which the question was put by, are not given to others.
    ``form`` is how its records are written; False where they must be written anew each time.
    ``repeat``: how it is answered again, where its handler has said so.
    """

    params: Mapping[str, Any]
    target: Target
    decision: Decision
    asker: Credential
    source: Source
    form: Form | Literal[False] | None = None
    repeat: Repeat | None = None


class NeedsTime(Exception):  # noqa: N818  a signal, not an error
    """A call in the event loop found that it has to compute for more than 1 ms.

    The server throws the attempt away, with everything it would have recorded, and runs the call again in a thread.
    """


@dataclass(slots=True)
class Call:
    """One operation asked by one principal. Handlers read it; only the chain writes it.

    ``params`` are parsed and valid by the model: strings, ints, bytes for blobs, datetimes, lists, dicts.
    ``now`` is the product's clock; ``machine_now`` the machine's.
    ``region`` comes from the credential scope; ``account`` is the caller's.
    ``invoked_by`` is a service principal (``secretsmanager.amazonaws.com``) on calls on behalf, else None;
    ``on_behalf_of`` then the request id of the call that it all began with; ``depth`` how many calls lie between.
    ``acts_for``: (ARN, account) of the resource because of which a service calls by itself: the values of
    aws:SourceArn and aws:SourceAccount.
    ``told``: names for the record's additionalEventData that answer and parameters do not have; never values.
    ``afterwards``: what an operation of Mode.WAIT leaves to be done when its transaction is over, for its answer.
    ``also``: further actions that it was allowed, for its record.
    ``denial``: the reasons of the last decision that was not an allowance (authz.reasons).
    ``computed`` and ``kept`` belong to ``once`` and ``keep``.
    ``question``: what a steady operation is remembered by, ``remembered`` what the chain found under it.
    ``apart``: the parameter that its question leaves out (registry.Operation).
    ``asks``: how many calls it has made on behalf, ``asked`` what the last of them was remembered as.
    ``plan``: where the decision follows from one about another resource, what it follows by (authz.general).
    ``common``: what it has in common with others that one call brought (kernel/requests.py); decisions may then follow
    from theirs, as those of steady operations do.
    ``by_kin``: all of it follows from a call about another resource, and is not remembered yet (kernel/kinship.py);
    ``kinless``: kin was asked, and had nothing to say.
    ``ahead``: what the operation's ``ahead`` brought from outside, checked; it stays when a call is run again.
    ``steps``: its parts and their times, where calls are traced (kernel/traced.py); else None.
    ``patient``: whether it may compute for more than 1 ms, because nobody else waits for its thread.
    """

    kernel: Kernel
    service: str
    name: str
    region: str
    credential: Credential
    params: Mapping[str, Any]
    now: datetime
    machine_now: datetime
    request_id: str
    event_id: str
    source: Source
    invoked_by: str | None = None
    via: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    depth: int = 0
    acts_for: tuple[str, str] | None = None
    target: Target | None = None
    decision: Decision | None = None
    denial: Mapping[str, Any] | None = None
    also: tuple[str, ...] = ()
    ahead: Any = None
    records: list[AnyRecord] = field(default_factory=list)
    told: Mapping[str, Any] | None = None
    afterwards: Callable[[], Answer] | None = None
    computed: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    kept: list[Callable[[Transaction], None]] = field(default_factory=list)
    question: Hashable = None
    remembered: Remembered | None = None
    apart: str | None = None
    asks: int = 0
    asked: Remembered | None = None
    plan: Plan | None = None
    common: Common | None = None
    by_kin: bool = False
    kinless: bool = False
    steps: Steps | None = None
    patient: bool = False

    @property
    def principal(self) -> Principal:
        """The caller."""
        return self.credential.principal

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.credential.principal.account

    def get(self, member: str, default: Any = None) -> Any:
        """One parameter, or the default where the caller left it out."""
        return self.params.get(member, default)

    def __getitem__(self, member: str) -> Any:
        return self.params[member]

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is costly to compute and depends on nothing but ``key``: computed once, though the call may be run
        again as a write. Gone with the call.
        """
        if key not in self.computed:
            self.computed[key] = compute()
        found: T = self.computed[key]
        return found

    def keep(self, change: Callable[[Transaction], None]) -> None:
        """Have a change made even where this writing call is refused and undone: an attempt is counted so."""
        self.kept.append(change)

    def repeats(self, stays: Mapping[str, Any], anew: Callable[[Call], Mapping[str, Any] | None]) -> None:
        """Say how this answer of a steady operation can be made again (see Repeat). Heeded from the second time on."""
        if self.remembered is not None:
            self.remembered.repeat = Repeat(stays, anew)

    def repeat(self, asked: Remembered) -> None:
        """Record a call on behalf once more whose decision stands in this snapshot, without making it again."""
        self.kernel.repeat(self, asked)

    def ask(self, tx: Transaction, service: str, operation: str, /, **params: Any) -> Answer:
        """Ask another room on behalf of the caller, in this transaction, as AWS's forward access sessions do.

        The other room's own rules decide about the *caller* (with kms:ViaService and the like set), and the call
        is recorded with ``invokedBy``. Raises whatever that operation answers with (ServiceError, Refusal), and
        Refusal(NOT_OFFERED) where nobody answers it.
        """
        return self.kernel.ask(self, tx, service, operation, params)

    def alike(
        self, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]
    ) -> tuple[Remembered, Answer] | None:
        """A call on behalf that need not be made, because an earlier one of this caller was like it and allowed: what
        it is recorded by (``repeat``), and what is its own in its answer. None where it has to be made.
        """
        return self.kernel.alike(self, tx, service, operation, params)

    def parts(
        self, tx: Transaction, operation: str, each: Iterable[Mapping[str, Any]]
    ) -> Iterator[Answer | Answerable]:
        """Run one operation of this room several times as parts of this call: same caller, each with a decision and a
        record of its own. What each answers or refuses with, in their order.
        """
        return self.kernel.parts(self, tx, operation, each)

    def takes_time(self, tx: Transaction) -> None:
        """Say that what follows may compute for more than 1 ms. Raises NeedsTime in the event loop."""
        if not self.patient and not tx.writable:
            raise NeedsTime

    def request(
        self, tx: Transaction, service: str, operation: str, params: Mapping[str, Any] | Refusal, ahead: Any = None
    ) -> Answer:
        """Run one of many requests that this call brought, as its caller sent it: validated by the model, decided and
        recorded on its own. ``params``: as ``wire`` read them, or why they cannot be read. ``ahead``: what the handler
        finds as its call's.

        Raises whatever the operation refuses with; then the records of what was done for it say that it was undone.
        To be called inside ``Transaction.attempt``, unless the handler changes nothing.
        """
        return self.kernel.request(self, tx, service, operation, params, ahead)

    def requests(self, tx: Transaction, service: str, operation: str) -> Requests:
        """Many requests of one operation that this call brought, to be worked out on a groundwork: as ``request``, each
        with records of its own that are not this call's yet.
        """
        return self.kernel.requests(self, tx, service, operation)

    def act(
        self, tx: Transaction, service: str, operation: str, /, *, resource: tuple[str, str], **params: Any
    ) -> Answer:
        """Ask another room as this room's service (``secretsmanager.amazonaws.com``), not as the caller.

        The other resource's own policy decides alone, with aws:SourceArn and aws:SourceAccount set to ``resource``.
        Raises as ``ask`` does.
        """
        return self.kernel.act(self, tx, service, operation, params, resource=resource)

    def tell(
        self,
        name: str,
        *,
        account: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Record one AwsServiceEvent that this writing call brings about; a refused call has brought about none."""
        self.kernel.tell(
            self, name, account=account, details=details, request_id=request_id, error_message=error_message
        )

    def authorise(
        self, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue] | None = None
    ) -> None:
        """Demand one more permission (secretsmanager:TagResource on create, say). Raises the AccessDenied refusal."""
        self.kernel.authorise(self, tx, action, target, keys or {})
        self.also = (*self.also, action)


Names = Sequence[str]
