"""Wrong guesses, counted in the store: on every worker and node together, and though the call itself is refused.

Our choice: after five wrong ones nothing is judged for a minute, right or not. What was judged in a reading
transaction is judged again in a writing one, of which there is one at a time in a deployment, so that no burst of
guesses overtakes its count.
Time is the machine's: a product clock that is moved opens no door.
"""

from __future__ import annotations

from datetime import datetime

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.services.iam.store import attempts

FAILURES_AT_MOST = 5
PAUSE_SECONDS = 60


def attempts_at_password(user_id: str) -> str:
    """What guesses at a user's password are counted under; guesses at a device under its serial number."""
    return f"password {user_id}"


def may_try(tx: Transaction, subject: str, now: datetime) -> bool:
    """Whether a guess at ``subject`` is judged now."""
    found = attempts.of(tx, subject)
    return found is None or found.failed < FAILURES_AT_MOST or not _recent(found.last, now)


def refuse_too_many(tx: Transaction, subject: str, now: datetime, refused: Answerable) -> None:
    """As may_try; raises ``refused`` instead of saying no."""
    if not may_try(tx, subject, now):
        raise refused


def wrong(call: Call, tx: Transaction, subject: str, now: datetime) -> None:
    """Count a wrong guess, whatever becomes of the call. Raises NeedsWrite in a reading transaction."""
    if not tx.writable:
        raise NeedsWrite
    found = attempts.of(tx, subject)
    failed = 1 if found is None or not _recent(found.last, now) else found.failed + 1
    call.keep(lambda later: attempts.put(later, subject, attempts.Attempts(failed, now)))


def right(tx: Transaction, subject: str) -> None:
    """Forget the wrong guesses: a right one came. Raises NeedsWrite in a reading transaction."""
    if not tx.writable:
        raise NeedsWrite
    attempts.forget(tx, subject)


def _recent(last: datetime, now: datetime) -> bool:
    """Whether a wrong guess still counts; one from a time to come does too."""
    return (now - last).total_seconds() < PAUSE_SECONDS
