"""Every error an operation on functions answers with, and AWS's texts for them.

Source: facts lambda-and-others, sections 1.1 to 1.4 (captured, but where a text is marked ``Our choice``).
"""

from __future__ import annotations

from strongroom.kernel.model.errors import ServiceError

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
UNZIPPED_TOO_LARGE = "Unzipped size must be smaller than 262144000 bytes"
ZIPPED_TOO_LARGE = "Zipped size must be smaller than 52428800 bytes"
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
QUALIFIERS_DIFFER = "The derived qualifier from the function name does not match the specified qualifier."
LATEST_STAYS = "$LATEST version cannot be deleted without deleting the function."
REVISION_DIFFERS = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)
POLICY_REVISION_DIFFERS = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id"
)
NO_RESOURCE = "The resource you requested does not exist."
BAD_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
NO_POLICY_FOR_LATEST = "We currently do not support adding policies for $LATEST."
NO_POLICY = "No policy is associated with the given resource."
TOO_MANY_LAYERS = "Cannot reference more than 5 layers."
RATE = "Rate Exceeded."


class LambdaError(ServiceError, service="lambda"):
    """Base of every error that Lambda models."""


class ResourceNotFoundException(LambdaError):
    """No such function, version, alias, layer or policy."""


class ResourceConflictException(LambdaError):
    """The name, or the statement id, is taken."""


class InvalidParameterValueException(LambdaError):
    """The service's own logic refuses a parameter."""


class InvalidRequestContentException(LambdaError):
    """The payload is not JSON."""


class RequestTooLargeException(LambdaError):
    """The payload or the code is too large."""


class PreconditionFailedException(LambdaError):
    """The revision is not the one that there is."""


class PolicyLengthExceededException(LambdaError):
    """The resource policy would be too long."""


class TooManyRequestsException(LambdaError):
    """As many invocations run as may run."""


class ServiceException(LambdaError):
    """A fault of ours."""


def no_such_function(arn: str) -> ResourceNotFoundException:
    """The answer for a function, or a version or alias of it, that is not there."""
    return ResourceNotFoundException(f"Function not found: {arn}")


def invalid(text: str) -> InvalidParameterValueException:
    """The answer where a parameter is refused for what it says."""
    return InvalidParameterValueException(text)


def throttled(reason: str) -> TooManyRequestsException:
    """The answer where too much runs. ``reason`` as the model lists them."""
    return TooManyRequestsException(RATE, members={"Reason": reason})
