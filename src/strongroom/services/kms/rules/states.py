"""What a key in each state answers to each operation: AWS's table as a table.

Source: KMS Developer Guide, "Key states of AWS KMS keys" (facts: kms, section 6). For keys pending deletion
the guide admits two errors in some rows; our choice is the same one, KMSInvalidStateException, in all.
"""

from __future__ import annotations

from strongroom.services.kms import errors

ENABLED, DISABLED, PENDING_DELETION = STATES = ("Enabled", "Disabled", "PendingDeletion")

OK = None
IS_DISABLED = (errors.DisabledException, "{arn} is disabled.")
IS_PENDING = (errors.KMSInvalidStateException, "{arn} is pending deletion.")
NOT_PENDING = (errors.KMSInvalidStateException, "{arn} is not pending deletion.")

_USE = (OK, IS_DISABLED, IS_PENDING)
_LOOK = (OK, OK, OK)
_CHANGE = (OK, OK, IS_PENDING)

ANSWERS = {
    # operation: in state Enabled, Disabled, PendingDeletion
    "CancelKeyDeletion": (NOT_PENDING, NOT_PENDING, OK),
    "CreateAlias": _CHANGE,
    "Decrypt": _USE,
    "DeleteAlias": _LOOK,
    "DescribeKey": _LOOK,
    "DisableKey": _CHANGE,
    "EnableKey": _CHANGE,
    "Encrypt": _USE,
    "GenerateDataKey": _USE,
    "GenerateDataKeyWithoutPlaintext": _USE,
    "GetKeyPolicy": _LOOK,
    "ListAliases": _LOOK,
    "ListKeyPolicies": _LOOK,
    "ListResourceTags": _LOOK,
    "PutKeyPolicy": _LOOK,
    "ReEncrypt": _USE,
    "ScheduleKeyDeletion": _CHANGE,
    "TagResource": _CHANGE,
    "UntagResource": _CHANGE,
    "UpdateAlias": _CHANGE,  # of the new target; the old one may be pending deletion
    "UpdateKeyDescription": _CHANGE,
}


def check_state(operation: str, state: str, arn: str) -> None:
    """Refuse an operation that the key's state does not allow. Raises what the table says."""
    answer = ANSWERS[operation][STATES.index(state)]
    if answer is not None:
        refusal, text = answer
        raise refusal(text.format(arn=arn))
