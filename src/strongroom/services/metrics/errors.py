"""What the room's operations may refuse with."""

from __future__ import annotations

from strongroom.kernel.model.errors import ServiceError


class MetricsError(ServiceError, service="cloudwatch"):
    """Base of every error of CloudWatch's."""


class InvalidParameterValueException(MetricsError):
    """A value that the parameter cannot have."""


class InvalidParameterCombinationException(MetricsError):
    """Values that cannot stand together."""


class MissingRequiredParameterException(MetricsError):
    """A parameter that is needed beside the others."""


class InvalidNextToken(MetricsError):
    """A token that no answer gave."""


class ValidationException(MetricsError):
    """A query that means nothing here."""
