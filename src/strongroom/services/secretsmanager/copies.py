"""A secret's copies in other Regions, where no caller is there to seal a value for them: labels and dates follow.

A rotation that begins or ends by itself moves labels and writes no value. What needs a value, or a caller's right
to one, is ``replication``'s.
"""

from __future__ import annotations

from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.rules.regions import IN_SYNC
from strongroom.services.secretsmanager.store import Secret

_FOLLOWED = ("changed_ms", "rotation_enabled", "rotation_rules", "rotated_ms", "next_rotation_ms")


def follow(tx: Transaction, primary_pk: int) -> None:
    """Bring labels, reserved versions and dates of every copy that was in step to where the primary's are."""
    primary = store.secrets.secret_by_pk(tx, primary_pk)
    if primary is None or primary.primary_region != primary.region:
        return
    for one in store.replicas.replicas_of(tx, primary_pk):
        copy = None if one.secret_pk is None or one.status != IN_SYNC else store.secrets.secret_by_pk(tx, one.secret_pk)
        if copy is not None:
            _follow(tx, primary, copy)


def _follow(tx: Transaction, primary: Secret, copy: Secret) -> None:
    ours = {one.version_id: one for one in store.versions.versions_of(tx, primary.pk)}
    theirs = {one.version_id: one for one in store.versions.versions_of(tx, copy.pk)}
    held = store.versions.labels_of(tx, primary.pk)
    for version_id in sorted(set(held.values()) - theirs.keys()):
        if ours[version_id].form is not None:
            return  # a value is missing there: the next call that may seal one brings all in step
        reserved = {"secret_pk": copy.pk, "version_id": version_id, "created_ms": ours[version_id].created_ms}
        store.versions.add_version(tx, {**reserved, "kms_key_id": copy.kms_key_id})
    store.versions.write_labels(tx, copy.pk, store.versions.labels_of(tx, copy.pk), held)
    store.versions.remove_versions(tx, copy.pk, [one.pk for one in theirs.values() if one.version_id not in ours])
    store.secrets.change_secret(tx, copy.pk, **{name: getattr(primary, name) for name in _FOLLOWED})
