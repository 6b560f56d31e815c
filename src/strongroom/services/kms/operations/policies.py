"""Key policies: read, listed, replaced."""

from __future__ import annotations

from dataclasses import replace

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.people import shown
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, store
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.lockout import bound_policy, check_lockout
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.policies import POLICY_NAME, read_policy
from strongroom.services.kms.rules.states import check_state


def policy_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of GetKeyPolicy and PutKeyPolicy."""
    keys = caller_keys(call, target)
    keys["kms:policyname"] = call.get("PolicyName") or POLICY_NAME
    if call.name == "PutKeyPolicy":
        bypass = bool(call.get("BypassPolicyLockoutSafetyCheck"))
        keys["kms:bypasspolicylockoutsafetycheck"] = "true" if bypass else "false"
    return keys


@operation("GetKeyPolicy", mode=Mode.READ, locate=key_at(), keys=policy_keys)
def get_key_policy(call: Call, key: Key, tx: Transaction) -> Answer:
    """The key's policy, as it was set, with today's names. Source: KMS API reference, GetKeyPolicy."""
    if (call.get("PolicyName") or POLICY_NAME) != POLICY_NAME:
        raise errors.NotFoundException("No such policy exists")
    check_state(call.name, key.row.state, key.arn)
    return {"Policy": shown(call, tx, key.row.policy), "PolicyName": POLICY_NAME}


@operation("ListKeyPolicies", mode=Mode.READ, locate=key_at())
def list_key_policies(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """Always the one name. Source: KMS API reference, ListKeyPolicies."""
    page = Page(call, usual=100, of=key.arn)
    check_state(call.name, key.row.state, key.arn)
    names = [name for name in (POLICY_NAME,) if name > page.after]
    return {"PolicyNames": names, **page.rest(names)}


@operation("PutKeyPolicy", mode=Mode.WRITE, locate=key_at(), keys=policy_keys)
def put_key_policy(call: Call, key: Key, tx: Transaction) -> Answer:
    """Replace the key's policy, unless that would lock the caller out.

    Source: KMS API reference, PutKeyPolicy.
    """
    if (call.get("PolicyName") or POLICY_NAME) != POLICY_NAME:
        raise errors.UnsupportedOperationException("A key has one policy, and its name is default.")  # our choice
    check_state(call.name, key.row.state, key.arn)
    policy = read_policy(call["Policy"], key.arn)
    if call.target is None:
        raise RuntimeError("a located key without a target")
    check_lockout(call, tx, policy, replace(call.target, policy=None, grants=None))
    store.change_key(tx, key.row.account, key.row.pk, policy=bound_policy(call, tx, call["Policy"]))
    return {}
