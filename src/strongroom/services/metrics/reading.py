"""The points of one series of the caller's account, out of the store, and the tokens of answers in pages."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import errors, store
from strongroom.services.metrics.points import Point, gathered
from strongroom.services.metrics.series import DENIED, Series

MOST_SPAN = timedelta(days=456)
"""Older points are not kept, so that longer times are cut to this."""


def points_of(
    call: Call, tx: Transaction, series: Series | None, period: int, start: datetime, end: datetime
) -> list[Point]:
    """The points whose counts lie in [start, end), oldest first; start goes down to the whole minute or hour."""
    if series is None:
        return []
    unit = store.HOUR if period % store.HOUR == 0 or not series.service else store.MINUTE
    end_ms = to_ms(min(end, call.now + timedelta(days=1)))
    first_ms = max(to_ms(start), end_ms - MOST_SPAN // timedelta(milliseconds=1))
    first_ms = first_ms // (unit * 1000) * unit * 1000
    if not series.service:
        counts = store.secrets_between(tx, call.account, call.region, first_ms, end_ms)
        return gathered(counts, max(period, store.MINUTE), calls=False)
    # Denials are counted for an account as a whole.
    region = "" if series.service == DENIED else call.region
    one = store.Counter(call.account, region, series.service, series.operation)
    return gathered(store.calls_between(tx, one, unit, first_ms, end_ms), period, calls=True)


def token_of(number: int) -> str:
    """The token for what comes behind so many."""
    return urlsafe_b64encode(f"after:{number}".encode()).decode("ascii")


def number_of(token: str | None) -> int:
    """How many an earlier answer told already. It is the caller's own data that is counted, so nothing is sealed.

    Raises InvalidNextToken.
    """
    if token is None:
        return 0
    try:
        text = urlsafe_b64decode(token.encode("ascii")).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    number = text.removeprefix("after:")
    if not text.startswith("after:") or not number.isdigit() or len(number) > 9:
        raise errors.InvalidNextToken("The next token specified is invalid.")
    return int(number)
