"""What the room's operations may refuse with."""

from __future__ import annotations

from strongroom.kernel.model.errors import ServiceError
from strongroom.services.local.model import SERVICE


class LocalError(ServiceError, service=SERVICE):
    """Base of every error of Strongroom's own operations."""


class ClockNotMovableException(LocalError):
    """The data directory was not made with --dev-clock."""


class LastAdministratorException(LocalError):
    """The credentials are those of the only administrator."""


class RecordNotFoundException(LocalError):
    """No record of this account has that request id."""


class CannotTellException(LocalError):
    """The question names an action or a resource that is not here."""


class NoSuchSecretException(LocalError):
    """The account has no such secret in this Region."""


class RotationRefusedException(LocalError):
    """What was asked of a rotation makes no sense as it stands."""


class TargetMayHaveItException(LocalError):
    """The rotation has written a value that the target may have taken."""


class NoSuchImportException(LocalError):
    """No import of this file has begun."""


class ImportOutOfStepException(LocalError):
    """The import is not at that line yet."""


class ExportRefusedException(LocalError):
    """What was asked of an export is not what this server gave out, or cannot be exported yet."""


class IndexNotReadyException(LocalError):
    """The index of events is being made."""
