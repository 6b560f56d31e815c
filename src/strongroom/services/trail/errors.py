"""Every error an operation on trails answers with. Their texts are ours where no facts tell AWS's."""

from __future__ import annotations

from strongroom.kernel.model.errors import ServiceError


class TrailError(ServiceError, service="cloudtrail"):
    """Base of every error that CloudTrail models."""


class InvalidLookupAttributesException(TrailError):
    """More than one attribute, or one that no record has."""


class InvalidTimeRangeException(TrailError):
    """The range ends before it begins."""


class InvalidMaxResultsException(TrailError):
    """Less than one record, or more than a page holds."""


class InvalidNextTokenException(TrailError):
    """A token that was not given out for this question."""


class InvalidEventCategoryException(TrailError):
    """A category of events that there is not."""


class TrailNotFoundException(TrailError):
    """No trail has this name: none can be made here."""
