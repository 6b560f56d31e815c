"""Values: GetSecretValue, PutSecretValue, and how a value is written and read by any operation."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from strongroom.base.clock import EPOCH, from_ms, to_ms
from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Remembered, Repeat, Target
from strongroom.kernel.registry import Alike, Mode
from strongroom.kernel.sealing.envelope import HeldValue
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.services.secretsmanager import envelopes, errors, removals, rotation, sealed, store
from strongroom.services.secretsmanager.conditions import request_keys
from strongroom.services.secretsmanager.room import ROOM, change_ms, on_secret, refuse_in_special_state
from strongroom.services.secretsmanager.rules import deletion, labels
from strongroom.services.secretsmanager.rules.tokens import Token, same_value, token_case
from strongroom.services.secretsmanager.rules.values import answered, token_problem, value_of, value_problem
from strongroom.services.secretsmanager.store import Secret, Version
from strongroom.services.secretsmanager.store.tables import stages_of
from strongroom.services.secretsmanager.store.versions import Current
from strongroom.services.secretsmanager.targets import current_at, value_at

DAY_MS = 86_400_000
PLAIN = re.compile(rb'\{"SecretId": ?"(?P<SecretId>[A-Za-z0-9/_+=.@!:-]{1,2048})"\}')
"""What SDKs send for a current value."""
REPEATED_BYTES_AT_MOST = 4096
"""Longer values are looked up anew each time: what is kept of a snapshot is bounded."""


def _family(params: Mapping[str, Any]) -> Hashable | None:
    """Reads of current values by name alone are alike."""
    return () if len(params) == 1 else None


def _repeat(call: Call, target: Target, found: Current, tx: Transaction) -> Repeat | None:
    """What ``get_secret_value`` says of a current value that nothing stands in the way of; else None."""
    version_id, form, sealed, wrapped = found.version_id, found.form, found.sealed, found.wrapped
    if found.special or version_id is None or form is None or sealed is None or wrapped is None:
        return None
    today, until = _day(call.now)
    if found.accessed_day < today or len(sealed) > REPEATED_BYTES_AT_MOST:
        return None
    arn = target.arn
    known = envelopes.held_alike(call, tx, arn, version_id, sealed, wrapped)
    if known is None:
        return None
    stays = _stays(arn, found.name, version_id, found.created_ms, stages_of(found.labels))
    return Repeat(stays, partial(_again, known[0], known[1], form, until))


@ROOM.operation(
    "GetSecretValue",
    mode=Mode.READ,
    locate=value_at,
    keys=request_keys("GetSecretValue"),
    steady=True,
    alike=Alike(_family, current_at, _repeat, plain=PLAIN),
)
def get_secret_value(call: Call, found: tuple[Secret, Version | None], tx: Transaction) -> Answer:
    """Answer with one version of a secret: by id, by label, or the current one.

    The first read of a version in a day sets its LastAccessedDate, so that call runs again as a write.
    Source: API reference, GetSecretValue; facts secretsmanager section 6.4.
    """
    one, version = found
    refuse_in_special_state("GetSecretValue", one)
    envelopes.refuse_foreign_default(call, one)
    version_id, stage = call.get("VersionId"), call.get("VersionStage")
    if version is None or version.form is None:
        raise (errors.no_such_version(version_id) if version_id else errors.no_such_stage(stage or labels.CURRENT))
    stages = version.stages
    if version_id and stage and stage not in stages:
        raise errors.InvalidRequestException(errors.STAGE_NOT_OF_VERSION)
    today, until = _day(call.now)
    if version.accessed_day < today and not tx.writable:
        raise NeedsWrite
    held = envelopes.held(call, tx, one, version)
    value = envelopes.opened(held, version)
    if version.accessed_day < today:
        store.versions.mark_read(tx, one.pk, version.pk, today)
    stays = _stays(one.arn, one.name, version.version_id, version.created_ms, stages)
    asked = call.asked if call.asks == 1 else None
    if asked is not None and len(value) <= REPEATED_BYTES_AT_MOST:
        call.repeats(stays, partial(_again, asked, held, version.form, until))
    return {**stays, **answered(version.form, value)}


_last_day = (0, EPOCH, EPOCH)


def _day(now: datetime) -> tuple[int, datetime]:
    """Midnight before a moment in ms, and the moment when that day ends."""
    global _last_day  # noqa: PLW0603  one tuple, replaced whole: threads may race here, none sees a mixture
    day = _last_day
    if not day[1] <= now < day[2]:
        now_ms = to_ms(now)
        today = now_ms - now_ms % DAY_MS
        day = _last_day = (today, from_ms(today), from_ms(today + DAY_MS))
    return day[0], day[2]


def _stays(arn: str, name: str, version_id: str, created_ms: int, stages: list[str]) -> dict[str, Any]:
    """The answer but for the value."""
    stays: dict[str, Any] = {"ARN": arn, "Name": name, "VersionId": version_id, "CreatedDate": from_ms(created_ms)}
    if stages:
        stays["VersionStages"] = stages
    return stays


def _again(asked: Remembered, held: HeldValue, form: str, until: datetime, call: Call) -> Answer | None:
    """The value alone, decrypted anew; None from the next day on, when its LastAccessedDate is due."""
    if call.now >= until:
        return None
    call.repeat(asked)
    return answered(form, held.open())


def _put_problem(params: Any) -> Answerable | None:
    return token_problem(params) or value_problem(params, required=True)


def _put_foreseen(call: Call, target: Target) -> bool:
    """Whether a put is the plain case: of the own account's secret that has neither rotation nor copies.

    Of the others more is looked at than a snapshot can promise to its writer.
    """
    one: Secret | None = target.found
    return (
        one is not None
        and one.rotation_enabled is None
        and one.primary_region is None
        and one.account == call.account
        and "RotationToken" not in call.params
    )


@on_secret("PutSecretValue", mode=Mode.WRITE, check=_put_problem, foreseen=_put_foreseen)
def put_secret_value(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Store a value as a new version, which becomes current unless other labels are named.

    Source: API reference, PutSecretValue; facts secretsmanager sections 4, 5 and 6.2.
    """
    envelopes.refuse_foreign_default(call, one)
    _prove_origin(call, tx, one)
    stages = write_value(call, tx, one, named=tuple(call.get("VersionStages", ())))
    return {
        "ARN": one.arn,
        "Name": one.name,
        "VersionId": call["ClientRequestToken"],
        "VersionStages": stages,
    }


def _prove_origin(call: Call, tx: Transaction, one: Secret) -> None:
    """Prove that a value for a rotation comes from that rotation, where its RotationToken is given or needed.

    Needed: the caller is of another account than the secret. Raises InvalidParameterException.
    Source: API reference, PutSecretValue, RotationToken. Our choice: code and text.
    """
    given = call.get("RotationToken")
    running = store.rotations.under_way(tx, one.pk) if given or call.account != one.account else None
    is_its_version = running is not None and running.version_id == call["ClientRequestToken"]
    if running is None or not is_its_version:
        if given:
            raise errors.InvalidParameterException(errors.NOT_ITS_TOKEN)
        return
    if not given or not sealed.is_token(call.kernel.keyring, running.token, running.version_id, given):
        # DIFFERS: proof of origin.
        raise errors.InvalidParameterException(errors.NOT_ITS_TOKEN)


def write_value(call: Call, tx: Transaction, one: Secret, *, named: tuple[str, ...] = ()) -> list[str]:
    """Store the request's value as the version that its token names; answers that version's labels.

    A repeated token with the same value stores nothing. Raises ResourceExistsException where the value
    differs.
    """
    value = value_of(call.params)
    if value is None:
        raise errors.InvalidRequestException(errors.NO_VALUE_GIVEN)
    version_id = call["ClientRequestToken"]
    stood = store.versions.standing_of(tx, one.pk, version_id)
    existing = None if not stood.named else store.versions.version_by_id(tx, one.pk, version_id)
    case = case_of_token(call, tx, one, existing, value)
    if case is Token.CLASHES:
        raise errors.token_in_use(version_id, one.arn)
    if case is Token.REPEATS and existing is not None:
        return existing.stages
    form, plaintext = value
    ciphertext, wrapped = envelopes.seal(call, tx, one, version_id, plaintext)
    made = {"form": form, "sealed": ciphertext, "wrapped": wrapped, "kms_key_id": one.kms_key_id}
    moment = change_ms(call, one)
    before = stood.labels
    after = labels.moved(before, labels.change_of_value(before, named), version_id, named)
    stages = labels.of_version(after, version_id)
    count, listed = stood.versions, None
    if stood.named:
        store.versions.fill_version(tx, one.pk, version_id, made)
    else:
        added = {"secret_pk": one.pk, "version_id": version_id, "created_ms": moment, **made}
        store.versions.add_version(tx, added, stages)
        count, listed = count + 1, version_id
    store.versions.write_labels(tx, one.pk, before, after, listed=listed)
    store.secrets.change_secret(tx, one.pk, changed_ms=moment)
    if one.rotation_enabled is not None:
        hand = rotation.of_call(call)
        rotation.labels_moved(hand, tx, one, before, after)
        if after.get(labels.CURRENT) == version_id:
            rotation.value_written(hand, tx, one)
    if count > deletion.VERSIONS_KEPT:
        remove_outdated(call, tx, one)
    return list(stages)


def case_of_token(
    call: Call, tx: Transaction, one: Secret, existing: Version | None, value: tuple[str, bytes]
) -> Token:
    """What the request's token means; opens the stored value only where the token names one."""
    if existing is None or existing.form is None:
        return token_case(exists=existing is not None, has_value=False, same_value=False)
    stored = (existing.form, envelopes.unseal(call, tx, one, existing))
    return token_case(exists=True, has_value=True, same_value=same_value(stored, value))


def remove_outdated(call: Call, tx: Transaction, one: Secret) -> None:
    """Remove old versions above the quota; never one that a rotation has filled and not finished.

    Raises LimitExceededException where too many must stay.
    """
    versions = store.versions.versions_of(tx, one.pk)
    if len(versions) <= deletion.VERSIONS_KEPT:
        return
    needed = store.rotations.unfinished_versions(tx, one.pk) if one.rotation_enabled is not None else frozenset()
    known = [
        (
            each.pk,
            from_ms(each.created_ms),
            each.labels != "[]" or (each.form is not None and each.version_id in needed),
        )
        for each in versions
    ]
    gone = frozenset(deletion.outdated(known, call.now))
    if gone:
        removals.tell(call, one, [each for each in versions if each.pk in gone], removals.START, removals.END)
        store.versions.remove_versions(tx, one.pk, sorted(gone))
