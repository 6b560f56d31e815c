"""The desk where people sign in and out, and where a browser's cookie is exchanged for a session.

A cookie is 256 random bits; the store has their hash, and beside it, sealed, the session's token and the secret that
the session's forms carry. Nothing of a session is kept in memory: what one worker ends, every worker refuses.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.console import store
from strongroom.console.store import StoredSession
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.call import Record, Source
from strongroom.kernel.crypto.digests import same, sha256
from strongroom.kernel.journal.event import sign_in_event, switch_event
from strongroom.kernel.journal.identity import user_identity
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.signedin import KeptSession, RoleOver, SessionOver, SignedIn
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Outcome
from strongroom.services.iam import signin
from strongroom.services.iam.signin import Claim, Verdict

COOKIE_BYTES = 32
SESSIONS_OF_ONE_USER = 20
"""The oldest ends where one more begins. Our choice: it bounds the table by the number of users."""
ROLES_REMEMBERED = 5
"""As AWS's console does: the last ones stand in the menu."""
SEEN_EVERY = timedelta(minutes=1)
FORM_TOKEN_CHARS = 43


class NotSignedIn(Exception):  # noqa: N818  an answer
    """A sign-in was refused. Says no more on purpose, but for a password that only an administrator can renew."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("sign-in refused")
        self.expired = expired


@dataclass(frozen=True, slots=True)
class TakenRole:
    """A role that somebody switches to, as they named it."""

    account: str
    name: str
    display: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the console now.

    ``form_token``: what each of the session's forms must carry.
    ``user``: who signed in. ``principal``: who asks now, which is a role where they switched to one (``role``).
    ``recent``: the roles that they switched to before, the newest first.
    """

    session_id: str
    principal: Principal
    user: Principal
    role: TakenRole | None
    recent: Sequence[TakenRole]
    kept: KeptSession
    form_token: str = field(repr=False)
    began: datetime
    ends: datetime
    must_change: bool


class Desk:
    """Sign-in, sign-out, and who is there. For threads that may wait."""

    def __init__(self, door: SignedIn, *, idle: timedelta, length: timedelta) -> None:
        self.door = door
        self._idle = idle
        self._length = length

    def sign_in(self, claim: Claim, source: Source, *, region: str, login_to: str, former: str) -> str:
        """The new cookie of a claim that holds; ``former`` is the browser's old one, whose session ends.

        Raises NotSignedIn.
        """
        call = self.door.call("signin", "ConsoleLogin", region, source)
        prepared = signin.prepare(call, self.door.chain.store.read, claim)
        cookie = _text(self.door.chain.entropy.take(COOKIE_BYTES))

        def run(tx: Transaction) -> Outcome:
            self.door.chain.catch_up(tx)
            call.now = call.machine_now + self.door.chain.offset(tx)
            call.kept = []
            verdict = signin.judge(call, tx, claim, prepared, self._length)
            if verdict.failure is None:
                self._begin(tx, cookie, former, verdict, call.now)
            event = sign_in_event(
                event_id=call.event_id,
                when=call.machine_now,
                product_now=call.now,
                identity=verdict.identity,
                account=verdict.account,
                region=region,
                source_ip=source.ip,
                user_agent=source.user_agent,
                login_to=login_to,
                mfa_used=verdict.mfa,
                failure=verdict.failure,
            )
            held = verdict.failure is None
            record = Record(call.event_id, event, writes=held)
            return Outcome(keep=held, records=(record,), value=verdict, despite=() if held else tuple(call.kept))

        verdict: Verdict = self.door.written(run)
        if verdict.failure is not None:
            raise NotSignedIn(expired=verdict.failure == signin.EXPIRED)
        return cookie

    def _begin(self, tx: Transaction, cookie: str, former: str, verdict: Verdict, now: datetime) -> None:
        key = _id_of(cookie)
        sealed = self._sealed(key, {"key": verdict.access_key_id, "token": verdict.token})
        ends = verdict.ends or now
        store.remove_ended(tx, now)
        if former:
            store.remove(tx, _id_of(former))
        for old in store.of_user(tx, verdict.user_id)[SESSIONS_OF_ONE_USER - 1 :]:
            store.remove(tx, old.id)
        store.add(tx, StoredSession(key, verdict.account, verdict.user_id, now, now, ends, verdict.must_change, sealed))

    def person(self, cookie: str) -> Person:
        """Whose cookie it is. Raises SessionOver."""
        chain, key = self.door.chain, _id_of(cookie)
        with chain.store.read() as tx:
            chain.catch_up(tx)
            now = chain.clock() + chain.offset(tx)
            found = store.find(tx, key)
            if found is None or found.ends <= now or found.seen + self._idle <= now:
                raise SessionOver
            try:
                opened = chain.keyring.open(store.PURPOSE, found.sealed, key.encode())
            except SealBroken:
                raise SessionOver from None
        told = orjson.loads(opened)
        own = KeptSession(told["key"], told["token"])
        user = self.door.who(own).principal
        if now - found.seen >= SEEN_EVERY:
            self._change(lambda tx: store.see(tx, key, now))
        recent = [TakenRole(*one) for one in told.get("recent", ())]
        person = Person(
            session_id=key,
            principal=user,
            user=user,
            role=None,
            recent=recent,
            kept=own,
            form_token=told["form"],
            began=found.began,
            ends=found.ends,
            must_change=found.must_change,
        )
        if "role" not in told:
            return person
        kept = replace(own, role=KeptSession(*told["role"]))
        try:
            return replace(person, principal=self.door.who(kept).principal, role=recent[0], kept=kept)
        except RoleOver:
            # Never the user instead, unasked: whoever presses a button means it for the role.
            self._change(lambda tx: store.reseal(tx, key, self._told(person, own, None, recent)))
            raise

    def switch(
        self, person: Person, taken: TakenRole, access_key_id: str, token: str, source: Source, region: str
    ) -> None:
        """Have the session act as a role from now on, whose session the person was given. Its forms of before are
        good no more: a page that was opened as somebody else changes nothing as this one.
        """
        own, role = _own(person), KeptSession(access_key_id, token)
        recent = [taken, *(one for one in person.recent if (one.account, one.name) != (taken.account, taken.name))]
        sealed = self._told(person, own, role, recent[:ROLES_REMEMBERED])
        principal = self.door.who(replace(own, role=role)).principal
        self._recorded(person, principal, "SwitchRole", source, region, sealed)

    def switch_back(self, person: Person, source: Source, region: str) -> None:
        """Have the session act as its user again."""
        if person.role is not None:
            sealed = self._told(person, _own(person), None, person.recent)
            self._recorded(person, person.principal, "ExitRole", source, region, sealed)

    def _recorded(
        self, person: Person, principal: Principal, name: str, source: Source, region: str, sealed: bytes
    ) -> None:
        call = self.door.call("signin", name, region, source)

        def run(tx: Transaction) -> Outcome:
            self.door.chain.catch_up(tx)
            store.reseal(tx, person.session_id, sealed)
            event = switch_event(
                name=name,
                event_id=call.event_id,
                when=call.machine_now,
                product_now=call.machine_now + self.door.chain.offset(tx),
                identity=user_identity(principal, "", None),
                account=principal.account,
                region=region,
                source_ip=source.ip,
                user_agent=source.user_agent,
                switched_from=person.user.arn,
            )
            return Outcome(keep=True, records=(Record(call.event_id, event, writes=True),), value=None)

        self.door.written(run)

    def _told(self, person: Person, own: KeptSession, role: KeptSession | None, recent: Sequence[TakenRole]) -> bytes:
        told: dict[str, Any] = {"key": own.access_key_id, "token": own.token}
        told["recent"] = [[one.account, one.name, one.display] for one in recent]
        if role is not None:
            told["role"] = [role.access_key_id, role.token]
        return self._sealed(person.session_id, told)

    def _sealed(self, session_id: str, told: Mapping[str, Any]) -> bytes:
        """What a session's row keeps, with a new secret for its forms."""
        chain = self.door.chain
        whole = {**told, "form": _text(chain.entropy.take(COOKIE_BYTES))}
        return chain.keyring.seal(store.PURPOSE, orjson.dumps(whole), session_id.encode())

    def account_named(self, text: str) -> str:
        """The account that an id or an alias means; "" for none of ours."""
        with self.door.chain.store.read() as tx:
            return signin.account_named(tx, text)

    def sessions(self, person: Person) -> Sequence[StoredSession]:
        """All sessions of a person."""
        with self.door.chain.store.read() as tx:
            return store.of_user(tx, person.user.unique_id)

    def sign_out(self, person: Person) -> None:
        """End this session."""
        self._change(lambda tx: store.remove(tx, person.session_id))

    def sign_out_everywhere(self, person: Person) -> None:
        """End all sessions of this person's user."""
        self._change(lambda tx: store.remove_of_user(tx, person.user.unique_id))

    def _change(self, change: Callable[[Transaction], object]) -> None:
        def run(tx: Transaction) -> Outcome:
            change(tx)
            return Outcome(keep=True, records=(), value=None)

        self.door.written(run)


def _own(person: Person) -> KeptSession:
    return replace(person.kept, role=None)


def is_own_form(person: Person, token: str) -> bool:
    """Whether a form is one that this session was given. Compared in constant time."""
    return len(token) == FORM_TOKEN_CHARS and same(token.encode(), person.form_token.encode())


def _id_of(cookie: str) -> str:
    return sha256(cookie.encode()).hex()


def _text(drawn: bytes) -> str:
    return base64.urlsafe_b64encode(drawn).decode("ascii").rstrip("=")


__all__ = ["Claim", "Desk", "NotSignedIn", "Person", "TakenRole", "is_own_form"]
