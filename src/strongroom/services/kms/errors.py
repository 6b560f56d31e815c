"""Every error a KMS operation answers with, and AWS's texts for them.

Names are the wire's: a class that the model does not know fails at import.
Source: facts aws-observed ("KMS: error shape"), kms sections 1 to 10 and 17.
``Our choice`` marks a text that AWS has, but nobody has recorded; its code is AWS's.
"""

from __future__ import annotations

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.errors import ServiceError

WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."
DRY_RUN = "The request would have succeeded, but the DryRun option is set."
LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."
BAD_PRINCIPAL = "Policy contains a statement with one or more invalid principals."
ONE_SIZE = "Please specify either number of bytes or key spec."
NO_COUNT = "NumberOfBytes is required."
NO_USAGE = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
TWO_SPECS = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request."  # our choice
NO_CIPHERTEXT = (
    "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
)
ALIAS_PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)
ALIAS_OF_ALIAS = "Aliases must refer to keys. Not aliases"
OTHER_TYPE = "The old and the new key of an alias must have the same type and key usage."  # our choice
ALIAS_RESERVED = 'Aliases that begin with "alias/aws/" are reserved for AWS managed keys.'  # our choice
DUPLICATE_TAGS = "Duplicate tag keys"
TOO_MANY_TAGS = "Too many tags"
RESERVED_TAGS = "Tags beginning with aws: are reserved"
LONG_POLICY = "The key policy is longer than 32768 bytes."  # our choice
LONG_CONTEXT = "The encryption context is longer than 8192 bytes."  # our choice
NO_ENCLAVES = "Recipient is not offered: there are no enclaves to attest."  # our choice
BAD_TOKEN = "The grant token is not one of a grant that is in force."  # our choice  # noqa: S105
BAD_IMPORT_TOKEN = "The import token is not one of this key."  # our choice  # noqa: S105
OLD_IMPORT_TOKEN = "The import token has expired."  # our choice  # noqa: S105
WRONG_ORIGIN = "{} origin is {} which is not valid for this operation."
NOT_PRIMARY = "{} is not a multi-region primary key."
NO_VALID_TO = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
TOO_MANY_GRANTS = "A key can have no more than 50000 grants."  # our choice
TOO_MANY_GRANTS_TO_ONE = "A principal can have no more than 1000 grants on one key."  # our choice
NO_GRANT = "There is no grant {} on {}."  # our choice
ROTATED_ENOUGH = (
    "The on-demand rotations limit has been reached for the given keyId. "
    "No more on-demand rotations can be performed for this key: {}"
)
ROTATION_NEAR = "{} is about to be rotated automatically."  # our choice
TOO_MANY_ALIASES = "A key can have no more than 50 aliases."  # our choice
TOO_MANY_KEYS = "An account can have no more than 100000 keys in a Region."  # our choice


class KMSError(ServiceError, service="kms"):
    """Base of every error a KMS operation may answer with."""


class AlreadyExistsException(KMSError):
    """The alias is taken."""


class ConflictException(KMSError):
    """Another rotation of the key is near or under way."""


class DisabledException(KMSError):
    """The key is disabled."""


class DryRunOperationException(KMSError):
    """All is well, and nothing was done, as asked."""


class ExpiredImportTokenException(KMSError):
    """The import token was good for a day, and that is over."""


class IncorrectKeyException(KMSError):
    """The ciphertext was made by another key than the one named."""


class IncorrectKeyMaterialException(KMSError):
    """Material of a key can be imported again only as it was."""


class InvalidAliasNameException(KMSError):
    """The alias's name is reserved."""


class InvalidArnException(KMSError):
    """An ARN names nothing of the kind that is wanted."""


class InvalidCiphertextException(KMSError):
    """The ciphertext is damaged, is not ours, or the context is another. Never has a message."""


class InvalidGrantIdException(KMSError):
    """The text is no id of a grant."""


class InvalidGrantTokenException(KMSError):
    """There is no such grant."""


class InvalidImportTokenException(KMSError):
    """The import token was not made for this key."""


class InvalidKeyUsageException(KMSError):
    """The algorithm does not go with the key."""


class InvalidMarkerException(KMSError):
    """The marker of a page is not one that this list gave out."""


class KMSInvalidMacException(KMSError):
    """The MAC is not the message's. Never has a message."""


class KMSInvalidSignatureException(KMSError):
    """The signature is not the message's. Never has a message."""


class KMSInvalidStateException(KMSError):
    """The state of the key does not allow the operation."""


class LimitExceededException(KMSError):
    """A quota is reached."""


class MalformedPolicyDocumentException(KMSError):
    """The policy cannot be read, or would lock its author out."""


class NotFoundException(KMSError):
    """No such key, alias or policy in this account and Region."""


class TagException(KMSError):
    """A tag breaks the rules for tags."""


class UnsupportedOperationException(KMSError):
    """The key, or this product, does not support what is asked."""


def invalid(message: str) -> Refusal:
    """The common ValidationException, which no model declares."""
    return Refusal(Kind.VALIDATION, message)


def missing_key(arn: str) -> NotFoundException:
    """No key of this ARN."""
    return NotFoundException(f"Key '{arn}' does not exist")


def missing_alias(arn: str) -> NotFoundException:
    """No alias of this ARN."""
    return NotFoundException(f"Alias {arn} is not found.")
