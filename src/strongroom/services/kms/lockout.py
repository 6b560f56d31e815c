"""What a key policy must be before it is stored: it leaves its author able to change it, and names who is there.

Source: KMS Developer Guide, "Default key policy"; KMS API reference, PutKeyPolicy,
BypassPolicyLockoutSafetyCheck.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz.document import Document
from strongroom.kernel.authz.model import ResourceRule
from strongroom.kernel.call import Call, Target
from strongroom.kernel.people import NoSuchPrincipal, bound
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.policies import POLICY_NAME


def check_lockout(call: Call, tx: Transaction, policy: Document, target: Target) -> None:
    """Decide whether the caller could put the next policy under this one; refuse it where not.

    Raises MalformedPolicyDocumentException. Skipped where the caller asks for that.
    """
    if call.get("BypassPolicyLockoutSafetyCheck"):
        return
    then = replace(target, policy=policy, rule=ResourceRule.KEY)
    keys = caller_keys(call, then) | {
        "kms:policyname": POLICY_NAME,
        "kms:bypasspolicylockoutsafetycheck": "false",
    }
    try:
        # Not by Call.authorise: what the caller could do is no use of the permission.
        call.kernel.authorise(call, tx, "kms:PutKeyPolicy", then, keys)
    except Refusal as refusal:
        if refusal.kind is not Kind.ACCESS_DENIED:
            raise
        raise errors.MalformedPolicyDocumentException(errors.LOCKED_OUT) from None


def bound_policy(call: Call, tx: Transaction, text: str) -> str:
    """A checked key policy as it is stored, its users and roles bound to their unique ids.

    Raises MalformedPolicyDocumentException where it names one that is not there. Source: facts, iam, section 1.
    """
    try:
        return bound(call, tx, text)
    except NoSuchPrincipal:
        raise errors.MalformedPolicyDocumentException(errors.BAD_PRINCIPAL) from None
