"""Which room answers which operation, and who answers the questions that have no principal."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, Protocol

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import Entropy
from strongroom.base.running import Functions
from strongroom.kernel.authz.document import Document
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.call import Answer, Call, Credential, Dependents, Repeat, Roles, Target
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.standing import RotationDesk
from strongroom.kernel.storage.port import Transaction


class Mode(Enum):
    """Where an operation runs. The code of the room is the same in each."""

    READ = "in the event loop on the embedded store; NeedsWrite has it run as a write, NeedsTime in a thread"
    WRITE = "through the write queue, in a savepoint"
    WAIT = "decided as a read; what it then waits for (a function) is done outside of any transaction, in a thread"
    SLOW = "a read that waits or computes for more than 1 ms: always in a bounded thread"
    SLOW_WRITE = "a write that computes first (Call.once): begun in a bounded thread, ended through the write queue"

    @property
    def changes(self) -> bool:
        """Whether an operation is there to change something, which its records say."""
        return self in (Mode.WRITE, Mode.SLOW_WRITE, Mode.WAIT)


Handler = Callable[[Call, Any, Transaction], Answer]
Locator = Callable[[Call, Transaction], Target]
Keys = Callable[[Call, Target], Mapping[str, ContextValue]]
Foreseeable = Callable[[Call, Target], bool]
Read = Callable[[], AbstractContextManager[Transaction]]
"""Opens a reading transaction, for a short look."""
Ahead = Callable[[Call, Read], None]
"""What an operation must have from the world outside before its transaction begins: kept in ``call.ahead``.

It may wait for the network, and must not while a transaction of its own is open.
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Of a Mode.SLOW_WRITE that is one of several which go one after the other: what is done before its turn.

    ``prepare(call, read)``: works out what its turn will need, in no transaction. The call may not have been decided
    where its handler has not said so (``Call.once``). ``has_come(call, tx)``: whether its turn has come. It is waited
    for, within bounds (kernel/turns.py); the handler asks again.
    """

    prepare: Callable[[Call, Read], None]
    has_come: Callable[[Call, Transaction], bool]


def everything(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The locator of actions without resource-level permissions: ``*`` in the caller's own account."""
    return Target(arn="*", account=call.account)


def no_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """For operations without condition keys of their own."""
    return {}


@dataclass(frozen=True, slots=True)
class Alike:
    """How a steady operation is answered again for other names, without its handler (kernel/kinship.py).

    ``family``: of parameters, what must be the same in calls that are alike; None where they are like no others.
    ``locate``: the resource, its ``found`` let go, and as much of it as ``repeat`` looks at; None where it is not there
    or has a policy or grants of its own.
    ``repeat(call, target, found, tx)``: how the answer about it is made, where nothing is to be told but the plain
    answer; it looks at everything that the handler looks at. None in any doubt: the handler is asked then.
    ``plain``: bodies of AWS JSON that mean parameters which are valid: its named groups, ASCII texts, and no others.
    """

    family: Callable[[Mapping[str, Any]], Hashable | None]
    locate: Callable[[Call, Transaction], tuple[Target, Any] | None]
    repeat: Callable[[Call, Target, Any, Transaction], Repeat | None]
    plain: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class AlikeOnBehalf:
    """The same of one that other rooms ask for on behalf of their callers, always of the same resource.

    ``answer(found, params)``: the members of the answer that are its own, made now; None in any doubt, as above.
    """

    family: Callable[[Mapping[str, Any]], Hashable | None]
    answer: Callable[[Any, Mapping[str, Any]], Answer | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the chain needs it; everything else about it is in the service model.

    ``action``: the IAM action; None where it needs no permission (GetCallerIdentity): that is its decision.
    ``keys``: condition keys taken from the request (lower-case names).
    ``shown``: the answer's members that its journal record repeats; () records null, as AWS does for reads.
    ``resource_type``: as ``AWS::KMS::Key`` where records list the target under ``resources``; else None.
    ``steady``: that ``locate`` and ``keys`` depend on nothing but the caller, the parameters, the Region, where the
    request comes from and the snapshot: the chain then remembers, for that snapshot, what it located and decided.
    ``unsigned``: anybody may ask, without a signature; ``ahead`` then has to find out who it is.
    ``ahead``: asked between parameters and transaction, in a thread that may wait.
    ``alike``: how it is answered from what an earlier call has shown.
    ``apart``: of a steady one, a parameter that ``locate`` does not look at and whose answer's repetition
    (``Call.repeats``) takes up anew: where policies look at nothing but patterns, the others are the whole question.
    ``foreseen``: of a write, whether a call of this target may be worked out on a snapshot before it has its turn
    (storage/foresight.py). Saying yes of what cannot be only costs time: nothing is done that does not hold.
    ``turn``: what is done before it, once a reading transaction has found that it needs writing.
    """

    service: str
    name: str
    handle: Handler
    action: str | None
    mode: Mode
    locate: Locator = everything
    keys: Keys = no_keys
    shown: tuple[str, ...] = ()
    resource_type: str | None = None
    steady: bool = False
    unsigned: bool = False
    ahead: Ahead | None = None
    alike: Alike | AlikeOnBehalf | None = None
    foreseen: Foreseeable | None = None
    apart: str | None = None
    turn: Turn | None = None


class Room:
    """The operations of one service, declared by decorator in its ``operations/`` files.

    ``encodes_denials``: its AccessDenied texts end with a message for sts:DecodeAuthorizationMessage, as EC2's do.
    """

    def __init__(
        self, service: str, *, refused: Mapping[str, str] | None = None, encodes_denials: bool = False
    ) -> None:
        self.service = service
        self.refused = dict(refused or {})
        self.encodes_denials = encodes_denials
        self.operations: dict[str, Operation] = {}

    def operation(
        self,
        name: str,
        *,
        mode: Mode,
        action: str | None = "",
        locate: Locator = everything,
        keys: Keys = no_keys,
        shown: Sequence[str] = (),
        resource_type: str | None = None,
        steady: bool = False,
        unsigned: bool = False,
        ahead: Ahead | None = None,
        alike: Alike | AlikeOnBehalf | None = None,
        foreseen: Foreseeable | None = None,
        apart: str | None = None,
        turn: Turn | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a handler. ``action`` defaults to ``<service>:<name>``; None says that none is needed."""
        if name in self.operations:
            raise ValueError(f"{self.service}:{name} is declared twice")
        if unsigned and (ahead is None or action is None):
            raise ValueError(f"{self.service}:{name} would be open to anybody")
        if steady and (ahead is not None or mode is not Mode.READ):
            raise ValueError(f"{self.service}:{name} cannot be steady: it does more than read")
        if alike is not None and (not steady or shown or (resource_type and isinstance(alike, Alike))):
            raise ValueError(f"{self.service}:{name} is like no other: its answers or records differ")
        if ahead is not None and mode is not Mode.SLOW:
            raise ValueError(f"{self.service}:{name} would wait in the event loop")
        if foreseen is not None and mode is not Mode.WRITE:
            raise ValueError(f"{self.service}:{name} has no turn to wait for")
        if apart is not None and not steady:
            raise ValueError(f"{self.service}:{name} is not remembered at all")
        if turn is not None and mode is not Mode.SLOW_WRITE:
            raise ValueError(f"{self.service}:{name} would wait in the event loop")

        def declare(handle: Handler) -> Handler:
            self.operations[name] = Operation(
                self.service,
                name,
                handle,
                f"{self.service}:{name}" if action == "" else action,
                mode,
                locate,
                keys,
                tuple(shown),
                resource_type,
                steady,
                unsigned,
                ahead,
                alike,
                foreseen,
                apart,
                turn,
            )
            return handle

        return declare


@dataclass(frozen=True, slots=True)
class IdentityPolicies:
    """A principal's own documents (inline, attached, of its groups) and its boundary."""

    documents: tuple[Document, ...] = ()
    boundary: Document | None = None


class PrincipalSource(Roles, Protocol):
    """The ``iam`` room's answers about callers. All are cached by generation inside."""

    def credential(
        self, tx: Transaction, access_key_id: str, session_token: str | None, now: datetime
    ) -> Credential | None:
        """What an access key stands for; None where it is unknown, inactive, or its token does not fit.

        Raises Refusal(EXPIRED_TOKEN) for a session that was good and is over.
        """
        ...

    def policies(self, tx: Transaction, principal: Principal) -> IdentityPolicies:
        """The principal's policies as they stand in this transaction; empty where it is gone."""
        ...

    def everyone(self, tx: Transaction, account: str) -> Sequence[Principal]:
        """All users and roles of an account as they are without a session: for reports, not for calls."""
        ...

    def last_uses(
        self, tx: Transaction, principals: Sequence[Principal]
    ) -> Mapping[str, tuple[datetime, datetime | None]]:
        """By unique id of these users and roles: when it was made, and when its keys or sessions were last used."""
        ...

    def used(self, tx: Transaction, credential: Credential, *, service: str, region: str, now: datetime) -> None:
        """Note that a *proven* credential was used: for last-used dates, at most once an hour each.

        To be called after the signature is verified. Raises NeedsWrite in a reading transaction when a note is due.
        """
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One due piece of work, held under a lease."""

    kind: str
    key: str
    attempt: int


class JobRun(Protocol):
    """What a job has in hand: time, chance, seals, and the journal."""

    @property
    def now(self) -> datetime:
        """The product's clock."""
        ...

    @property
    def entropy(self) -> Entropy:
        """The source of chance."""
        ...

    @property
    def keyring(self) -> Keyring:
        """Seals and opens by purpose."""
        ...

    def record(
        self,
        *,
        service: str,
        name: str,
        account: str,
        region: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Record one AwsServiceEvent, written with the transaction of the job."""
        ...


Place = tuple[str | int, ...]
"""The primary key of a row."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One thing that lies sealed under the root key, where it lies, and what it is bound to."""

    place: Place
    sealed: bytes = field(repr=False)
    bound: bytes


@dataclass(frozen=True, slots=True)
class SealedRows:
    """All rows of one kind that lie sealed under the root key, so that they can be sealed anew under the next one.

    ``name``: where they lie, as ``table.column``. ``at_once``: how many may be sealed anew in one transaction.

    ``page(tx, after, limit)``: the next rows in the order of their places (None: from the first).
    ``replace(tx, place, sealed)``: store another sealed form of the same thing. It raises no generation: whatever
    was opened stays true, and sealed forms are never kept in caches.
    """

    name: str
    purpose: str
    page: Callable[[Transaction, Place | None, int], Sequence[SealedRow]]
    count: Callable[[Transaction], int]
    replace: Callable[[Transaction, Place, bytes], None]
    at_once: int = 50


JobHandler = Callable[[Job, JobRun, Transaction], None]
"""Does the work of one job inside one writing transaction; the lease is checked in that same transaction."""

Errand = Callable[[Job], JobHandler]
"""A job that waits: done in a thread, outside of any transaction, for as long as it takes. It answers what is then
to be done in the job's transaction. A run that dies is taken up again by another, so its work may be done twice."""


@dataclass(frozen=True, slots=True)
class Errands:
    """Who does the errands of one kind, and how many at once: in all, and of one lane (``jobs.due.schedule``)."""

    work: Errand
    at_once: int
    lane_at_once: int


DependentsOf = Callable[[Transaction, str, str, int], Dependents]
"""What of a room would be lost with (account, ARN of a resource); at most so many are named."""


class Counted(NamedTuple):
    """How many secrets an account has in a Region. ``paid``: without those that wait for their deletion."""

    account: str
    region: str
    secrets: int
    paid: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a run of lines: how many were looked at, how many secrets made, how many were there already.

    ``errors``: (which of the lines, from 0, code, text); no value stands in a text.
    """

    done: int
    created: int
    present: int
    errors: Sequence[tuple[int, str, str]] = ()


class Importer(Protocol):
    """Makes secrets of lines, one CreateSecret request each, as the caller sent them."""

    def prepare(self, call: Call, read: Read, lines: Sequence[bytes]) -> Any:
        """Work lines out before their turn, in no transaction, for ``take``."""
        ...

    def take(self, call: Call, tx: Transaction, lines: Sequence[bytes], go_on: bool, prepared: Any) -> Imported:
        """What became of lines. ``go_on``: behind one that is refused; else that is the last that is looked at, and not
        counted as done. ``prepared``: what ``prepare`` has made of these very lines, or None; what of it does not hold
        any more is worked out anew.
        """
        ...


Census = Callable[[Transaction], Sequence[Counted]]
"""Everything that is counted by the hour, copies included. May take as long as a scan of all secrets."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an account used: hours of secrets that are paid for, calls by service, by principal and by resource."""

    secret_hours: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    by_principal: Sequence[tuple[str, int]] = ()
    by_resource: Sequence[tuple[str, int]] = ()


UsageOf = Callable[[Transaction, str, datetime, datetime], Used]
"""What an account used from one moment to before another."""
TagsOf = Callable[[Transaction, str], Mapping[str, str]]
"""The tags of the resource of an ARN; none where it is gone."""


def _nothing_used(tx: Transaction, account: str, first: datetime, end: datetime) -> Used:  # noqa: ARG001
    return Used()


def _no_tags(tx: Transaction, arn: str) -> Mapping[str, str]:  # noqa: ARG001
    return {}


@dataclass(slots=True)
class Registry:
    """Everything that rooms have declared. Filled by ``app`` at start, read-only afterwards."""

    rooms: dict[str, Room] = field(default_factory=dict)
    jobs: dict[str, JobHandler] = field(default_factory=dict)
    errands: dict[str, Errands] = field(default_factory=dict)
    principals: PrincipalSource | None = None
    sealed: dict[str, SealedRows] = field(default_factory=dict)
    dependents: list[DependentsOf] = field(default_factory=list)
    functions: Functions | None = None
    census: Census = lambda _: ()
    usage: UsageOf = _nothing_used
    tags_of: TagsOf = _no_tags
    rotations: RotationDesk | None = None
    importer: Importer | None = None

    def add(self, room: Room) -> None:
        """Take in one room."""
        if room.service in self.rooms:
            raise ValueError(f"room {room.service} is registered twice")
        self.rooms[room.service] = room

    def add_errand(self, kind: str, errand: Errand, *, at_once: int = 16, lane_at_once: int | None = None) -> None:
        """Say who does the jobs of one kind that wait. Only the process that does jobs needs to know.

        ``at_once``: each has a thread of its own. ``lane_at_once``: by default as many.
        """
        if kind in self.jobs or kind in self.errands:
            raise ValueError(f"job kind {kind} is registered twice")
        self.errands[kind] = Errands(errand, at_once, at_once if lane_at_once is None else lane_at_once)

    def add_job(self, kind: str, handler: JobHandler) -> None:
        """Say who does the jobs of one kind."""
        if kind in self.jobs:
            raise ValueError(f"job kind {kind} is registered twice")
        self.jobs[kind] = handler

    def add_sealed(self, rows: SealedRows) -> None:
        """Say which rows of a room lie sealed under the root key: all of them, or they are lost at its rotation."""
        if rows.name in self.sealed:
            raise ValueError(f"sealed rows {rows.name} are registered twice")
        self.sealed[rows.name] = rows

    def add_dependents(self, question: DependentsOf) -> None:
        """Say who knows what would be lost with a resource."""
        self.dependents.append(question)

    def dependents_of(self, tx: Transaction, account: str, arn: str, at_most: int) -> Dependents:
        """What all rooms say, joined."""
        told = [question(tx, account, arn, at_most) for question in self.dependents]
        arns = tuple(name for one in told for name in one.arns)[:at_most]
        return Dependents(arns, sum(one.count for one in told), sum(one.elsewhere for one in told))
