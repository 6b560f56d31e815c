"""Which KMS key is meant, and what KMS's refusals become."""

from __future__ import annotations

import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules import keys

WHERE = {"account": "123456789012", "region": "us-east-1"}
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
KMS = "arn:aws:kms:us-east-1:123456789012"


@pytest.mark.parametrize("given", [None, "", keys.DEFAULT_KEY, f"{KMS}:{keys.DEFAULT_KEY}"])
def test_the_default_key_is_one_however_it_is_named(given: str | None) -> None:
    assert keys.stored_key(given, **WHERE) is None


def test_another_key_is_kept_as_given() -> None:
    assert "alias/mine" == keys.stored_key("alias/mine", **WHERE)


@pytest.mark.parametrize(
    ("kms_key_id", "reference"),
    [
        (None, keys.DEFAULT_KEY),
        (KEY, f"{KMS}:key/{KEY}"),
        ("alias/mine", f"{KMS}:alias/mine"),
        (f"arn:aws:kms:us-east-1:999999999999:key/{KEY}", f"arn:aws:kms:us-east-1:999999999999:key/{KEY}"),
    ],
)
def test_a_bare_id_is_asked_for_in_the_secrets_own_account(kms_key_id: str | None, reference: str) -> None:
    assert reference == keys.key_reference(kms_key_id, **WHERE)


def test_only_an_alias_has_no_key_arn_of_itself() -> None:
    assert f"{KMS}:key/{KEY}" == keys.key_arn(KEY, **WHERE)
    assert keys.key_arn("alias/mine", **WHERE) is None


@pytest.mark.parametrize("code", sorted(keys.KEY_STATE_CODES))
def test_a_key_that_cannot_work_is_an_encryption_or_decryption_failure(code: str) -> None:
    assert isinstance(keys.encryption_refusal(code), errors.EncryptionFailure)
    assert isinstance(keys.decryption_refusal(code), errors.DecryptionFailure)


def test_an_asymmetric_key_is_named_as_such() -> None:
    refusal = keys.encryption_refusal("InvalidKeyUsageException")
    assert isinstance(refusal, errors.InvalidParameterException)
    assert "Cannot generate a data key with an asymmetric KMS key" == refusal.message


def test_what_is_not_about_the_key_passes() -> None:
    assert keys.encryption_refusal("ThrottlingException") is None
    assert keys.decryption_refusal("KMSInternalException") is None
