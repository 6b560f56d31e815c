"""Calls that are alike: what one caller's earlier call says of another that differs in names alone.

A store has more secrets than a worker can remember, and most are under the same few policies and keys. Of a caller's
calls of one operation that are decided by the same plan (authz/general.py) the worker keeps the *kin*: the plan,
and the form of their records. A further one is decided by the plan, and its room says what it is about and how it is
answered (registry.Alike): what comes out is what would have been remembered of it, and the chain goes on with it.

INVARIANT: kin says nothing that depends on rows that belong to one secret. It is made of policies, keys and grants;
a commit to any of those forgets it with everything else (storage/memory.py). Who is in any doubt answers None, and the
call is worked out as if there were no kin. Nothing but an allowance comes of it.
Source: docs/decisions/0062-reads-of-many.md.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from strongroom.kernel.authz.general import Plan, about
from strongroom.kernel.authz.model import Decision, ResourceRule
from strongroom.kernel.call import Answer, Call, Credential, Remembered, Repeat, Source, Target
from strongroom.kernel.journal.redact import parameters_shown
from strongroom.kernel.journal.written import Family
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.records import Records
from strongroom.kernel.registry import Alike, AlikeOnBehalf, Operation, Registry
from strongroom.kernel.storage.port import Notes, Transaction

_UNION = ResourceRule.UNION
FAMILIES_AT_MOST = 64
"""Of one kin: as many as its plan has answers."""


class Kin:
    """What calls of one caller about one operation have in common.

    ``asker`` and ``source`` are kept so that their identities are not given to others. ``target`` and ``decision`` are
    those of the call that it was learnt from: of calls on behalf that are alike, all of them have the same. ``own`` is
    then how all of them are recorded.
    """

    __slots__ = ("asker", "decision", "families", "model", "own", "plan", "shown", "source", "target")

    def __init__(
        self, asker: Credential, source: Source, plan: Plan, target: Target, decision: Decision, model: OperationModel
    ) -> None:
        self.asker = asker
        self.source = source
        self.plan = plan
        self.target = target
        self.decision = decision
        self.model = model
        self.shown = parameters_shown(model)
        self.own: Family | None = None
        self.families: dict[Hashable, tuple[object, Family | None]] = {}


class Likeness:
    """One call on its way to what its kin says of it: ``locate``, ``decide``, ``answer``, each if the one before it has
    said yes. Several calls may take each step one after the other (kernel/together.py).

    ``owners``: whose rows were read for it, for whoever keeps what comes out.
    """

    __slots__ = ("alike", "call", "decision", "earlier", "found", "kin", "operation", "owners", "repeat", "target")

    def __init__(self, call: Call, operation: Operation, alike: Alike, kin: Kin) -> None:
        self.call = call
        self.operation = operation
        self.alike = alike
        self.kin = kin
        self.target: Target | None = None
        self.found: Any = None
        self.earlier: Decision | None = None
        self.decision: Decision | None = None
        self.repeat: Repeat | None = None
        self.owners: frozenset[int] = frozenset()

    def locate(self, tx: Transaction) -> bool:
        """What it is about, as far as it is plain."""
        located = self.alike.locate(self.call, tx)
        if located is None:
            return False
        self.target, self.found = located
        return True

    def decide(self, _tx: Transaction) -> bool:
        """By its kin's plan. Nothing but an allowance comes of it."""
        call, kin, target = self.call, self.kin, self.target
        if target is None:
            raise RuntimeError("a likeness that was not located")
        principal, account = call.credential.principal, target.account
        # Plans are kept by the resource's account.
        own = account == kin.target.account == principal.account
        earlier = kin.plan.like(target.arn) if own else None
        if earlier is None:
            return False
        decision = about(earlier, principal, kin.decision.request.action, target.arn, account)
        if not decision.allowed:
            raise RuntimeError("a plan that allows nothing")
        self.earlier, self.decision = earlier, decision
        return True

    def answer(self, tx: Transaction) -> bool:
        """How it is answered, as its room says."""
        if self.target is None:
            raise RuntimeError("a likeness that was not located")
        self.repeat = self.alike.repeat(self.call, self.target, self.found, tx)
        return self.repeat is not None


class Kinship:
    """Finds the kin of calls. Safe to share between threads: what it keeps lies with their snapshots."""

    def __init__(self, registry: Registry, catalogue: Catalogue, records: Records) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._records = records
        self._known: dict[tuple[str, str, str], tuple[Operation | None, str, tuple[str]]] = {}

    def learn(self, call: Call, operation: Operation, tx: Transaction, target: Target) -> None:
        """Keep what others have in common with an allowed call whose decision followed from another's."""
        alike, plan, decision, memory = operation.alike, call.plan, call.decision, tx.memory
        if alike is None or plan is None or decision is None or memory is None or call.also or target.found is None:
            return
        if tx.writable:
            return
        on_behalf = call.invoked_by is not None
        if not (on_behalf or _is_plain(target)):
            return
        family = alike.family(call.params)
        if family is None:
            return
        question = _question(operation, call, call.via, call.invoked_by, call.acts_for, family)
        if memory.get(question) is None:
            model = self._catalogue.service(call.service).operations[call.name]
            kin = Kin(call.credential, call.source, plan, target, decision, model)
            if on_behalf:
                kin.own = self._records.family(call, operation, model, target, decision)
            memory.put(question, kin)

    def answers(self, call: Call, operation: Operation, alike: Alike, tx: Transaction) -> Remembered | None:
        """What would be remembered of a call whose kin is known: decided by that, and about to be answered and recorded
        as others of its kin. None where it has none, or anything about it is its own.
        """
        one = self.begun(call, operation, alike, tx)
        memory = tx.memory
        if one is None or memory is None or not (one.locate(tx) and one.decide(tx) and one.answer(tx)):
            return None
        made = self.made(one)
        if made is not None and memory.met(call.question):
            memory.put(call.question, made)
        return made

    def begun(self, call: Call, operation: Operation, alike: Alike, tx: Transaction) -> Likeness | None:
        """A call whose kin is known, at the beginning of its way; None where it has none."""
        memory = tx.memory
        kin = None if memory is None or tx.writable else self._of(call, operation, alike, memory)
        return None if kin is None else Likeness(call, operation, alike, kin)

    def made(self, one: Likeness) -> Remembered | None:
        """What would be remembered of a call that has gone all its way; None where its record cannot be told by kin."""
        call, kin, target, decision, earlier = one.call, one.kin, one.target, one.decision, one.earlier
        if target is None or decision is None or earlier is None:
            raise RuntimeError("a likeness that was not decided")
        kept = kin.families.get((id(earlier), call.on_behalf_of is None))
        told = self._family(kin, call, one.operation, earlier, target, decision) if kept is None else kept[1]
        form = None if told is None else told.form(kin.shown(call.params), target.arn)
        if form is None:
            return None
        return Remembered(call.params, target, decision, call.credential, call.source, form, one.repeat)

    @staticmethod
    def _of(call: Call, operation: Operation, alike: Alike, memory: Notes) -> Kin | None:
        family = alike.family(call.params)
        if family is None or call.question is None or call.now != call.machine_now:
            return None
        kin: Kin | None = memory.get(_question(operation, call, call.via, call.invoked_by, call.acts_for, family))
        return kin

    def asked(
        self, call: Call, tx: Transaction, service: str, name: str, params: Mapping[str, Any]
    ) -> tuple[Remembered, Answer] | None:
        """What a call that ``call`` makes on behalf is recorded by, and what is its own in its answer. Its target and
        decision are its kin's.
        """
        memory = tx.memory
        known = self._known.get((call.service, service, name)) or self._knows(call.service, service, name)
        operation, by, via = known
        if memory is None or operation is None or call.now != call.machine_now:
            return None
        alike = operation.alike
        family = alike.family(params) if isinstance(alike, AlikeOnBehalf) else None
        if family is None or not isinstance(alike, AlikeOnBehalf):
            return None
        kin: Kin | None = memory.get(_question(operation, call, (*call.via, by) if call.via else via, by, None, family))
        if kin is None or kin.own is None:
            return None
        answer = alike.answer(kin.target.found, params)
        form = kin.own.form(kin.shown(params), kin.target.arn)
        if answer is None or form is None:
            return None
        return Remembered({}, kin.target, kin.decision, kin.asker, kin.source, form), answer

    def _knows(self, asker: str, service: str, name: str) -> tuple[Operation | None, str, tuple[str]]:
        """An operation that a room asks another for, and what the room is called then."""
        room = self._registry.rooms.get(service)
        by = f"{asker}.amazonaws.com"
        known = self._known[asker, service, name] = (None if room is None else room.operations.get(name), by, (by,))
        return known

    def _family(
        self, kin: Kin, call: Call, operation: Operation, earlier: Decision, target: Target, decision: Decision
    ) -> Family | None:
        """How the records of such calls are written, for each decision that they follow from."""
        if len(kin.families) >= FAMILIES_AT_MOST:
            kin.families.clear()
        made = self._records.family(call, operation, kin.model, target, decision)
        # The decision is kept beside it, so that its number is not given to another.
        kin.families[id(earlier), call.on_behalf_of is None] = earlier, made
        return made


def _is_plain(target: Target) -> bool:
    """Whether nothing of the resource's own has a say."""
    return target.policy is None and target.grants is None and target.rule is _UNION


def _question(
    operation: Operation,
    call: Call,
    via: tuple[str, ...],
    invoked_by: str | None,
    acts_for: tuple[str, str] | None,
    family: Hashable,
) -> tuple[Hashable, ...]:
    return "kin", id(operation), id(call.credential), id(call.source), call.region, via, invoked_by, acts_for, family
