"""Login profiles: a user's password. Another one, or none, ends the console's sessions that began with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import passwords, targets
from strongroom.services.iam.attempts import attempts_at_password, refuse_too_many, right, wrong
from strongroom.services.iam.errors import (
    EntityAlreadyExistsException,
    InvalidUserTypeException,
    NoSuchEntityException,
    PasswordPolicyViolationException,
    invalid,
)
from strongroom.services.iam.passwords import Passwords
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import password_policy
from strongroom.services.iam.rules.names import USER, Entity
from strongroom.services.iam.store import accounts, login_profiles
from strongroom.services.iam.store.login_profiles import LoginProfile


def at_caller(call: Call, tx: Transaction) -> Target:
    """The user who calls, whose password it is. Source: API reference, ChangePassword: InvalidUserType."""
    if call.principal.kind is not PrincipalKind.USER:
        raise InvalidUserTypeException("Only IAM Users can change their own password.")
    return targets.named_target(tx, call.account, USER, call.principal.name)


@operation("CreateLoginProfile", mode=Mode.SLOW_WRITE, locate=targets.at_user_or_caller, shown=("LoginProfile",))
def create_login_profile(call: Call, user: Entity, tx: Transaction) -> Answer:
    """A password for a user who has none. Source: API reference, CreateLoginProfile."""
    if login_profiles.of_user(tx, user.id) is not None:
        raise EntityAlreadyExistsException(f"Login Profile for user {user.name} already exists.")
    if call.get("Password") is None:
        raise invalid("The parameter Password must be given.")
    fresh = call.once("salt", lambda: passwords.new(call.kernel.entropy))
    profile = LoginProfile(user.id, call.now, call.now, call.get("PasswordResetRequired", False), None, b"")
    return {"LoginProfile": _form(user, _with_password(call, tx, profile, fresh, call["Password"]))}


@operation("GetLoginProfile", mode=Mode.READ, locate=targets.at_user_or_caller)
def get_login_profile(call: Call, user: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """Whether a user has a password, and since when. Source: API reference, GetLoginProfile."""
    return {"LoginProfile": _form(user, _profile(tx, user))}


@operation("UpdateLoginProfile", mode=Mode.SLOW_WRITE, locate=targets.at_name(USER))
def update_login_profile(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Another password for a user, or another word on whether it must be changed. Source: API reference."""
    profile = _profile(tx, user)
    if call.get("PasswordResetRequired") is not None:
        profile = replace(profile, reset_required=call["PasswordResetRequired"])
    if call.get("Password") is None:
        login_profiles.put(tx, profile)
    else:
        _with_password(call, tx, profile, passwords.of(call.kernel.keyring, profile), call["Password"])
    return {}


@operation("ChangePassword", mode=Mode.SLOW_WRITE, locate=at_caller)
def change_password(call: Call, user: Entity, tx: Transaction) -> Answer:
    """The caller's own password, by who knows the old one. Source: API reference, ChangePassword.

    Wrong old passwords are counted; after five none is judged for a minute. AWS's texts are not recorded.
    """
    profile = _profile(tx, user)
    refuse_too_many(tx, attempts_at_password(user.id), call.machine_now, _wrong())
    known = passwords.of(call.kernel.keyring, profile)
    if not passwords.is_current(known, passwords.stretched(call, known, call["OldPassword"])):
        wrong(call, tx, attempts_at_password(user.id), call.machine_now)
        raise _wrong()
    right(tx, attempts_at_password(user.id))
    _with_password(call, tx, replace(profile, reset_required=False), known, call["NewPassword"])
    return {}


@operation("DeleteLoginProfile", mode=Mode.WRITE, locate=targets.at_user_or_caller)
def delete_login_profile(call: Call, user: Entity, tx: Transaction) -> Answer:
    """A user without a password again; access keys stay. Source: API reference, DeleteLoginProfile."""
    if not login_profiles.remove(tx, user.id):
        raise _no_profile(user)
    tx.raise_generation(call.account, GENERATION)
    return {}


def _with_password(call: Call, tx: Transaction, profile: LoginProfile, known: Passwords, password: str) -> LoginProfile:
    """The profile stored with a new password that the account's policy allows."""
    policy = accounts.password_policy(tx, call.account)
    alias = accounts.alias_of(tx, call.account)
    names = frozenset({call.account, (alias or call.account).lower()})
    password_policy.refuse_weak(policy, password, names=names)
    made = passwords.stretched(call, known, password)
    if passwords.was_used(known, made, password_policy.remembered(policy)):
        raise PasswordPolicyViolationException("Password does not conform to the account password policy.")
    sealed = passwords.sealed(call.kernel.keyring, profile.user_id, passwords.with_newest(known, made))
    stored = replace(profile, changed=call.now, sealed=sealed)
    login_profiles.put(tx, stored)
    tx.raise_generation(call.account, GENERATION)
    return stored


def _profile(tx: Transaction, user: Entity) -> LoginProfile:
    found = login_profiles.of_user(tx, user.id)
    if found is None:
        raise _no_profile(user)
    return found


def _no_profile(user: Entity) -> NoSuchEntityException:
    return NoSuchEntityException(f"Login Profile for User {user.name} cannot be found.")


def _wrong() -> Refusal:
    return Refusal(Kind.ACCESS_DENIED, "The old password was incorrect.")


def _form(user: Entity, profile: LoginProfile) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CreateDate": profile.created,
        "PasswordResetRequired": profile.reset_required,
    }
