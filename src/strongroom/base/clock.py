"""Time as it enters the product: two clocks, both UTC, both to the millisecond.

The machine's clock judges signatures and certificates.
The product's clock (machine plus an offset that only `--dev-clock` can move) drives schedules, deletions and sessions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EXACT_MS = 4_000_000_000_000
"""Up to 2096 a double has the microsecond of any millisecond right; the quicker way is good until then."""
Clock = Callable[[], datetime]
_last = (0, EPOCH)


def machine_clock() -> datetime:
    """The machine's time now, aware, UTC, cut to the millisecond."""
    global _last  # noqa: PLW0603  the calls of one millisecond share one moment; a race makes it twice
    milliseconds = time.time_ns() // 1_000_000
    last = _last
    if last[0] != milliseconds:
        # As from_ms, which holds until 2096.
        last = _last = (milliseconds, datetime.fromtimestamp(milliseconds / 1000, UTC))
    return last[1]


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, as stores keep them."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC moment of a stored millisecond count."""
    if 0 <= milliseconds < _EXACT_MS:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return EPOCH + milliseconds * _MILLISECOND


def iso_seconds(moment: datetime) -> str:
    """``2026-01-02T03:04:05Z``: whole seconds, as query answers and CloudTrail records print them."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
