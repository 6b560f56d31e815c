"""Once an hour the secrets are counted, and points that are too old go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from strongroom.base.clock import to_ms
from strongroom.kernel.feed import rows as feed
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Census, Errand, Job, JobHandler, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import store

HOUR = "metrics:hour"
"""Kind of the one job, whose key is empty."""
_EVERY = timedelta(hours=1)


def plan(tx: Transaction, now: datetime) -> None:
    """Have the secrets counted now, and from then on each hour."""
    due.schedule(tx, kind=HOUR, key="", due=now)


def hourly(read: Callable[[], AbstractContextManager[Transaction]], census: Census) -> Errand:
    """The errand: it counts in a reading transaction, so that no writer waits for a scan of all secrets."""

    def errand(_: Job) -> JobHandler:
        with read() as tx:
            counted = census(tx)

        def write(job: Job, run: JobRun, tx: Transaction) -> None:  # noqa: ARG001
            now_ms = to_ms(run.now)
            store.count_secrets(tx, counted, now_ms)
            store.forget_old(tx, now_ms)
            feed.forget_old(tx, now_ms)
            whole = run.now.replace(minute=0, second=0, microsecond=0)
            due.schedule(tx, kind=HOUR, key="", due=whole + _EVERY)

        return write

    return errand
