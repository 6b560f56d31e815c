"""What the model promises for many operations at once: dry runs, pages, grant tokens."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_kms_keys import refusal

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.services.kms.room import ROOM

SPKI = bytes.fromhex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""The generator of P-256, as a public key. Source: SEC 2, section 2.4.2."""


def modelled(member: str) -> set[str]:
    """The operations that are offered and take a parameter."""
    found = set()
    for name in ROOM.operations:
        shape = CATALOGUE.operation("kms", name).input
        if shape is not None and member in shape.members:
            found.add(name)
    return found


@pytest.fixture(scope="module")
def world(strongroom: Any) -> dict[str, Any]:
    """A client, keys of four kinds, and what each operation needs of them."""
    account: Account = strongroom.account()
    kms = account.client("kms")

    def key(spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT") -> str:
        return str(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])

    symmetric, mac = key(), key("HMAC_256", "GENERATE_VERIFY_MAC")
    signing, agreeing = key("ECC_NIST_P256", "SIGN_VERIFY"), key("ECC_NIST_P256", "KEY_AGREEMENT")
    kms.create_alias(AliasName="alias/a", TargetKeyId=symmetric)
    admin = f"arn:aws:iam::{account.id}:user/admin"
    grant = kms.create_grant(
        KeyId=symmetric, GranteePrincipal=admin, RetiringPrincipal=admin, Operations=["Encrypt", "Decrypt"]
    )
    macing = {"KeyId": mac, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    signs = {"KeyId": signing, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    blob = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
    calls = {
        "CreateGrant": {"KeyId": symmetric, "GranteePrincipal": admin, "Operations": ["Encrypt"]},
        "Decrypt": {"CiphertextBlob": blob},
        "DeriveSharedSecret": {"KeyId": agreeing, "KeyAgreementAlgorithm": "ECDH", "PublicKey": SPKI},
        "DescribeKey": {"KeyId": symmetric},
        "Encrypt": {"KeyId": symmetric, "Plaintext": b"x"},
        "GenerateDataKey": {"KeyId": symmetric, "KeySpec": "AES_256"},
        "GenerateDataKeyPair": {"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": symmetric, "KeySpec": "AES_256"},
        "GenerateMac": macing,
        "GetPublicKey": {"KeyId": signing},
        "ListAliases": {},
        "ListGrants": {"KeyId": symmetric},
        "ListKeyPolicies": {"KeyId": symmetric},
        "ListKeyRotations": {"KeyId": symmetric},
        "ListKeys": {},
        "ListResourceTags": {"KeyId": symmetric},
        "ListRetirableGrants": {"RetiringPrincipal": admin},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": symmetric},
        "RetireGrant": {"KeyId": symmetric, "GrantId": grant["GrantId"]},
        "RevokeGrant": {"KeyId": symmetric, "GrantId": grant["GrantId"]},
        "Sign": signs,
        "Verify": {**signs, "Signature": kms.sign(**signs)["Signature"]},
        "VerifyMac": {**macing, "Mac": kms.generate_mac(**macing)["Mac"]},
    }
    return {"kms": kms, "calls": calls, "grant": grant, "symmetric": symmetric}


def method(world: dict[str, Any], operation: str) -> Any:
    """boto3's method for an operation of the model."""
    names = {of: name for name, of in world["kms"].meta.method_to_api_mapping.items()}
    return getattr(world["kms"], names[operation])


@pytest.mark.parametrize("operation", sorted(modelled("DryRun")))
def test_a_dry_run_does_nothing_and_says_that_all_is_well(world: dict[str, Any], operation: str) -> None:
    expected = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
    asked = world["calls"][operation]
    assert expected == refusal(method(world, operation), **asked, DryRun=True)
    listed = world["kms"].list_grants(KeyId=world["symmetric"])["Grants"]
    assert [world["grant"]["GrantId"]] == [one["GrantId"] for one in listed]


@pytest.mark.parametrize("operation", sorted(modelled("Marker")))
def test_a_marker_of_no_list_is_refused_and_limits_are_kept(world: dict[str, Any], operation: str) -> None:
    asked, call = world["calls"][operation], method(world, operation)
    for marker in ("made up", "AAAA", "A" * 1024):
        assert "InvalidMarkerException" == refusal(call, **asked, Marker=marker)[0]
    told = call(**asked, Limit=1)
    lists = [value for name, value in told.items() if isinstance(value, list)]
    assert all(len(listed) <= 1 for listed in lists)
    assert isinstance(told["Truncated"], bool)
    assert ("NextMarker" in told) is told["Truncated"]
    assert "ValidationException" == refusal(call, **asked, Limit=1001)[0]


@pytest.mark.parametrize("operation", sorted(modelled("GrantTokens")))
def test_every_operation_that_takes_grant_tokens_looks_at_them(world: dict[str, Any], operation: str) -> None:
    asked, call = world["calls"][operation], method(world, operation)
    assert "InvalidGrantTokenException" == refusal(call, **asked, GrantTokens=["made up"])[0]
    token = world["grant"]["GrantToken"]
    assert call(**asked, GrantTokens=[token])["ResponseMetadata"]["HTTPStatusCode"] == 200
    if operation == "CreateGrant":
        for one in world["kms"].list_grants(KeyId=world["symmetric"])["Grants"]:
            if one["GrantId"] != world["grant"]["GrantId"]:
                world["kms"].revoke_grant(KeyId=world["symmetric"], GrantId=one["GrantId"])


@pytest.mark.parametrize("operation", sorted(modelled("Recipient")))
def test_enclaves_are_refused_and_never_ignored(world: dict[str, Any], operation: str) -> None:
    asked = {"NumberOfBytes": 8} if operation == "GenerateRandom" else world["calls"][operation]
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    code, message = refusal(method(world, operation), **asked, Recipient=recipient)
    assert ("ValidationException", True) == (code, "enclaves" in message)
