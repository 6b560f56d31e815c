"""Wrong guesses are counted in the store, by whoever makes them, though the call itself is undone. Both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from strongroom.base.keyids import LONG_TERM
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Credential, Source
from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.iam import attempts

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DEVICE = "arn:aws:iam::111122223333:mfa/d"


def call_of(now: datetime) -> Call:
    """A call that has nothing but a moment."""
    user = Principal(PrincipalKind.USER, arn="arn:aws:iam::111122223333:user/ann", account="111122223333")
    return Call(
        kernel=None,  # type: ignore[arg-type]  # nothing of it is asked
        service="sts",
        name="GetSessionToken",
        region="us-east-1",
        credential=Credential(user, LONG_TERM, "secret"),
        params={},
        now=now,
        machine_now=now,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )


def guess_wrongly(store: BatchStore, now: datetime, subject: str = DEVICE) -> None:
    """A wrong guess as the write queue treats it: the call undone, the count kept."""
    batch = store.begin_write()
    batch.savepoint()
    call = call_of(now)
    attempts.wrong(call, batch, subject, now)
    batch.undo()
    for change in call.kept:
        change(batch)
    batch.commit()


def may_try(store: BatchStore, now: datetime, subject: str = DEVICE) -> bool:
    """Whether a guess would be judged."""
    with store.read() as tx:
        return attempts.may_try(tx, subject, now)


def test_after_five_wrong_guesses_none_is_judged_for_a_minute(store: BatchStore) -> None:
    for at in range(attempts.FAILURES_AT_MOST):
        assert may_try(store, NOW)
        guess_wrongly(store, NOW + timedelta(seconds=at))
    last = NOW + timedelta(seconds=attempts.FAILURES_AT_MOST - 1)

    assert not may_try(store, last)
    assert not may_try(store, last + timedelta(seconds=attempts.PAUSE_SECONDS - 1))
    assert may_try(store, last + timedelta(seconds=attempts.PAUSE_SECONDS))
    assert may_try(store, last, "another device")


def test_a_clock_that_is_set_back_opens_nothing(store: BatchStore) -> None:
    for _ in range(attempts.FAILURES_AT_MOST):
        guess_wrongly(store, NOW)

    assert not may_try(store, NOW - timedelta(hours=1))


def test_a_right_guess_forgets_the_wrong_ones(store: BatchStore) -> None:
    for _ in range(attempts.FAILURES_AT_MOST - 1):
        guess_wrongly(store, NOW)
    with store.write() as tx:
        attempts.right(tx, DEVICE)
    guess_wrongly(store, NOW)

    assert may_try(store, NOW)
