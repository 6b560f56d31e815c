"""Every operation on a key asks the table of states: each is called on keys that are disabled and pending deletion."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_kms_keys import refusal

from strongroom.services.kms.rules.states import ANSWERS, STATES

SYMMETRIC: dict[str, Any] = {}
KINDS: dict[str, dict[str, Any]] = {
    "symmetric": SYMMETRIC,
    "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "agreeing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "external": {"Origin": "EXTERNAL"},
    "regions": {"MultiRegion": True},
}
MAC = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
SIGN = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
IMPORT = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
# operation: (boto3's name, the kind of key, parameters)
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "CreateAlias": ("create_alias", "symmetric", {"AliasName": "alias/new"}),
    "CreateGrant": ("create_grant", "symmetric", {"GranteePrincipal": "111122223333", "Operations": ["Encrypt"]}),
    "DeriveSharedSecret": ("derive_shared_secret", "agreeing", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"}),
    "DisableKey": ("disable_key", "symmetric", {}),
    "DisableKeyRotation": ("disable_key_rotation", "symmetric", {}),
    "EnableKey": ("enable_key", "symmetric", {}),
    "EnableKeyRotation": ("enable_key_rotation", "symmetric", {}),
    "Encrypt": ("encrypt", "symmetric", {"Plaintext": b"x"}),
    "GenerateDataKey": ("generate_data_key", "symmetric", {"KeySpec": "AES_256"}),
    "GenerateDataKeyPair": ("generate_data_key_pair", "symmetric", {"KeyPairSpec": "ECC_NIST_P256"}),
    "GenerateDataKeyPairWithoutPlaintext": (
        "generate_data_key_pair_without_plaintext", "symmetric", {"KeyPairSpec": "ECC_NIST_P256"},
    ),
    "GenerateDataKeyWithoutPlaintext": (
        "generate_data_key_without_plaintext", "symmetric", {"KeySpec": "AES_256"},
    ),
    "GenerateMac": ("generate_mac", "mac", MAC),
    "GetParametersForImport": ("get_parameters_for_import", "external", IMPORT),
    "GetPublicKey": ("get_public_key", "signing", {}),
    "ReplicateKey": ("replicate_key", "regions", {"ReplicaRegion": "eu-west-1"}),
    "RotateKeyOnDemand": ("rotate_key_on_demand", "symmetric", {}),
    "ScheduleKeyDeletion": ("schedule_key_deletion", "symmetric", {}),
    "Sign": ("sign", "signing", SIGN),
    "TagResource": ("tag_resource", "symmetric", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    "UntagResource": ("untag_resource", "symmetric", {"TagKeys": ["a"]}),
    "UpdateKeyDescription": ("update_key_description", "symmetric", {"Description": "new"}),
    "UpdatePrimaryRegion": ("update_primary_region", "regions", {"PrimaryRegion": "eu-west-1"}),
    "Verify": ("verify", "signing", SIGN | {"Signature": b"x"}),
    "VerifyMac": ("verify_mac", "mac", MAC | {"Mac": b"x"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def keys(strongroom: Any) -> tuple[Any, dict[str, dict[str, str]]]:
    """A client, and keys of each kind in two states."""
    account: Account = strongroom.account()
    kms = account.client("kms")
    made: dict[str, dict[str, str]] = {"Disabled": {}, "PendingDeletion": {}}
    for state, listed in made.items():
        for kind, params in KINDS.items():
            arn = listed[kind] = kms.create_key(**params)["KeyMetadata"]["Arn"]
            if state == "PendingDeletion":
                kms.schedule_key_deletion(KeyId=arn)
            elif kind != "external":  # a key without material cannot be disabled
                kms.disable_key(KeyId=arn)
    return kms, made


@pytest.mark.parametrize("operation", sorted(CALLS))
def test_a_key_that_is_pending_deletion_refuses(keys: Any, operation: str) -> None:
    kms, made = keys
    name, kind, params = CALLS[operation]
    arn = made["PendingDeletion"][kind]
    member = "TargetKeyId" if operation == "CreateAlias" else "KeyId"
    expected = ("KMSInvalidStateException", f"{arn} is pending deletion.")
    assert expected == refusal(getattr(kms, name), **{member: arn}, **params)


@pytest.mark.parametrize(
    "operation", sorted(name for name in CALLS if ANSWERS[name][STATES.index("Disabled")] is not None)
)
def test_a_disabled_key_refuses(keys: Any, operation: str) -> None:
    kms, made = keys
    name, kind, params = CALLS[operation]
    arn = made["Disabled"][kind]
    assert ("DisabledException", f"{arn} is disabled.") == refusal(getattr(kms, name), KeyId=arn, **params)


def test_a_disabled_key_and_one_to_be_deleted_open_nothing(account: Account) -> None:
    kms = account.client("kms")
    arn, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=arn)
    assert ("DisabledException", f"{arn} is disabled.") == refusal(kms.decrypt, CiphertextBlob=blob)
    moved = {"CiphertextBlob": blob, "DestinationKeyId": other}
    assert ("DisabledException", f"{arn} is disabled.") == refusal(kms.re_encrypt, **moved)
    kms.schedule_key_deletion(KeyId=arn)
    expected = ("KMSInvalidStateException", f"{arn} is pending deletion.")
    assert expected == refusal(kms.decrypt, CiphertextBlob=blob)
    assert expected == refusal(kms.re_encrypt, **moved)
