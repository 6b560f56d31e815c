"""What an IAM operation may answer instead of a result. Codes and statuses come from the service model."""

from __future__ import annotations

from strongroom.base.refusals import Kind as RefusalKind
from strongroom.base.refusals import Refusal
from strongroom.kernel.model.errors import ServiceError
from strongroom.services.iam.rules.names import INSTANCE_PROFILE, Kind


class IAMError(ServiceError, service="iam"):
    """Base of every error that IAM models."""


class NoSuchEntityException(IAMError):
    """What was named is not there."""


class EntityAlreadyExistsException(IAMError):
    """The name is taken, whatever its case."""


class DeleteConflictException(IAMError):
    """Something still hangs on what should go."""


class LimitExceededException(IAMError):
    """A quota is used up."""


class MalformedPolicyDocumentException(IAMError):
    """The text is no policy of the kind that is wanted here."""


class InvalidInputException(IAMError):
    """The parameters do not go together."""


class PolicyNotAttachableException(IAMError):
    """The policy may not be attached to this kind of entity."""


class InvalidAuthenticationCodeException(IAMError):
    """The codes are not those of the device, or were used before."""


class PasswordPolicyViolationException(IAMError):
    """The password is not what the account's password policy asks for."""


class InvalidUserTypeException(IAMError):
    """Who calls is no user, or has no password."""


class CredentialReportNotPresentException(IAMError):
    """No report was asked for yet."""


class UnmodifiableEntityException(IAMError):
    """Only the service that made the entity may change it."""


def invalid(text: str) -> Refusal:
    """The ``ValidationError`` that IAM gives for what its model cannot say."""
    return Refusal(RefusalKind.VALIDATION, text)


def no_such(word: str, name: str) -> NoSuchEntityException:
    """``The user with name X cannot be found.`` Source: facts, iam, section 10."""
    return NoSuchEntityException(f"The {word} with name {name} cannot be found.")


def no_such_entity(kind: Kind, name: str) -> NoSuchEntityException:
    """The text for an entity that is not there; instance profiles have one of their own. Source: as no_such."""
    if kind is INSTANCE_PROFILE:
        return NoSuchEntityException(f"Instance Profile {name} cannot be found.")
    return no_such(kind.word, name)


def no_such_policy(arn: str, *, attachable: bool = False) -> NoSuchEntityException:
    """The text for a managed policy that is not there; attaching and versions have a text of their own."""
    if attachable:
        return NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")
    return NoSuchEntityException(f"Policy {arn} was not found.")


def no_such_key(access_key_id: str) -> NoSuchEntityException:
    """The text for a key that is not there, or is another user's. Source: facts, iam, section 10."""
    return NoSuchEntityException(f"The Access Key with id {access_key_id} cannot be found.")
