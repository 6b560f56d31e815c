"""What happens to keys later: deletion when the window is over, rotation on its day, the end of imported material."""

from __future__ import annotations

from datetime import timedelta

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Job, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import material, rotation, store
from strongroom.services.kms.rules.creation import PRIMARY
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.states import ENABLED, PENDING_DELETION, PENDING_REPLICA_DELETION
from strongroom.services.kms.store import KeyRow

DELETE_KEY = "kms:delete-key"
"""Kind of the job; its key is the number of the row."""
EXPIRE_MATERIAL = "kms:expire-material"
"""Kind of the job; its key is ``expiry_key``."""


def expiry_key(pk: int, material_id: str) -> str:
    """Which material of which key is to expire."""
    return f"{pk} {material_id}"


def delete_key(job: Job, run: JobRun, tx: Transaction) -> None:
    """Delete a key whose window is over, with all that it has: nothing under it opens again.

    A key that is gone, or whose deletion was called off or put off meanwhile, is left alone. With the last replica
    begins the window of a primary that waits for it.
    Source: KMS Developer Guide, "Deleting AWS KMS keys"; the event is CloudTrail's DeleteKey.
    """
    row = store.key_row_by_pk(tx, int(job.key))
    if row is None or row.state != PENDING_DELETION or row.deletion_ms is None:
        return
    if row.deletion_ms > to_ms(run.now):
        return
    for one in store.material_rows(tx, row.pk):
        due.cancel(tx, EXPIRE_MATERIAL, expiry_key(row.pk, one.material_id))
    due.cancel(tx, rotation.ROTATE_KEY, str(row.pk))
    store.drop_key(tx, row.account, row.pk)
    _tell(run, row, "DeleteKey", {})
    if row.multi_region is not None:
        _begin_window(tx, row, run)


def rotate_key(job: Job, run: JobRun, tx: Transaction) -> None:
    """Rotate a key whose day has come, and set the next day. One that cannot be used now is left alone:
    it is rotated once it can be.

    Source: KMS Developer Guide, "Rotate AWS KMS keys"; the event is CloudTrail's RotateKey.
    """
    row = store.key_row_by_pk(tx, int(job.key))
    if row is None or row.state != ENABLED or row.rotation_ms is None or not rotation.leads(row):
        return
    if row.rotation_ms > to_ms(run.now):
        return
    old, new = material.rotate(tx, run.keyring, run.entropy, row, how="AUTOMATIC", now=run.now)
    rotation.go_on(tx, row, run.now)
    _tell(run, row, "RotateKey", rotation.told(row, how="AUTOMATIC", old=old, new=new))
    if rotation.is_spread(tx, row):
        _tell(run, row, rotation.SYNCHRONISED, {})


def expire_material(job: Job, run: JobRun, tx: Transaction) -> None:
    """Forget imported material whose time is over. What was imported again meanwhile has another end.

    Source: KMS Developer Guide, "Importing key material"; the event is CloudTrail's DeleteExpiredKeyMaterial.
    """
    pk, _, material_id = job.key.partition(" ")
    row = store.key_row_by_pk(tx, int(pk))
    one = store.material_row(tx, int(pk), material_id)
    if row is None or one is None or not one.held or one.valid_to_ms is None or one.valid_to_ms > to_ms(run.now):
        return
    material.let_go(tx, run.keyring, row, one)
    _tell(run, row, "DeleteExpiredKeyMaterial", {"keyMaterialId": material_id})


def _begin_window(tx: Transaction, gone: KeyRow, run: JobRun) -> None:
    left = store.related_keys(tx, gone.account, gone.key_id)
    if len(left) != 1 or left[0].multi_region != PRIMARY or left[0].state != PENDING_REPLICA_DELETION:
        return
    moment = run.now + timedelta(days=left[0].window_days or 0)
    store.change_key(tx, gone.account, left[0].pk, state=PENDING_DELETION, deletion_ms=to_ms(moment), window_days=None)
    due.schedule(tx, kind=DELETE_KEY, key=str(left[0].pk), due=from_ms(to_ms(moment)))


def _tell(run: JobRun, row: KeyRow, name: str, details: dict[str, str | None]) -> None:
    arn = KeyName(row.account, row.region, row.key_id).arn
    run.record(service="kms", name=name, account=row.account, region=row.region, details={"keyId": arn, **details})
