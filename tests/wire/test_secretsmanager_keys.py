"""What Secrets Manager asks of KMS, by KMS's own records, and what it says where KMS refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.wire.test_secretsmanager_life import refused

PROBE = "RequestToValidateKeyAccess"


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def asked_of_kms(strongroom: InProcess, account: Account) -> list[tuple[str, dict[str, str]]]:
    """(operation, encryption context) of each call to KMS on behalf of this account, in order."""
    return [
        (entry.name, entry.asked["encryptionContext"])
        for entry in entries(strongroom.settings.data)
        if entry.event["userIdentity"].get("invokedBy") == "secretsmanager.amazonaws.com"
        and entry.event["recipientAccountId"] == account.id
        and "encryptionContext" in entry.asked
    ]


def test_each_written_value_has_a_data_key_of_its_own_bound_to_secret_and_version(
    secrets: Any, strongroom: InProcess, account: Account
) -> None:
    made = secrets.create_secret(Name="s", SecretString="one")
    versions = [made["VersionId"]]
    versions.append(secrets.put_secret_value(SecretId="s", SecretString="two")["VersionId"])
    versions.append(secrets.update_secret(SecretId="s", SecretString="three")["VersionId"])
    secrets.update_secret(SecretId="s", Description="no value, no key")
    contexts = [{"SecretARN": made["ARN"], "SecretVersionId": version} for version in versions]
    assert [("GenerateDataKey", context) for context in contexts] == asked_of_kms(strongroom, account)
    secrets.get_secret_value(SecretId="s", VersionStage="AWSPREVIOUS")
    assert ("Decrypt", contexts[1]) == asked_of_kms(strongroom, account)[-1]


def test_a_key_that_is_set_is_proved_first_with_the_callers_rights(
    secrets: Any, strongroom: InProcess, account: Account
) -> None:
    kms = account.client("kms")
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
    made = secrets.create_secret(Name="s", KmsKeyId=keys[0])
    probe = {"SecretARN": made["ARN"], "SecretVersionId": PROBE}
    assert [("GenerateDataKey", probe), ("Decrypt", probe)] == asked_of_kms(strongroom, account)
    secrets.update_secret(SecretId="s", KmsKeyId=keys[1])
    assert [("GenerateDataKey", probe), ("Decrypt", probe)] == asked_of_kms(strongroom, account)[2:]


def test_a_token_that_is_repeated_opens_the_stored_value_and_makes_no_key(
    secrets: Any, strongroom: InProcess, account: Account
) -> None:
    secrets.create_secret(Name="s", SecretString="one", ClientRequestToken="t" * 32)
    secrets.put_secret_value(SecretId="s", SecretString="one", ClientRequestToken="t" * 32)
    assert ["GenerateDataKey", "Decrypt"] == [name for name, _ in asked_of_kms(strongroom, account)]


def pending(account: Account, other: Account) -> str:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return str(key)


def disabled(account: Account, other: Account) -> str:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    return str(key)


def asymmetric(account: Account, other: Account) -> str:
    made = account.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["KeyId"])


def foreign(account: Account, other: Account) -> str:
    return str(other.client("kms").create_key()["KeyMetadata"]["Arn"])


def elsewhere(account: Account, other: Account) -> str:
    return str(account.client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"])


def never(account: Account, other: Account) -> str:
    return "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (disabled, "EncryptionFailure"),
        (pending, "EncryptionFailure"),
        (never, "EncryptionFailure"),
        (elsewhere, "EncryptionFailure"),
        (asymmetric, "InvalidParameterException"),
        (foreign, "AccessDeniedException"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_nothing_is_made(
    secrets: Any, strongroom: InProcess, account: Account, made: Callable[[Account, Account], str], code: str
) -> None:
    key = made(account, strongroom.account())
    told, text = refused(secrets.create_secret, Name="s", SecretString="canary-value", KmsKeyId=key)
    assert code == told
    assert "canary" not in text
    assert [] == secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    secrets.create_secret(Name="s", SecretString="x")
    assert code == refused(secrets.update_secret, SecretId="s", KmsKeyId=key)[0]
    assert "KmsKeyId" not in secrets.describe_secret(SecretId="s")
    assert "x" == secrets.get_secret_value(SecretId="s")["SecretString"]


def test_a_value_whose_key_awaits_deletion_is_a_decryption_failure(secrets: Any, account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="s", SecretString="x", KmsKeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "DecryptionFailure" == refused(secrets.get_secret_value, SecretId="s")[0]
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert "x" == secrets.get_secret_value(SecretId="s")["SecretString"]
