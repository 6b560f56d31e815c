"""What happens later: a secret whose recovery window has passed goes for good, a scheduled rotation begins."""

from __future__ import annotations

from strongroom.base.clock import to_ms
from strongroom.base.entropy import uuid4
from strongroom.kernel.registry import Job, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import removals, rotation, store
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import POLICY_KIND

PURGE = "secretsmanager:purge"
"""Key: the secret's number. Due: the end of its recovery window."""


def purge(job: Job, run: JobRun, tx: Transaction) -> None:
    """Delete one secret for good, if it is still scheduled and due; record the end of each version.

    Source: facts secretsmanager sections 8 and 14.2 (EndSecretVersionDelete).
    """
    one = store.secrets.secret_by_pk(tx, int(job.key))
    # Restored or deleted again since the job was taken: the newer schedule has its own job.
    if one is None or one.deleted_ms is None or one.deleted_ms > to_ms(run.now):
        return
    arn = one.arn
    for version in store.versions.versions_of(tx, one.pk):
        run.record(
            service="secretsmanager",
            name=removals.END,
            account=one.account,
            region=one.region,
            details={"SecretId": arn, "SecretVersionId": version.version_id},
        )
    remove(tx, one)


def rotate(job: Job, run: JobRun, tx: Transaction) -> None:
    """Begin the rotation that a secret's schedule asks for, where it still does."""
    one = store.secrets.secret_by_pk(tx, int(job.key))
    if one is None or one.deleted_ms is not None or one.primary_pk is not None or not one.rotation_enabled:
        return
    rotation.come_due(rotation.of_job(run, one.region), tx, one, uuid4(run.entropy))


def remove(tx: Transaction, one: Secret) -> None:
    """Delete every row of a secret, its planned rotation too, and forget its compiled policy."""
    rotation.disarm(tx, one)
    store.secrets.purge(tx, one.pk)
    store.counts.one_less(tx, one.account, one.region)
    if one.has_policy:
        tx.raise_generation(one.account, POLICY_KIND)
