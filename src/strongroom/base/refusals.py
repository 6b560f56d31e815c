"""What a client is answered instead of a result.

Three kinds reach the edge:

    Answerable
        Refusal        common to all services; its wire code and status depend on the protocol (kernel/wire/refusals)
        ServiceError   modelled by one service (kernel/model/errors)

Anything else is a bug: the client gets the protocol's internal error, the log gets the trace.
"""

from __future__ import annotations

from enum import Enum


class Answerable(Exception):  # noqa: N818  it is the client's answer, not a failure of ours
    """Base of all that a client is told. ``message`` is what AWS would say; ``detail`` is ours, never sent.

    INVARIANT: neither holds a secret.
    """

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        super().__init__(message or type(self).__name__)
        self.message = message
        self.detail = detail


class Kind(Enum):
    """The common refusals. Their codes and statuses by protocol are one table in kernel/wire/refusals."""

    ACCESS_DENIED = "access denied"
    MISSING_TOKEN = "missing authentication token"  # noqa: S105
    INCOMPLETE_SIGNATURE = "incomplete signature"
    BAD_SIGNATURE = "bad signature"
    UNKNOWN_KEY = "unknown access key or session token"
    EXPIRED_TOKEN = "expired session token"  # noqa: S105
    VALIDATION = "validation"
    SERIALIZATION = "serialization"
    UNKNOWN_OPERATION = "unknown operation"
    NOT_OFFERED = "operation or service not offered"
    TOO_LARGE = "request too large"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    INVALID_ARN = "invalid arn"


class Refusal(Answerable):
    """A refusal that every service shares."""

    def __init__(self, kind: Kind, message: str | None = None, *, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.kind = kind
