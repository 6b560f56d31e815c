"""Every error an operation on logs answers with, and AWS's texts for them.

Source: facts lambda-and-others, part 2.
"""

from __future__ import annotations

from strongroom.kernel.model.errors import ServiceError

NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."
GROUP_EXISTS = "The specified log group already exists"
STREAM_EXISTS = "The specified log stream already exists"


class LogsError(ServiceError, service="logs"):
    """Base of every error that CloudWatch Logs models."""


class ResourceNotFoundException(LogsError):
    """No such group or stream."""


class ResourceAlreadyExistsException(LogsError):
    """The name is taken."""


class InvalidParameterException(LogsError):
    """The service's own logic refuses a parameter."""


class LimitExceededException(LogsError):
    """A quota is used up."""


def no_group() -> ResourceNotFoundException:
    """The answer for a group that is not there."""
    return ResourceNotFoundException(NO_GROUP)


def no_stream() -> ResourceNotFoundException:
    """The answer for a stream that is not there."""
    return ResourceNotFoundException(NO_STREAM)
