"""What happens to keys later: deletion when the window is over."""

from __future__ import annotations

from strongroom.base.clock import to_ms
from strongroom.kernel.registry import Job, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.states import PENDING_DELETION

DELETE_KEY = "kms:delete-key"
"""Kind of the job; its key is the number of the row."""


def delete_key(job: Job, run: JobRun, tx: Transaction) -> None:
    """Delete a key whose window is over, with its material, tags and aliases: nothing under it opens again.

    A key that is gone, or whose deletion was called off or put off meanwhile, is left alone.
    Source: KMS Developer Guide, "Deleting AWS KMS keys"; the event is CloudTrail's DeleteKey.
    """
    row = store.key_row_by_pk(tx, int(job.key))
    if row is None or row.state != PENDING_DELETION or row.deletion_ms is None:
        return
    if row.deletion_ms > to_ms(run.now):
        return
    store.drop_key(tx, row.account, row.pk)
    arn = KeyName(row.account, row.region, row.key_id).arn
    run.record(
        service="kms", name="DeleteKey", account=row.account, region=row.region, details={"keyId": arn}
    )
