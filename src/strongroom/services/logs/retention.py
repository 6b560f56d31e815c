"""Events that are older than their group keeps them are deleted, once a day."""

from __future__ import annotations

from datetime import timedelta

from strongroom.base.clock import to_ms
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Job, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.logs import store

JOB = "logs:retention"
"""Key: the group's number."""
EVERY = timedelta(days=1)


def forget_old(job: Job, run: JobRun, tx: Transaction) -> None:
    """Delete what is too old in one group, and come again tomorrow while it has a retention."""
    one = store.group_by_pk(tx, int(job.key))
    if one is None or one.retention_days is None:
        return
    store.forget(tx, one.pk, to_ms(run.now - timedelta(days=one.retention_days)))
    due.schedule(tx, kind=JOB, key=job.key, due=run.now + EVERY)
