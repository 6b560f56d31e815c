"""Which outcome a refusal counts as."""

from __future__ import annotations

from typing import Final

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.metrics.tally import DENIED, FAILED, INVALID, THROTTLED, UNAUTHENTICATED
from strongroom.kernel.model.errors import ServiceError

_BY_KIND: Final = {
    Kind.ACCESS_DENIED: DENIED,
    Kind.MISSING_TOKEN: UNAUTHENTICATED,
    Kind.INCOMPLETE_SIGNATURE: UNAUTHENTICATED,
    Kind.BAD_SIGNATURE: UNAUTHENTICATED,
    Kind.UNKNOWN_KEY: UNAUTHENTICATED,
    Kind.EXPIRED_TOKEN: UNAUTHENTICATED,
    Kind.THROTTLED: THROTTLED,
    Kind.UNAVAILABLE: FAILED,
    Kind.INTERNAL: FAILED,
}


def outcome_of(refusal: Answerable) -> int:
    """The outcome (metrics.tally): whose fault it was, in one word."""
    if isinstance(refusal, Refusal):
        return _BY_KIND.get(refusal.kind, INVALID)
    return FAILED if isinstance(refusal, ServiceError) and refusal.http_status >= 500 else INVALID
