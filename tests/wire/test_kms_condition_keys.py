"""Condition keys of KMS, end to end: a statement that its value meets, and one that it does not.

Source: facts, kms, section 15.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.inprocess import InProcess
from tests.wire.conditions import DENIED, IN_A_YEAR, READ, Condition, Row, World, absent, equals, flag
from tests.wire.test_kms_imports import wrapped

CONTEXT = {"Tenant": "a"}


def encrypt(client: Any, world: World) -> Any:
    return client.encrypt(KeyId=world.key, Plaintext=b"x", EncryptionContext=CONTEXT)


def encrypt_by_alias(client: Any, world: World) -> Any:
    return client.encrypt(KeyId="alias/k", Plaintext=b"x")


def put_key_policy(client: Any, world: World) -> Any:
    policy = world.kms.get_key_policy(KeyId=world.key)["Policy"]
    return client.put_key_policy(KeyId=world.key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)


def re_encrypt(client: Any, world: World) -> Any:
    blob = world.kms.encrypt(KeyId=world.key, Plaintext=b"x")["CiphertextBlob"]
    return client.re_encrypt(CiphertextBlob=blob, DestinationKeyId=world.key)


def schedule(client: Any, world: World) -> None:
    key = world.kms.create_key()["KeyMetadata"]["KeyId"]
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def tag_key(client: Any, world: World) -> None:
    client.tag_resource(KeyId=world.key, Tags=[{"TagKey": "A", "TagValue": "b"}])


KMS = [
    Row("kms:CallerAccount", "kms:Encrypt", encrypt, *equals("kms:CallerAccount", "ACCOUNT", "000000000000")),
    Row("kms:ViaService", "kms:Encrypt", encrypt, *absent("kms:ViaService")),
    Row("kms:EncryptionContext", "kms:Encrypt", encrypt, *equals("kms:EncryptionContext:Tenant", "a", "A")),
    Row("kms:EncryptionContextKeys", "kms:Encrypt", encrypt,
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "Tenant"}},
        {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "tenant"}}),
    Row("kms:EncryptionAlgorithm", "kms:Encrypt", encrypt,
        *equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1")),
    Row("kms:KeySpec", "kms:Encrypt", encrypt, *equals("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048")),
    Row("kms:KeyUsage", "kms:Encrypt", encrypt, *equals("kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY")),
    Row("kms:KeyOrigin", "kms:Encrypt", encrypt, *equals("kms:KeyOrigin", "AWS_KMS", "EXTERNAL")),
    Row("kms:MultiRegion", "kms:Encrypt", encrypt, *flag("kms:MultiRegion", False)),
    Row("kms:KeySpec", "kms:CreateKey", lambda client, world: client.create_key(),
        *equals("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048")),
    Row("kms:RequestAlias", "kms:Encrypt", encrypt_by_alias, *equals("kms:RequestAlias", "alias/k")),
    Row("kms:ResourceAliases", "kms:Encrypt", encrypt,
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/k"}},
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/other"}}),
    Row("kms:BypassPolicyLockoutSafetyCheck", "kms:PutKeyPolicy", put_key_policy,
        *flag("kms:BypassPolicyLockoutSafetyCheck", True)),
    Row("kms:ScheduleKeyDeletionPendingWindowInDays", "kms:ScheduleKeyDeletion", schedule,
        {"NumericEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "7"}},
        {"NumericGreaterThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": "7"}}),
    Row("aws:ResourceTag", "kms:Encrypt", encrypt, *equals("aws:ResourceTag/Team", "blue")),
    Row("aws:RequestTag", "kms:TagResource", tag_key, *equals("aws:RequestTag/A", "b")),
    Row("aws:TagKeys", "kms:TagResource", tag_key,
        {"ForAllValues:StringEquals": {"aws:TagKeys": "A"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "B"}}),
]  # fmt: skip

THROUGH_SECRETS_MANAGER = [
    ("kms:ViaService", *equals("kms:ViaService", "secretsmanager.us-east-1.amazonaws.com")),
    ("aws:ViaAWSService", *flag("aws:ViaAWSService", True)),
    ("aws:CalledVia", {"ForAnyValue:StringEquals": {"aws:CalledVia": "secretsmanager.amazonaws.com"}},
     {"ForAnyValue:StringEquals": {"aws:CalledVia": "lambda.amazonaws.com"}}),
    ("aws:CalledViaFirst", *equals("aws:CalledViaFirst", "secretsmanager.amazonaws.com")),
    ("aws:CalledViaLast", *equals("aws:CalledViaLast", "secretsmanager.amazonaws.com")),
    ("kms:EncryptionContext", *equals("kms:EncryptionContext:SecretVersionId", "VERSION")),
    ("aws:SourceIp", {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    ("aws:PrincipalArn", *equals("aws:PrincipalArn", "arn:aws:iam::ACCOUNT:user/team/ann")),
]  # fmt: skip


def ready(world: World, **kind: Any) -> str:
    """A key of that kind, made by the administrator, once in a test run."""
    name = "alias/" + "-".join(f"{part}" for part in kind.values())
    listed = {one["AliasName"] for one in world.kms.list_aliases()["Aliases"]}
    if name not in listed:
        made = world.kms.create_key(**kind)["KeyMetadata"]["KeyId"]
        world.kms.create_alias(AliasName=name, TargetKeyId=made)
    return str(world.kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"])


def sign(client: Any, world: World) -> None:
    key = ready(world, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    client.sign(KeyId=key, Message=bytes(32), MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")


def mac(client: Any, world: World) -> None:
    key = ready(world, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    client.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256")


def agree(client: Any, world: World) -> None:
    key = ready(world, KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")
    public = world.kms.get_public_key(KeyId=key)["PublicKey"]
    client.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public)


def pair(client: Any, world: World) -> None:
    client.generate_data_key_pair(KeyId=world.key, KeyPairSpec="ECC_NIST_P256")


def parameters(client: Any, world: World) -> None:
    key = ready(world, Origin="EXTERNAL")
    client.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")


def bring(**more: Any) -> Callable[[Any, World], None]:
    def ask(client: Any, world: World) -> None:
        asked = wrapped(world.kms, ready(world, Origin="EXTERNAL"), bytes(32))
        client.import_key_material(**asked, **more)

    return ask


def in_regions(client: Any, world: World) -> None:
    """A use of a key that has a replica elsewhere."""
    client.encrypt(KeyId=primary(world), Plaintext=b"x")


def of_the_replica(client: Any, world: World) -> None:
    key = primary(world).replace("us-east-1", "eu-west-1")
    keys = world.user_keys
    world.account.client("kms", "eu-west-1", **keys).encrypt(KeyId=key, Plaintext=b"x")


def primary(world: World) -> str:
    key = ready(world, MultiRegion=True)
    if len(world.kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]["ReplicaKeys"]) == 0:
        world.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    return key


def replicate(client: Any, world: World) -> None:
    key = world.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    client.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")


def lead(client: Any, world: World) -> None:
    key = world.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    world.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    client.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")


def rotate_every(days: int) -> Callable[[Any, World], None]:
    def ask(client: Any, world: World) -> None:
        client.enable_key_rotation(KeyId=world.key, RotationPeriodInDays=days)

    return ask


def grant(**constraints: Any) -> Callable[[Any, World], None]:
    def ask(client: Any, world: World) -> None:
        more = {"Constraints": constraints} if constraints else {}
        client.create_grant(
            KeyId=world.key, GranteePrincipal=world.role, RetiringPrincipal=world.role,
            Operations=["Decrypt", "Encrypt"], **more,
        )  # fmt: skip

    return ask


def list_grants(client: Any, world: World) -> None:
    client.list_grants(KeyId=world.key)


def revoke(client: Any, world: World) -> None:
    made = world.kms.create_grant(KeyId=world.key, GranteePrincipal=world.role, Operations=["Decrypt"])
    client.revoke_grant(KeyId=world.key, GrantId=made["GrantId"])


def make_key(**kind: Any) -> Callable[[Any, World], None]:
    return lambda client, world: client.create_key(**kind)


def make_tagged(client: Any, world: World) -> None:
    client.create_key(Tags=[{"TagKey": "Team", "TagValue": "blue"}])


def untag(client: Any, world: World) -> None:
    client.untag_resource(KeyId=world.key, TagKeys=["A"])


def re_encrypt_with_context(client: Any, world: World) -> Any:
    blob = world.kms.encrypt(KeyId=world.key, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    other = ready(world, Description="other")
    return client.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other, DestinationEncryptionContext={"Tenant": "b"},
    )  # fmt: skip


IN_A_MONTH = datetime.now(UTC) + timedelta(days=30)
IMPORT = "kms:ImportKeyMaterial"
EXPIRING: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": IN_A_MONTH}
RE_ENCRYPT = ["kms:ReEncryptFrom", "kms:ReEncryptTo"]
OF_KINDS = [
    Row("kms:SigningAlgorithm", "kms:Sign", sign, *equals("kms:SigningAlgorithm", "ECDSA_SHA_256", "ECDSA_SHA_384")),
    Row("kms:MessageType", "kms:Sign", sign, *equals("kms:MessageType", "DIGEST", "RAW")),
    Row("kms:KeySpec", "kms:Sign", sign, *equals("kms:KeySpec", "ECC_NIST_P256", "SYMMETRIC_DEFAULT")),
    Row("kms:KeyUsage", "kms:Sign", sign, *equals("kms:KeyUsage", "SIGN_VERIFY", "ENCRYPT_DECRYPT")),
    Row("kms:MacAlgorithm", "kms:GenerateMac", mac, *equals("kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_512")),
    Row("kms:KeyAgreementAlgorithm", "kms:DeriveSharedSecret", agree, *equals("kms:KeyAgreementAlgorithm", "ECDH")),
    Row("kms:DataKeyPairSpec", "kms:GenerateDataKeyPair", pair,
        *equals("kms:DataKeyPairSpec", "ECC_NIST_P256", "RSA_2048")),
    Row("kms:WrappingAlgorithm", "kms:GetParametersForImport", parameters,
        *equals("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1")),
    Row("kms:WrappingKeySpec", "kms:GetParametersForImport", parameters,
        *equals("kms:WrappingKeySpec", "RSA_2048", "RSA_4096")),
    Row("kms:KeyOrigin", "kms:GetParametersForImport", parameters, *equals("kms:KeyOrigin", "EXTERNAL", "AWS_KMS")),
    Row("kms:ExpirationModel", IMPORT, bring(ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE"),
        *equals("kms:ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES")),
    Row("kms:ValidTo", IMPORT, bring(ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE"), *absent("kms:ValidTo")),
    Row("kms:ValidTo", IMPORT, bring(**EXPIRING),
        {"DateLessThan": {"kms:ValidTo": IN_A_YEAR}}, {"DateGreaterThan": {"kms:ValidTo": IN_A_YEAR}}),
    Row("kms:ValidTo", IMPORT, bring(**EXPIRING),
        {"NumericLessThan": {"kms:ValidTo": f"{IN_A_MONTH.timestamp() + 60:.0f}"}},
        {"NumericGreaterThan": {"kms:ValidTo": f"{IN_A_MONTH.timestamp() + 60:.0f}"}}),
    Row("kms:MultiRegion", "kms:Encrypt", in_regions, *flag("kms:MultiRegion", True)),
    Row("kms:MultiRegionKeyType", "kms:Encrypt", in_regions, *equals("kms:MultiRegionKeyType", "PRIMARY", "REPLICA")),
    Row("kms:MultiRegionKeyType", "kms:Encrypt", of_the_replica,
        *equals("kms:MultiRegionKeyType", "REPLICA", "PRIMARY")),
    Row("kms:MultiRegionKeyType", "kms:Encrypt", encrypt, *absent("kms:MultiRegionKeyType")),
    Row("kms:ReplicaRegion", ["kms:ReplicateKey", "kms:CreateKey"], replicate,
        *equals("kms:ReplicaRegion", "eu-west-1", "us-west-2")),
    Row("kms:PrimaryRegion", "kms:UpdatePrimaryRegion", lead,
        *equals("kms:PrimaryRegion", "eu-west-1", "us-west-2")),
    Row("kms:RotationPeriodInDays", "kms:EnableKeyRotation", rotate_every(90),
        {"NumericEquals": {"kms:RotationPeriodInDays": "90"}},
        {"NumericGreaterThan": {"kms:RotationPeriodInDays": "90"}}),
    Row("kms:EncryptionContext", RE_ENCRYPT, re_encrypt_with_context,
        *equals("kms:EncryptionContext:Tenant", "a", "b")),
    Row("kms:EncryptionContext", RE_ENCRYPT[::-1], re_encrypt_with_context,
        *equals("kms:EncryptionContext:Tenant", "b", "a")),
    Row("kms:ReEncryptOnSameKey", RE_ENCRYPT[::-1], re_encrypt_with_context, *flag("kms:ReEncryptOnSameKey", False)),
    Row("kms:ReEncryptOnSameKey", RE_ENCRYPT, re_encrypt, *flag("kms:ReEncryptOnSameKey", True)),
    Row("kms:ReEncryptOnSameKey", RE_ENCRYPT[::-1], re_encrypt, *flag("kms:ReEncryptOnSameKey", True)),
    Row("kms:ReEncryptOnSameKey", RE_ENCRYPT, re_encrypt_with_context, *flag("kms:ReEncryptOnSameKey", False)),
]  # fmt: skip
OF_GRANTS = [
    Row("kms:GrantOperations", "kms:CreateGrant", grant(),
        {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt", "Encrypt", "Sign"]}},
        {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt", "Sign"]}}),
    Row("kms:GranteePrincipal", "kms:CreateGrant", grant(),
        *equals("kms:GranteePrincipal", "arn:aws:iam::ACCOUNT:role/r")),
    Row("kms:RetiringPrincipal", "kms:CreateGrant", grant(),
        *equals("kms:RetiringPrincipal", "arn:aws:iam::ACCOUNT:role/r")),
    Row("kms:GrantConstraintType", "kms:CreateGrant", grant(EncryptionContextSubset=CONTEXT),
        *equals("kms:GrantConstraintType", "EncryptionContextSubset", "EncryptionContextEquals")),
    Row("kms:GrantConstraintType", "kms:CreateGrant", grant(EncryptionContextEquals=CONTEXT),
        *equals("kms:GrantConstraintType", "EncryptionContextEquals", "EncryptionContextSubset")),
    Row("kms:GrantConstraintType", "kms:CreateGrant", grant(), *absent("kms:GrantConstraintType")),
    Row("kms:EncryptionContext", "kms:CreateGrant", grant(EncryptionContextEquals=CONTEXT),
        *equals("kms:EncryptionContext:Tenant", "a", "b")),
    Row("kms:EncryptionContextKeys", "kms:CreateGrant", grant(EncryptionContextSubset=CONTEXT),
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "Tenant"}},
        {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "Other"}}),
    Row("kms:GrantIsForAWSResource", "kms:CreateGrant", grant(), *flag("kms:GrantIsForAWSResource", False)),
    Row("kms:GrantIsForAWSResource", "kms:ListGrants", list_grants, *flag("kms:GrantIsForAWSResource", False)),
    Row("kms:GrantIsForAWSResource", "kms:RevokeGrant", revoke, *flag("kms:GrantIsForAWSResource", False)),
]  # fmt: skip
OF_NEW_KEYS = [
    Row("kms:KeySpec", "kms:CreateKey", make_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
        *equals("kms:KeySpec", "HMAC_256", "SYMMETRIC_DEFAULT")),
    Row("kms:KeyUsage", "kms:CreateKey", make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"),
        *equals("kms:KeyUsage", "KEY_AGREEMENT", "SIGN_VERIFY")),
    Row("kms:KeyOrigin", "kms:CreateKey", make_key(Origin="EXTERNAL"), *equals("kms:KeyOrigin", "EXTERNAL", "AWS_KMS")),
    Row("kms:MultiRegion", "kms:CreateKey", make_key(MultiRegion=True), *flag("kms:MultiRegion", True)),
    Row("kms:MultiRegionKeyType", "kms:CreateKey", make_key(MultiRegion=True),
        *equals("kms:MultiRegionKeyType", "PRIMARY", "REPLICA")),
    Row("kms:BypassPolicyLockoutSafetyCheck", "kms:CreateKey", make_key(BypassPolicyLockoutSafetyCheck=True),
        *flag("kms:BypassPolicyLockoutSafetyCheck", True)),
    Row("aws:RequestTag", ["kms:CreateKey", "kms:TagResource"], make_tagged, *equals("aws:RequestTag/Team", "blue")),
    Row("aws:TagKeys", ["kms:TagResource", "kms:CreateKey"], make_tagged,
        {"ForAllValues:StringEquals": {"aws:TagKeys": "Team"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "Other"}}),
    Row("aws:TagKeys", "kms:UntagResource", untag,
        {"ForAllValues:StringEquals": {"aws:TagKeys": "A"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "B"}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(strongroom: InProcess) -> World:
    return World(strongroom.account())


@pytest.mark.parametrize("row", [*KMS, *OF_KINDS, *OF_GRANTS, *OF_NEW_KEYS], ids=str)
def test_a_key_decides(world: World, row: Row) -> None:
    assert "" == world.answer(row, row.meets)
    assert world.answer(row, row.misses) in DENIED


@pytest.mark.parametrize(
    ("key", "meets", "misses"), THROUGH_SECRETS_MANAGER, ids=[row[0] for row in THROUGH_SECRETS_MANAGER]
)
def test_a_key_decides_about_what_a_service_does_for_the_caller(
    world: World, key: str, meets: Condition, misses: Condition
) -> None:
    made = world.admin.create_secret(Name=world.name(), SecretString="x", KmsKeyId=world.key)
    before, world.version = world.version, made["VersionId"]
    try:
        row = Row(
            key,
            ["kms:Decrypt", READ],
            lambda client, world: world.account.client("secretsmanager", **world.user_keys).get_secret_value(
                SecretId=made["ARN"]
            ),
            meets,
            misses,
        )
        assert "" == world.answer(row, meets)
        assert world.answer(row, misses) in DENIED
    finally:
        world.version = before
