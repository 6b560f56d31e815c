"""DeleteSecret and RestoreSecret."""

from __future__ import annotations

from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import pick
from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, jobs, removals, rotation, store
from strongroom.services.secretsmanager.room import change_ms, on_secret
from strongroom.services.secretsmanager.rules import deletion
from strongroom.services.secretsmanager.rules.identifiers import (
    SUFFIX_ALPHABET,
    SUFFIX_LENGTH,
    read_secret_id,
    secret_arn,
)
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import absent, present


def _problem(call: Call) -> Answerable | None:
    try:
        deletion.check_deletion(
            window_days=call.get("RecoveryWindowInDays"), force=call.get("ForceDeleteWithoutRecovery", False)
        )
    except errors.InvalidParameterException as problem:
        return problem
    return None


def deleted_at(call: Call, tx: Transaction) -> Target:
    """The locator of DeleteSecret: by force, a secret that does not exist is no error."""
    ref = read_secret_id(call["SecretId"], account=call.account, region=call.region)
    problem = _problem(call)
    found = store.secrets.find_secret(tx, ref) if ref.region == call.region else None
    if found is not None:
        return present(tx, found, None if problem else found, problem)
    forced = call.get("ForceDeleteWithoutRecovery", False)
    return absent(ref, call["SecretId"], problem or (None if forced else errors.no_such_secret()))


@on_secret("DeleteSecret", mode=Mode.WRITE, locate=deleted_at)
def delete_secret(call: Call, one: Secret | None, tx: Transaction) -> Answer:
    """Schedule a secret for deletion, or by force delete it in this very call.

    Source: API reference, DeleteSecret; facts secretsmanager sections 6.12 and 8.
    """
    force = call.get("ForceDeleteWithoutRecovery", False)
    if one is None:
        return _deleted_nothing(call)
    regions = store.secrets.replica_regions(tx, one.pk)
    if regions:
        listed = ", ".join(regions)
        raise errors.InvalidParameterException(
            f"You can't delete secret {one.arn} that still has replica regions [{listed}]."
        )
    if force:
        due.cancel(tx, kind=jobs.PURGE, key=str(one.pk))
        told = (removals.START, removals.END) if one.deleted_ms is None else (removals.END,)
        removals.tell(call, one, store.versions.versions_of(tx, one.pk), *told)
        # DIFFERS: forced deletion.
        jobs.remove(tx, one)
        return {"ARN": one.arn, "Name": one.name, "DeletionDate": call.now}
    if one.deleted_ms is not None:
        raise errors.InvalidRequestException(errors.MARKED)
    moment = deletion.deletion_moment(call.now, call.get("RecoveryWindowInDays"))
    store.secrets.change_secret(tx, one.pk, deleted_ms=to_ms(moment), changed_ms=change_ms(call, one))
    removals.tell(call, one, store.versions.versions_of(tx, one.pk), removals.START)
    rotation.disarm(tx, one)
    due.schedule(tx, kind=jobs.PURGE, key=str(one.pk), due=moment)
    return {"ARN": one.arn, "Name": one.name, "DeletionDate": from_ms(to_ms(moment))}


def _deleted_nothing(call: Call) -> Answer:
    """The answer to a forced deletion of what never was.

    Our choice: a bare name gets six characters of its own.
    """
    ref = read_secret_id(call["SecretId"], account=call.account, region=call.region)
    suffix = ref.suffix or pick(call.kernel.entropy, SUFFIX_ALPHABET, SUFFIX_LENGTH)
    return {
        "ARN": secret_arn(ref.account, ref.region, ref.name, suffix),
        "Name": ref.name,
        "DeletionDate": call.now,
    }


@on_secret("RestoreSecret", mode=Mode.WRITE)
def restore_secret(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Take back a scheduled deletion: everything is as it was. A live secret is left as it is.

    Source: API reference, RestoreSecret; facts secretsmanager section 6.13.
    """
    # DIFFERS: restoring a live secret.
    if one.deleted_ms is not None:
        due.cancel(tx, kind=jobs.PURGE, key=str(one.pk))
        store.secrets.change_secret(tx, one.pk, deleted_ms=None, changed_ms=change_ms(call, one))
        removals.tell(call, one, store.versions.versions_of(tx, one.pk), removals.CANCEL)
        rotation.arm_again(rotation.of_call(call), tx, one)
    return {"ARN": one.arn, "Name": one.name}
