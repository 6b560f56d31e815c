"""What a key in each state answers to each operation: AWS's table as a table.

Source: KMS Developer Guide, "Key states of AWS KMS keys" (facts: kms, section 6). For keys pending deletion
the guide admits two errors in some rows; our choice is the same one, KMSInvalidStateException, in all.
What depends on the origin or the type of the key (rotation, import) is asked before this table.
Creating and Updating pass within a transaction here; their columns are AWS's all the same.
"""

from __future__ import annotations

from strongroom.services.kms import errors

STATES = (
    "Enabled",
    "Disabled",
    "PendingDeletion",
    "PendingReplicaDeletion",
    "PendingImport",
    "Creating",
    "Updating",
)
ENABLED, DISABLED, PENDING_DELETION, PENDING_REPLICA_DELETION, PENDING_IMPORT, CREATING, UPDATING = STATES

OK = None
_DISABLED = (errors.DisabledException, "{arn} is disabled.")
_DELETION = (errors.KMSInvalidStateException, "{arn} is pending deletion.")
_REPLICAS = (errors.KMSInvalidStateException, "{arn} is pending replica deletion.")
_NOT_PENDING = (errors.KMSInvalidStateException, "{arn} is not pending deletion.")
_IMPORT = (errors.KMSInvalidStateException, "{arn} is pending import.")
_CREATING = (errors.KMSInvalidStateException, "{arn} is creating.")
_UPDATING = (errors.KMSInvalidStateException, "{arn} is updating.")

_USE = (OK, _DISABLED, _DELETION, _REPLICAS, _IMPORT, _CREATING, OK)
_LOOK = (OK,) * 7
_CHANGE = (OK, OK, _DELETION, _REPLICAS, OK, OK, OK)
_SWITCH = (OK, OK, _DELETION, _REPLICAS, _IMPORT, _CREATING, _UPDATING)
_ROTATE = (OK, _DISABLED, _DELETION, _REPLICAS, _IMPORT, _CREATING, _UPDATING)

ANSWERS = {
    # operation: in state Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Creating, Updating
    "CancelKeyDeletion": (_NOT_PENDING, _NOT_PENDING, OK, OK, _NOT_PENDING, _NOT_PENDING, _NOT_PENDING),
    "CreateAlias": _CHANGE,
    "CreateGrant": _USE,
    "Decrypt": _USE,
    "DeleteAlias": _LOOK,
    "DeleteImportedKeyMaterial": (OK, OK, OK, OK, OK, _CREATING, _UPDATING),
    "DeriveSharedSecret": _USE,
    "DescribeKey": _LOOK,
    "DisableKey": _SWITCH,
    "DisableKeyRotation": (OK, _DISABLED, _DELETION, _REPLICAS, OK, _CREATING, OK),
    "EnableKey": _SWITCH,
    "EnableKeyRotation": (OK, _DISABLED, _DELETION, _REPLICAS, OK, _CREATING, OK),
    "Encrypt": _USE,
    "GenerateDataKey": _USE,
    "GenerateDataKeyPair": _USE,
    "GenerateDataKeyPairWithoutPlaintext": _USE,
    "GenerateDataKeyWithoutPlaintext": _USE,
    "GenerateMac": _USE,
    "GetKeyPolicy": _LOOK,
    "GetKeyRotationStatus": _LOOK,
    "GetParametersForImport": (OK, OK, _DELETION, _REPLICAS, OK, _CREATING, _UPDATING),
    "GetPublicKey": _USE,
    "ImportKeyMaterial": (OK, OK, _DELETION, _REPLICAS, OK, _CREATING, OK),
    "ListAliases": _LOOK,
    "ListGrants": _LOOK,
    "ListKeyPolicies": _LOOK,
    "ListKeyRotations": _LOOK,
    "ListResourceTags": _LOOK,
    "PutKeyPolicy": _LOOK,
    "ReEncrypt": _USE,
    "ReplicateKey": (OK, _DISABLED, _DELETION, _REPLICAS, _IMPORT, _CREATING, _UPDATING),
    "RetireGrant": _LOOK,
    "RevokeGrant": _LOOK,
    "RotateKeyOnDemand": _ROTATE,
    "ScheduleKeyDeletion": (OK, OK, _DELETION, _REPLICAS, OK, OK, _UPDATING),
    "Sign": _USE,
    "TagResource": _CHANGE,
    "UntagResource": _CHANGE,
    "UpdateAlias": _CHANGE,  # of the new target; the old one may be pending deletion
    "UpdateKeyDescription": _CHANGE,
    "UpdatePrimaryRegion": (OK, _DISABLED, _DELETION, _REPLICAS, _IMPORT, _CREATING, OK),
    "Verify": _USE,
    "VerifyMac": _USE,
}


def check_state(operation: str, state: str, arn: str) -> None:
    """Refuse an operation that the key's state does not allow. Raises what the table says."""
    answer = ANSWERS[operation][STATES.index(state)]
    if answer is not None:
        refusal, text = answer
        raise refusal(text.format(arn=arn))
