"""Who signs in at the console: a user with a password or an access key, and a code where a device is enrolled.

In two halves: ``prepare`` reads, and stretches the password outside of any transaction; ``judge`` compares in a
writing transaction, of which there is one at a time, so that no burst of guesses overtakes its count.
Password, code and user are judged together and refused with one text: a guess does not learn which of them was wrong.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.keyids import LONG_TERM, TEMPORARY, account_of, mint
from strongroom.base.names import is_account_id
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call
from strongroom.kernel.crypto.digests import same
from strongroom.kernel.crypto.passphrase import LENGTH_AT_MOST, stretch
from strongroom.kernel.journal.identity import user_identity
from strongroom.kernel.registry import Read
from strongroom.kernel.sealing.tokenkeys import token_keys
from strongroom.kernel.sealing.tokens import Session, SessionKind, issue, make_secret
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import attempts, mfa, passwords, secrets
from strongroom.services.iam.administrator import account_exists
from strongroom.services.iam.passwords import Passwords
from strongroom.services.iam.rules import password_policy
from strongroom.services.iam.rules.names import USER, Entity
from strongroom.services.iam.store import accounts, devices, entities, keys, login_profiles
from strongroom.services.iam.store import attempts as guesses

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
FAILED = "Failed authentication"
NO_USER = "No username found in supplied account"
EXPIRED = "The password has expired, and an administrator must set another one"
FROM_ONE_ADDRESS = 20
"""Wrong sign-ins from one address (of IPv6: one /64) before none is judged for a minute. Our choice."""
_ADDRESS = "sign-in from "
_NAME_CHARS = 128


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody typed. ``account``: id or alias. With ``access_key_id``, ``secret`` is its secret; else ``user``
    is named and ``secret`` is the password.
    """

    account: str
    user: str
    secret: str = field(repr=False)
    code: str = field(repr=False)
    access_key_id: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found of a claim, and the password stretched."""

    account: str
    user: Entity | None
    salt: bytes = field(repr=False)
    stretched: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a sign-in. ``failure``: why not, for the record; None where it held.

    ``identity``: the record's userIdentity. ``must_change``: that the password must be changed before anything else.
    """

    account: str
    identity: dict[str, Any]
    failure: str | None
    mfa: bool = False
    must_change: bool = False
    user_id: str = ""
    access_key_id: str = ""
    token: str = field(default="", repr=False)
    ends: datetime | None = None


def prepare(call: Call, read: Read, claim: Claim) -> Prepared:
    """Find the user, and stretch the password as long as it takes, whether there is such a user or not."""
    with read() as tx:
        account = _account(tx, claim)
        user = _user(tx, account, claim)
        profile = None if user is None or claim.access_key_id else login_profiles.of_user(tx, user.id)
        known = passwords.new(call.kernel.entropy) if profile is None else passwords.of(call.kernel.keyring, profile)
    if claim.access_key_id:
        return Prepared(account, user, b"", b"")
    return Prepared(account, user, known.salt, _stretched(known, claim.secret))


def _stretched(known: Passwords, password: str) -> bytes:
    typed = password.encode()
    fits = 0 < len(typed) <= LENGTH_AT_MOST
    made = stretch(typed if fits else b"?", known.salt, known.cost)
    return made if fits else b""


def judge(call: Call, tx: Transaction, claim: Claim, prepared: Prepared, length: timedelta) -> Verdict:
    """Whether the claim holds; if it does, with a session of the console. For writing transactions only."""
    now, user = call.machine_now, _user(tx, prepared.account, claim)
    if prepared.user is not None and (user is None or user.id != prepared.user.id):
        user = None
    if not _may_come(tx, address_subject(call.source.ip), now):
        return _no(prepared, user, FAILED)
    expired, held = _first_factor(call, tx, claim, prepared, user)
    if user is None or not held:
        _count_address(call, tx, now)
        return _no(prepared, user, NO_USER if user is None else FAILED)
    second = _second_factor(call, tx, user, claim.code)
    if second is False:
        _count_address(call, tx, now)
        return _no(prepared, user, FAILED)
    if expired is None:
        return _no(prepared, user, EXPIRED)
    if not claim.access_key_id:
        login_profiles.use(tx, user.id, call.now)
    return _session(call, tx, claim, user, mfa_used=bool(second), must_change=expired, length=length)


def _account(tx: Transaction, claim: Claim) -> str:
    if claim.access_key_id:
        return account_of(claim.access_key_id) or ""
    return account_named(tx, claim.account)


def account_named(tx: Transaction, text: str) -> str:
    """The account that an id or an alias means; "" for none of ours."""
    named = text.strip().lower()
    if is_account_id(named):
        return named if account_exists(tx, named) else ""
    return (accounts.by_alias(tx, named) or "") if named else ""


def _user(tx: Transaction, account: str, claim: Claim) -> Entity | None:
    if not account:
        return None
    if not claim.access_key_id:
        return entities.find(tx, account, USER, claim.user) if 0 < len(claim.user) <= _NAME_CHARS else None
    key = keys.find(tx, claim.access_key_id) if claim.access_key_id.startswith(LONG_TERM) else None
    if key is None or key.account != account:
        return None
    found = entities.by_id(tx, key.user_id)
    return found if found is not None and found.account == account else None


def _first_factor(
    call: Call, tx: Transaction, claim: Claim, prepared: Prepared, user: Entity | None
) -> tuple[bool | None, bool]:
    """(whether the password must be changed, None where only an administrator can; whether the first factor holds)."""
    if user is None:
        return False, False
    if claim.access_key_id:
        key = keys.find(tx, claim.access_key_id)
        secret = "" if key is None or not key.active else secrets.opened(call.kernel.keyring, key)
        return False, bool(secret) and same(secret.encode(), claim.secret.strip().encode())
    return _password(call, tx, prepared, user)


def _password(call: Call, tx: Transaction, prepared: Prepared, user: Entity) -> tuple[bool | None, bool]:
    """As _first_factor, of a password. Wrong ones are counted with those of ChangePassword."""
    profile, subject = login_profiles.of_user(tx, user.id), attempts.attempts_at_password(user.id)
    if profile is None or not attempts.may_try(tx, subject, call.machine_now):
        return False, False
    known = passwords.of(call.kernel.keyring, profile)
    if known.salt != prepared.salt or not passwords.is_current(known, prepared.stretched):
        attempts.wrong(call, tx, subject, call.machine_now)
        return False, False
    attempts.right(tx, subject)
    policy = accounts.password_policy(tx, user.account)
    until = password_policy.next_rotation(policy, profile.changed)
    too_old = until is not None and until <= call.now
    if too_old and policy is not None and policy.get("HardExpiry"):
        return None, True
    return profile.reset_required or too_old, True


def _second_factor(call: Call, tx: Transaction, user: Entity, code: str) -> bool | None:
    """Whether the code is one of the user's devices' now; None where there is no device to ask."""
    enrolled = devices.of_user(tx, user.id)
    if not enrolled:
        return None
    typed = code.replace(" ", "")
    return any(mfa.use(call, tx, device, typed) for device in enrolled)


def _session(
    call: Call, tx: Transaction, claim: Claim, user: Entity, *, mfa_used: bool, must_change: bool, length: timedelta
) -> Verdict:
    session = Session(
        kind=SessionKind.CONSOLE,
        account=user.account,
        issuer_id=user.id,
        secret=make_secret(call.kernel.entropy),
        issued=call.now,
        expires=call.now + length,
        issuing_key=claim.access_key_id,
        mfa=mfa_used,
    )
    key_id = mint(TEMPORARY, user.account, call.kernel.entropy)
    return Verdict(
        account=user.account,
        identity=_identity(user),
        failure=None,
        mfa=mfa_used,
        must_change=must_change,
        user_id=user.id,
        access_key_id=key_id,
        token=issue(token_keys(tx, call.kernel.keyring).keyring, session, key_id),
        ends=session.expires,
    )


def _no(prepared: Prepared, user: Entity | None, failure: str) -> Verdict:
    if user is None:
        # What was typed may be a password in the wrong field: AWS's records hide it too.
        hidden = {"type": "IAMUser", "accountId": prepared.account, "accessKeyId": "", "userName": HIDDEN}
        return Verdict(prepared.account, hidden, failure)
    return Verdict(prepared.account, _identity(user), failure)


def _identity(user: Entity) -> dict[str, Any]:
    principal = Principal(
        PrincipalKind.USER, arn=user.arn, account=user.account, unique_id=user.id, user_id=user.id, name=user.name
    )
    return dict(user_identity(principal, "", None))


# ---------------------------------------------------------------------- guesses by address


def address_subject(ip: str) -> str:
    """What wrong sign-ins from an address are counted under; of IPv6 its /64, which is one customer's."""
    if ":" not in ip:
        return f"{_ADDRESS}{ip}"
    try:
        return f"{_ADDRESS}{ipaddress.ip_network(f'{ip}/64', strict=False)}"
    except ValueError:
        return f"{_ADDRESS}{ip}"


def _may_come(tx: Transaction, subject: str, now: datetime) -> bool:
    found = guesses.of(tx, subject)
    if found is None or found.failed < FROM_ONE_ADDRESS:
        return True
    return (now - found.last).total_seconds() >= attempts.PAUSE_SECONDS


def _count_address(call: Call, tx: Transaction, now: datetime) -> None:
    subject = address_subject(call.source.ip)
    found = guesses.of(tx, subject)
    recent = found is not None and (now - found.last).total_seconds() < attempts.PAUSE_SECONDS
    failed = found.failed + 1 if found is not None and recent else 1

    def change(later: Transaction) -> None:
        guesses.forget_before(later, _ADDRESS, now - timedelta(seconds=attempts.PAUSE_SECONDS))
        guesses.put(later, subject, guesses.Attempts(failed, now))

    call.keep(change)
