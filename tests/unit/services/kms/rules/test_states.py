"""The table of key states, row by row, and its agreement with the model."""

from __future__ import annotations

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.services.kms import errors
from strongroom.services.kms.room import ROOM
from strongroom.services.kms.rules.states import ANSWERS, STATES, check_state

ARN = "arn:aws:kms:us-east-1:111122223333:key/k"
KEYLESS = {"CreateKey", "GenerateRandom", "ListKeys", "ListRetirableGrants"}
USE = """
    Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair
    GenerateDataKeyPairWithoutPlaintext GenerateMac VerifyMac Sign Verify GetPublicKey DeriveSharedSecret CreateGrant
"""
LOOK = """
    DeleteAlias DescribeKey GetKeyPolicy PutKeyPolicy ListAliases ListGrants ListKeyPolicies ListResourceTags
    RetireGrant RevokeGrant GetKeyRotationStatus ListKeyRotations
"""

# The facts' table a second time, from the guide and not from the source: kms, section 6. A dot allows; the states
# are those of STATES in order. What depends on origin or type (codes 6, 7, 9 there) is tested with the operations.
#   d DisabledException "is disabled."    otherwise KMSInvalidStateException:
#   p "is pending deletion."  r "is pending replica deletion."  i "is pending import."  c "is creating."
#   u "is updating."  n "is not pending deletion."
ROWS = {
    **dict.fromkeys(USE.split(), ". d p r i c ."),
    **dict.fromkeys(LOOK.split(), ". . . . . . ."),
    "CancelKeyDeletion": "n n . . n n n",
    "CreateAlias": ". . p r . . .",
    "UpdateAlias": ". . p r . . .",
    "DeleteImportedKeyMaterial": ". . . . . c u",
    "DisableKey": ". . p r i c u",
    "EnableKey": ". . p r i c u",
    "DisableKeyRotation": ". d p r . c .",
    "EnableKeyRotation": ". d p r . c .",
    "RotateKeyOnDemand": ". d p r i c u",
    "GetParametersForImport": ". . p r . c u",
    "ImportKeyMaterial": ". . p r . c .",
    "ReplicateKey": ". d p r i c u",
    "UpdatePrimaryRegion": ". d p r i c .",
    "ScheduleKeyDeletion": ". . p r . . u",
    "TagResource": ". . p r . . .",
    "UntagResource": ". . p r . . .",
    "UpdateKeyDescription": ". . p r . . .",
}
TEXTS = {
    "d": "is disabled.",
    "p": "is pending deletion.",
    "r": "is pending replica deletion.",
    "i": "is pending import.",
    "c": "is creating.",
    "u": "is updating.",
    "n": "is not pending deletion.",
}


@pytest.mark.parametrize("operation", sorted(ROWS))
def test_a_key_in_each_state_answers_as_the_guide_says(operation: str) -> None:
    for state, letter in zip(STATES, ROWS[operation].split(), strict=True):
        if letter == ".":
            check_state(operation, state, ARN)
            continue
        expected = errors.DisabledException if letter == "d" else errors.KMSInvalidStateException
        with pytest.raises(errors.KMSError) as caught:
            check_state(operation, state, ARN)
        assert (expected, f"{ARN} {TEXTS[letter]}") == (type(caught.value), caught.value.message), state


def test_every_operation_on_a_key_has_its_row() -> None:
    assert set(ROOM.operations) - KEYLESS == set(ANSWERS) == set(ROWS)


def test_every_refusal_in_the_table_is_declared_by_the_model() -> None:
    for operation, row in ANSWERS.items():
        named = {answer[0].__name__ for answer in row if answer is not None}
        assert named <= set(CATALOGUE.declared_errors("kms", operation)), operation


def test_every_row_answers_for_every_state() -> None:
    assert {len(STATES)} == {len(row) for row in ANSWERS.values()}
    assert set(STATES) == set(CATALOGUE.shape("kms", "KeyState").enum) - {"Unavailable"}
