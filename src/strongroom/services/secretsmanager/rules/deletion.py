"""When a deleted secret goes for good, and which of its old versions go before.

Source: facts secretsmanager sections 3 (version retention), 6.12 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from strongroom.services.secretsmanager import errors

WINDOW_DAYS_DEFAULT = 30
VERSIONS_KEPT = 100
YOUNG = timedelta(hours=24)
# DIFFERS: version quota.
VERSIONS_MAX = 1000
"""Our choice: AWS keeps every version of the last 24 hours up to a bound that it does not publish."""


def check_deletion(*, window_days: int | None, force: bool) -> None:
    """Raise InvalidParameterException where a window is given beside force. Its range is the overlay's."""
    if force and window_days is not None:
        raise errors.InvalidParameterException(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )


def deletion_moment(now: datetime, window_days: int | None) -> datetime:
    """When a secret deleted now may be purged, counted from the request's own instant."""
    return now + timedelta(days=WINDOW_DAYS_DEFAULT if window_days is None else window_days)


def outdated(versions: Sequence[tuple[int, datetime, bool]], now: datetime) -> list[int]:
    """Which versions to remove, of (key, created, labelled) ordered oldest first.

    Only what is above 100 goes, oldest first; never a labelled version, never one younger than 24 hours.
    Raises LimitExceededException where the secret would still keep more than VERSIONS_MAX.
    """
    above = len(versions) - VERSIONS_KEPT
    if above <= 0:
        return []
    old = [key for key, created, labelled in versions if not labelled and now - created >= YOUNG]
    removed = old[:above]
    if len(versions) - len(removed) > VERSIONS_MAX:
        raise errors.LimitExceededException("You have reached the quota for versions of this secret.")
    return removed
