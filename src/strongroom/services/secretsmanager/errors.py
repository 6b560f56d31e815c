"""Every error a Secrets Manager operation answers with, and AWS's texts for them.

Names are the wire's: a class the model does not know fails at import.
A text marked `Our choice` is one AWS has, but nobody has recorded; its code is AWS's.

Source: facts aws-observed ("Secrets Manager: error shape"), secretsmanager sections 5 to 12.
"""

from __future__ import annotations

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.errors import ServiceError

NO_SUCH_SECRET = "Secrets Manager can't find the specified secret."  # noqa: S105
NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."  # noqa: S105
MARKED = "You can't perform this operation on the secret because it was marked for deletion."
NAME_SCHEDULED = "You can't create this secret because a secret with this name is already scheduled for deletion."
ON_REPLICA = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
DEFAULT_KEY_ELSEWHERE = (
    "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
)
INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
)
STAGE_NOT_OF_VERSION = "You provided a VersionStage that is not associated to the provided VersionId."
NO_VALUE_GIVEN = "You must provide either SecretString or SecretBinary."
BOTH_VALUES_GIVEN = "You can't specify both a binary secret value and a string secret value in the same secret."
BOTH_FREQUENCIES = "You cannot specify both rotation frequency and schedule expression together."
NO_FUNCTION = "No Lambda rotation function ARN is associated with this secret."
CANNOT_INVOKE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to "
    "the principal secretsmanager.amazonaws.com."
)
ROTATION_INCOMPLETE = "A previous rotation isn't complete. That rotation will be reattempted."
NOT_ITS_TOKEN = "The RotationToken is not that of the rotation that is under way for this version."  # noqa: S105
KMS_DENIED = "Access to KMS is not allowed"
CANNOT_ENCRYPT = (
    "Secrets Manager can't encrypt the protected secret text using the provided KMS key. "
    "Check that the KMS key is available, enabled, and not in an invalid state."
)
CANNOT_DECRYPT = "Secrets Manager can't decrypt the protected secret text using the provided KMS key."
ASYMMETRIC_KEY = "Cannot generate a data key with an asymmetric KMS key"


class SecretsManagerError(ServiceError, service="secretsmanager"):
    """Base of every error a Secrets Manager operation may answer with."""


class ResourceNotFoundException(SecretsManagerError):
    """No such secret, version or label in this account and Region."""


class ResourceExistsException(SecretsManagerError):
    """The name, or the token of a version, is taken."""


class InvalidRequestException(SecretsManagerError):
    """The parameter is good, but not in the secret's present state."""


class InvalidParameterException(SecretsManagerError):
    """The service's own logic refuses a parameter that its shape allows."""


class InvalidNextTokenException(SecretsManagerError):
    """A page token that was not given out for this request."""


class LimitExceededException(SecretsManagerError):
    """A quota is used up."""


class EncryptionFailure(SecretsManagerError):
    """The KMS key cannot encrypt in its present state."""


class DecryptionFailure(SecretsManagerError):
    """The KMS key cannot decrypt in its present state."""


class MalformedPolicyDocumentException(SecretsManagerError):
    """The resource policy does not parse, or says what a resource policy may not say."""


class PublicPolicyException(SecretsManagerError):
    """BlockPublicPolicy was asked for and the policy grants broad access."""


class InternalServiceError(SecretsManagerError):
    """What is stored cannot be opened: a fault of ours, never of the caller."""


def no_such_secret() -> ResourceNotFoundException:
    """The answer for a secret that does not exist."""
    return ResourceNotFoundException(NO_SUCH_SECRET)


def no_such_stage(stage: str) -> ResourceNotFoundException:
    """The answer where no version with a value carries the label."""
    return ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for staging label: {stage}"
    )


def no_such_version(version_id: str) -> ResourceNotFoundException:
    """The answer where no version with a value has the id."""
    return ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}"
    )


def token_in_use(token: str, arn: str) -> ResourceExistsException:
    """The answer to a token that names a version with another value."""
    return ResourceExistsException(
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )


def name_in_use(name: str) -> ResourceExistsException:
    """The answer to CreateSecret of a name that exists."""
    return ResourceExistsException(f"The operation failed because the secret {name} already exists.")


def invalid_name() -> Refusal:
    """The answer to a name or SecretId with a character that no name has."""
    return Refusal(Kind.VALIDATION, INVALID_NAME)


def managed_by(owner: str) -> InvalidRequestException:
    """The answer where the service that made a secret keeps the change to itself."""
    return InvalidRequestException(f"This secret is managed by {owner}, and you must use that service to update it.")


def kms_denied() -> Refusal:
    """The answer where KMS denied the caller; the reason stays in the KMS record."""
    return Refusal(Kind.ACCESS_DENIED, KMS_DENIED)
