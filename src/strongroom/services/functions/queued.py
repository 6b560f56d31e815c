"""Invocations that nobody waits for: taken in one transaction, run and retried from a job.

Source: facts lambda-and-others, section 1.3 (two more tries, after one and two minutes).
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from strongroom.base.clock import to_ms
from strongroom.base.running import Invoked
from strongroom.kernel.call import Call
from strongroom.kernel.jobs import due
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import sealed
from strongroom.services.functions.store import events
from strongroom.services.functions.store.tables import Queued
from strongroom.services.functions.targets import Found

JOB = "functions:event"
"""Key: the event's id. Due: when it is to be tried."""
RETRIES = 2
PAUSE = timedelta(minutes=1)
_SOON = timedelta(seconds=5)
_GIVEN_UP = timedelta(hours=6)


def queue_event(call: Call, tx: Transaction, found: Found, payload: bytes, client_context: str | None) -> None:
    """Keep an event, sealed, and have it run as soon as may be."""
    event = {"payload": base64.b64encode(payload).decode("ascii"), "client_context": client_context}
    events.add(
        tx,
        Queued(
            id=call.request_id,
            function_pk=found.function.pk,
            version_pk=found.version.pk,
            function_arn=found.ref.arn,
            created_ms=to_ms(call.now),
            failures=0,
            sealed=sealed.seal_event(call.kernel.keyring, event, call.request_id),
        ),
    )
    due.schedule(tx, kind=JOB, key=call.request_id, due=call.now)


def settle(tx: Transaction, one: Queued, done: Invoked, now: datetime) -> None:
    """Forget an event that was done or has failed often enough; have the others tried again."""
    if done.refused or done.busy:  # it was not run: for want of room, or by a fault of ours
        if to_ms(now) - one.created_ms > _GIVEN_UP // timedelta(milliseconds=1):
            events.drop(tx, one.id)
        else:
            due.schedule(tx, kind=JOB, key=one.id, due=now + _SOON)
    elif (done.failed or done.denied) and one.failures < RETRIES:
        events.failed(tx, one.id)
        due.schedule(tx, kind=JOB, key=one.id, due=now + (one.failures + 1) * PAUSE)
    else:
        events.drop(tx, one.id)
