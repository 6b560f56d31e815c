"""What an STS operation may answer instead of a result."""

from __future__ import annotations

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.errors import ServiceError


class STSError(ServiceError, service="sts"):
    """Base of every error that STS models."""


class MalformedPolicyDocumentException(STSError):
    """The session policy is no policy."""


class PackedPolicyTooLargeException(STSError):
    """Session policies and tags take more room than a token has."""


class InvalidAuthorizationMessageException(STSError):
    """The message is not one that a refusal in the caller's account carried."""


class InvalidIdentityTokenException(STSError):
    """The web identity token is none, or none that may be believed."""


class ExpiredTokenException(STSError):
    """The web identity token was good, and its time is over."""


class IDPCommunicationErrorException(STSError):
    """The identity provider could not be asked for its keys."""


class InvalidParameterValue(STSError, service="sts"):
    """What AWS answers for tags that do not go together, though its model has no such error.

    Source: facts, iam, section 10, STS.
    """

    code = "InvalidParameterValue"
    http_status = 400


def invalid(text: str) -> Refusal:
    """The ``ValidationError`` that STS gives for what its model cannot say."""
    return Refusal(Kind.VALIDATION, text)


def denied(text: str) -> Refusal:
    """The ``AccessDenied`` of rules that no policy can lift."""
    return Refusal(Kind.ACCESS_DENIED, text)
