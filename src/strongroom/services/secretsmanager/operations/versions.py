"""Versions and their labels: ListSecretVersionIds, UpdateSecretVersionStage."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, pages, rotation, store
from strongroom.services.secretsmanager.room import change_ms, on_secret
from strongroom.services.secretsmanager.rules import labels
from strongroom.services.secretsmanager.shown import listed_version
from strongroom.services.secretsmanager.store import Secret

PAGE_MAX = 100


@on_secret("ListSecretVersionIds", mode=Mode.READ)
def list_secret_version_ids(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Answer with a page of a secret's versions, oldest first; deprecated ones only if asked for.

    Source: API reference, ListSecretVersionIds; facts secretsmanager section 6.8.
    """
    limit = call.get("MaxResults", PAGE_MAX)
    found = store.listing.versions_page(
        tx,
        one.pk,
        deprecated_too=call.get("IncludeDeprecated", False),
        after=pages.place_after(call),
        limit=limit + 1,
    )
    earlier = store.versions.earlier_key_ids(tx, one.pk) if found else {}
    page = found[:limit]
    answer = {
        "ARN": one.arn,
        "Name": one.name,
        "Versions": [listed_version(each, earlier.get(each.pk, ())) for each in page],
    }
    if len(found) > limit:
        answer["NextToken"] = pages.token_for(call, (page[-1].created_ms, page[-1].pk))
    return answer


@on_secret("UpdateSecretVersionStage", mode=Mode.WRITE)
def update_secret_version_stage(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Put a label on a version, move it from another, or take it off.

    Source: API reference, UpdateSecretVersionStage; facts secretsmanager sections 4 and 6.9.
    """
    label, move_to = call["VersionStage"], call.get("MoveToVersionId")
    target = None
    if move_to is not None:
        target = store.versions.version_by_id(tx, one.pk, move_to)
        if target is None:
            raise errors.no_such_version(move_to)
    before = store.versions.labels_of(tx, one.pk)
    after = labels.restaged(before, label, remove_from=call.get("RemoveFromVersionId"), move_to=move_to)
    if target is not None and target.form is None and label == labels.CURRENT:
        # DIFFERS: reserved versions.
        # Our choice: a current version that nobody could read would break every reader of the secret.
        raise errors.InvalidRequestException(
            f"You can't move staging label {label} to version {move_to} because it has no value yet."
        )
    if after != before:
        store.versions.write_labels(tx, one.pk, before, after)
        if one.rotation_enabled is not None:
            rotation.labels_moved(rotation.of_call(call), tx, one, before, after)
        store.secrets.change_secret(tx, one.pk, changed_ms=change_ms(call, one))
    return {"ARN": one.arn, "Name": one.name}
