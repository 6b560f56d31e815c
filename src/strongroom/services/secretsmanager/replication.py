"""Keeps a secret's copies in other Regions in step with it, in the transaction that changes it.

All Regions of a deployment lie in one store, so a copy is never behind by more than a failure of its own.
Each copy is sealed for itself, with the caller's rights: the value is opened under the primary's key and
sealed under the key of the copy's Region, bound to the copy's ARN. Where KMS refuses, that copy is Failed,
says why, and stays as it was; the write stands, and the next write tries again.

Source: facts secretsmanager section 10. Our choice: versions without a label are not copied to a new replica.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.call import Call
from strongroom.kernel.jobs import due
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import envelopes, errors, jobs, store
from strongroom.services.secretsmanager.quotas import QUOTA
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.rules.keys import stored_key
from strongroom.services.secretsmanager.rules.regions import FAILED, IN_PROGRESS, IN_SYNC, NAME_TAKEN
from strongroom.services.secretsmanager.store import Replica, Secret, Version
from strongroom.services.secretsmanager.targets import POLICY_KIND

# What a copy takes over from its primary as it is; tags, policy, versions and labels have rows of their own.
_COPIED = (
    "changed_ms",
    "description",
    "owning_service",
    "type",
    "rotation_lambda_arn",
    "rotation_enabled",
    "rotation_rules",
    "rotation_metadata",
    "rotation_role_arn",
    "rotated_ms",
    "next_rotation_ms",
)


def start(
    call: Call, tx: Transaction, primary: Secret, wanted: Sequence[Mapping[str, Any]], *, overwrite: bool
) -> None:
    """Copy a secret to more Regions, or give a copy another KMS key."""
    have = {one.region: one for one in store.replicas.replicas_of(tx, primary.pk)}
    for each in wanted:
        region = each["Region"]
        key_id = stored_key(each.get("KmsKeyId"), account=primary.account, region=region)
        if region not in have:
            # DIFFERS: replication status.
            made = Replica(primary.pk, region, key_id, IN_PROGRESS, None, None)
            store.replicas.add_replica(tx, made)
        elif "KmsKeyId" in each and key_id != have[region].kms_key_id:
            _change_key(_in_region(call, region), tx, have[region], key_id)
    if primary.primary_region is None:
        store.secrets.change_secret(tx, primary.pk, primary_region=primary.region)
    synchronise(call, tx, primary.pk, overwrite=overwrite)


def synchronise(call: Call, tx: Transaction, primary_pk: int, *, overwrite: bool = False) -> None:
    """Bring every copy of a primary in step with it."""
    primary = store.secrets.secret_by_pk(tx, primary_pk)
    if primary is None:
        return
    opened: dict[str, bytes] = {}
    for one in store.replicas.replicas_of(tx, primary_pk):
        try:
            copy = _copy_of(call, tx, primary, one, overwrite=overwrite)
            _copy_values(call, tx, primary, copy, opened)
        except (ServiceError, Refusal) as refusal:
            if not _concerns_the_copy(refusal):
                raise
            failed = one._replace(status=FAILED, status_message=refusal.message or type(refusal).__name__)
            store.replicas.set_replica(tx, failed)
            continue
        _copy_metadata(tx, primary, copy)
        store.replicas.set_replica(tx, one._replace(status=IN_SYNC, status_message=None, secret_pk=copy.pk))


def remove(tx: Transaction, primary: Secret, regions: Sequence[str]) -> None:
    """Delete copies at once, without a recovery window."""
    for one in store.replicas.replicas_of(tx, primary.pk):
        if one.region in regions:
            copy = None if one.secret_pk is None else store.secrets.secret_by_pk(tx, one.secret_pk)
            store.replicas.drop_replica(tx, primary.pk, one.region)
            if copy is not None:
                jobs.remove(tx, copy)
    _forget_replication(tx, primary.pk)


def promote(tx: Transaction, copy: Secret) -> None:
    """Make a copy a secret of its own; its primary forgets it."""
    if copy.primary_pk is None:
        return
    # Our choice: rotation ran in the primary's Region by a function there; a secret of its own begins without.
    # DIFFERS: promoted copies.
    unrotated = dict.fromkeys([name for name in _COPIED if "rotat" in name])
    store.secrets.change_secret(tx, copy.pk, primary_pk=None, primary_region=None, **unrotated)
    store.replicas.drop_replica(tx, copy.primary_pk, copy.region)
    _forget_replication(tx, copy.primary_pk)


def _forget_replication(tx: Transaction, primary_pk: int) -> None:
    if not store.replicas.replicas_of(tx, primary_pk):
        store.secrets.change_secret(tx, primary_pk, primary_region=None)


def _in_region(call: Call, region: str) -> Call:
    """The same call as it asks KMS of another Region; it shares the records of calls on behalf."""
    return replace(call, region=region)


def _copy_of(call: Call, tx: Transaction, primary: Secret, one: Replica, *, overwrite: bool) -> Secret:
    """The copy's row, made now if there is none."""
    if one.secret_pk is not None:
        found = store.secrets.secret_by_pk(tx, one.secret_pk)
        if found is None:
            raise RuntimeError("a replica without its row")
        return found
    there = store.secrets.find_secret(tx, SecretRef(primary.account, one.region, primary.name))
    if there is not None:
        # A replica of another primary, or a primary with copies of its own, is never overwritten.
        if not overwrite or there.primary_region is not None:
            raise Refusal(Kind.VALIDATION, NAME_TAKEN)
        due.cancel(tx, jobs.PURGE, str(there.pk))
        jobs.remove(tx, there)
    elif store.counts.secrets_of(tx, primary.account, one.region) >= call.kernel.quotas[QUOTA]:
        # Before anything is written, for this fails one copy and leaves the call standing.
        raise errors.LimitExceededException("The account has no room for another secret in this region.")
    store.counts.more(tx, primary.account, one.region)
    made = {
        "account": primary.account,
        "region": one.region,
        "name": primary.name,
        "suffix": primary.suffix,
        "created_ms": primary.created_ms,
        "changed_ms": primary.changed_ms,
        "kms_key_id": one.kms_key_id,
        "primary_pk": primary.pk,
        "primary_region": primary.region,
    }
    copy = store.secrets.add_secret(tx, made)
    # Noted at once: if KMS refuses the values, the next attempt finds this row.
    store.replicas.set_replica(tx, one._replace(secret_pk=copy.pk))
    return copy


def _copy_values(call: Call, tx: Transaction, primary: Secret, copy: Secret, opened: dict[str, bytes]) -> None:
    """Seal for the copy what it lacks, then move its labels.

    Raises what KMS refuses, before any label moves.
    """
    labels = store.versions.labels_of(tx, primary.pk)
    theirs = {one.version_id: one for one in store.versions.versions_of(tx, copy.pk)}
    ours = {one.version_id: one for one in store.versions.versions_of(tx, primary.pk)}
    there = _in_region(call, copy.region)
    # DIFFERS: old versions in copies.
    for version_id in sorted(set(labels.values())):
        have = theirs.get(version_id)
        if have is not None and (have.form is not None or ours[version_id].form is None):
            continue
        values: dict[str, Any] = {
            "form": None,
            "sealed": None,
            "wrapped": None,
            "kms_key_id": copy.kms_key_id,
        }
        source = store.versions.version_by_id(tx, primary.pk, version_id)
        if source is not None and source.form is not None:
            envelopes.refuse_foreign_default(call, copy)
            value = _opened(call, tx, primary, source, opened)
            sealed, wrapped = envelopes.seal(there, tx, copy, version_id, value)
            values |= {"form": source.form, "sealed": sealed, "wrapped": wrapped}
        if have is not None:
            store.versions.fill_version(tx, copy.pk, version_id, values)
        else:
            created = {
                "secret_pk": copy.pk,
                "version_id": version_id,
                "created_ms": ours[version_id].created_ms,
            }
            store.versions.add_version(tx, {**created, **values})
    store.versions.write_labels(tx, copy.pk, store.versions.labels_of(tx, copy.pk), labels)
    store.versions.remove_versions(tx, copy.pk, [one.pk for one in theirs.values() if one.version_id not in ours])


def _opened(call: Call, tx: Transaction, primary: Secret, source: Version, opened: dict[str, bytes]) -> bytes:
    """A value of the primary, opened once however many copies there are."""
    if source.version_id not in opened:
        opened[source.version_id] = envelopes.unseal(call, tx, primary, source)
    return opened[source.version_id]


def _copy_metadata(tx: Transaction, primary: Secret, copy: Secret) -> None:
    store.secrets.change_secret(tx, copy.pk, **{name: getattr(primary, name) for name in _COPIED})
    if primary.tags is not None and primary.tags != copy.tags:
        store.secrets.write_tags(tx, copy.pk, primary.tag_list)
    text = store.secrets.policy_text(tx, primary.pk) if primary.has_policy else None
    if (text is not None or copy.has_policy) and text != store.secrets.policy_text(tx, copy.pk):
        store.secrets.write_policy(tx, copy.pk, text)
        tx.raise_generation(copy.account, POLICY_KIND)


def _change_key(there: Call, tx: Transaction, one: Replica, key_id: str | None) -> None:
    """Another KMS key for a copy: new values go under it, labelled ones are wrapped under it too."""
    store.replicas.set_replica(tx, one._replace(kms_key_id=key_id))
    if one.secret_pk is None:
        return
    store.secrets.change_secret(tx, one.secret_pk, kms_key_id=key_id)
    copy = store.secrets.secret_by_pk(tx, one.secret_pk)
    if copy is None:
        raise RuntimeError("a replica without its row")
    for version_id in sorted(set(store.versions.labels_of(tx, copy.pk).values())):
        version = store.versions.version_by_id(tx, copy.pk, version_id)
        if version is not None:
            envelopes.wrap_again(there, tx, copy, version)


def _concerns_the_copy(refusal: Answerable) -> bool:
    """Whether a refusal fails one copy; a fault of ours or a throttled KMS fails the call."""
    if isinstance(refusal, ServiceError):
        return refusal.service == "secretsmanager" and refusal.http_status < 500
    return isinstance(refusal, Refusal) and refusal.kind in (Kind.ACCESS_DENIED, Kind.VALIDATION)
