"""Which KMS key a secret's KmsKeyId means, and what KMS's refusals become.

Source: facts secretsmanager sections 6 ("KMS refusal"), 6.1 and 7; aws-observed, error table.
"""

from __future__ import annotations

from strongroom.base.names import PARTITION
from strongroom.base.refusals import Answerable
from strongroom.services.secretsmanager import errors

DEFAULT_KEY = "alias/aws/secretsmanager"
SHOWN_DEFAULT = "DefaultEncryptionKey"
PROBE = "RequestToValidateKeyAccess"
"""The SecretVersionId of the calls that only prove the caller's rights on a key."""

# What KMS answers where the key itself is the matter. Anything else (throttling, a fault) passes as it is.
KEY_STATE_CODES = frozenset(
    {
        "DisabledException",
        "KMSInvalidStateException",
        "KeyUnavailableException",
        "NotFoundException",
        "InvalidCiphertextException",
        "IncorrectKeyException",
        "InvalidArnException",
    }
)


def stored_key(given: str | None, *, account: str, region: str) -> str | None:
    """What is stored for a KmsKeyId of a request: None for the default key, however it was named."""
    own_default = f"arn:{PARTITION}:kms:{region}:{account}:{DEFAULT_KEY}"
    return None if not given or given in (DEFAULT_KEY, own_default) else given


def key_reference(kms_key_id: str | None, *, account: str, region: str) -> str:
    """The key as KMS is asked for it: in the secret's own account and Region, whoever calls."""
    if kms_key_id is None:
        return DEFAULT_KEY
    if kms_key_id.startswith("arn:"):
        return kms_key_id
    kind = "" if kms_key_id.startswith("alias/") else "key/"
    return f"arn:{PARTITION}:kms:{region}:{account}:{kind}{kms_key_id}"


def key_arn(kms_key_id: str, *, account: str, region: str) -> str | None:
    """The key ARN a KmsKeyId stands for; None for an alias, which only KMS can resolve."""
    reference = key_reference(kms_key_id, account=account, region=region)
    return reference if ":key/" in reference else None


def encryption_refusal(code: str) -> Answerable | None:
    """What a caller is told where KMS would not make a data key; None lets KMS's own error pass."""
    if code == "InvalidKeyUsageException":
        return errors.InvalidParameterException(errors.ASYMMETRIC_KEY)
    return errors.EncryptionFailure(errors.CANNOT_ENCRYPT) if code in KEY_STATE_CODES else None


def decryption_refusal(code: str) -> Answerable | None:
    """What a caller is told where KMS would not open a data key; None lets KMS's own error pass."""
    return errors.DecryptionFailure(errors.CANNOT_DECRYPT) if code in KEY_STATE_CODES else None
