"""The life of a rotation: begun, tried, ended; and the schedule that begins the next.

A rotation reserves its version before anything runs: the id is there with AWSPENDING and has no value yet. Whoever
runs rotations takes the pending rows that are due (``store.rotations.to_run``), asks the function step by step
outside any transaction, and says here what came of it: ``succeeded`` or ``failed``. All else ends rotations from
outside: a value written by hand, CancelRotateSecret. Whatever happens, the version that a rotation has filled
stays, for its value may be the one that the target takes now.

Source: Secrets Manager User Guide, "How rotation works" (facts: secretsmanager, section 9; rotation, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import Entropy
from strongroom.kernel.call import Call
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.rules import labels, schedules
from strongroom.services.secretsmanager.rules.labels import Labels
from strongroom.services.secretsmanager.store import Rotation, Secret, rotations

SCHEDULED = "secretsmanager:rotate"
"""The job that begins a scheduled rotation. Key: the secret's number. Due: a moment inside its next window."""

RUN = "secretsmanager:rotation"
"""The errand that runs one rotation. Key: its number. Due: at once, or when the next attempt is."""

MESSAGE_CHARS = 1024


class Tell(Protocol):
    """Records one AwsServiceEvent with what is being changed."""

    def __call__(
        self,
        name: str,
        *,
        account: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Record it."""
        ...


@dataclass(frozen=True, slots=True)
class Hand:
    """What a change has in hand, whether a call or a job makes it: time, chance and the record."""

    now: datetime
    entropy: Entropy
    tell: Tell


def of_call(call: Call) -> Hand:
    """For a change that a call makes."""
    return Hand(call.now, call.kernel.entropy, call.tell)


def of_job(run: JobRun, region: str) -> Hand:
    """For a change that a job makes about a secret of a Region."""

    def tell(
        name: str,
        *,
        account: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        run.record(
            service="secretsmanager",
            name=name,
            account=account,
            region=region,
            details=details,
            request_id=request_id,
            error_message=error_message,
        )

    return Hand(run.now, run.entropy, tell)


# ---------------------------------------------------------------------- the schedule


def rules_of(one: Secret) -> dict[str, Any]:
    """RotationRules as they were given; {} where there are none."""
    return {} if one.rotation_rules is None else schedules.stored_rules(orjson.loads(one.rotation_rules))


def arm(hand: Hand, tx: Transaction, one: Secret, last: datetime) -> None:
    """Plan the next rotation, counted from the last one, and show when; forget it where rotation has no schedule."""
    rules = rules_of(one)
    schedule = schedules.read_rules(rules) if one.rotation_enabled else None
    if schedule is None:
        disarm(tx, one)
        store.secrets.change_secret(tx, one.pk, next_rotation_ms=None)
        return
    window = schedule.next(last, hand.now)
    _plan(hand, tx, one, window)
    store.secrets.change_secret(
        tx,
        one.pk,
        next_rotation_ms=to_ms(window.shown),
        rotation_rules=orjson.dumps(schedules.shown_rules(rules, last)).decode(),
    )


def arm_again(hand: Hand, tx: Transaction, one: Secret) -> None:
    """Plan the next rotation of a secret whose plan was dropped (a deletion taken back)."""
    if one.rotation_enabled:
        arm(hand, tx, one, hand.now if one.rotated_ms is None else from_ms(one.rotated_ms))


def disarm(tx: Transaction, one: Secret) -> None:
    """Drop the plan, and nothing else."""
    due.cancel(tx, kind=SCHEDULED, key=str(one.pk))


def _plan(hand: Hand, tx: Transaction, one: Secret, window: schedules.Window) -> None:
    chance = int.from_bytes(hand.entropy.take(8), "big")
    moment = schedules.moment_in(window, hand.now, chance)
    due.schedule(tx, kind=SCHEDULED, key=str(one.pk), due=moment)


def come_due(hand: Hand, tx: Transaction, one: Secret, token: str) -> None:
    """A window has come: begin a rotation unless the one before is not complete, and plan the one after next.

    The plan goes on whatever becomes of this rotation; NextRotationDate stays, and so may lie in the past, until a
    rotation has succeeded.
    """
    schedule = schedules.read_rules(rules_of(one))
    if schedule is None:
        return
    if not is_incomplete(store.versions.labels_of(tx, one.pk)):
        begin(hand, tx, one, token, test=False)
    _plan(hand, tx, one, schedule.after(hand.now))


# ---------------------------------------------------------------------- one rotation


def is_incomplete(held: Labels) -> bool:
    """Whether AWSPENDING says that a rotation is not complete: it is there, and not on the current version."""
    pending = held.get(labels.PENDING)
    return pending is not None and pending != held.get(labels.CURRENT)


def begin(hand: Hand, tx: Transaction, one: Secret, token: str, *, test: bool) -> Rotation:
    """Reserve the version of a rotation, without a value, and have it run."""
    before = store.versions.labels_of(tx, one.pk)
    earlier = rotations.under_way(tx, one.pk)
    if earlier is not None:
        # Its label is gone or its version is current, else none could begin.
        made = before.get(labels.CURRENT) == earlier.version_id
        rotations.end(tx, earlier.pk, rotations.SUCCEEDED if made else rotations.ABANDONED, to_ms(hand.now))
    reserved = {"secret_pk": one.pk, "version_id": token, "created_ms": to_ms(hand.now), "kms_key_id": one.kms_key_id}
    store.versions.add_version(tx, reserved)
    after = labels.moved(before, labels.Change.RESERVED, token)
    store.versions.write_labels(tx, one.pk, before, after)
    begun = rotations.add(tx, secret_pk=one.pk, version_id=token, test=test, began_ms=to_ms(hand.now))
    due.schedule(tx, kind=RUN, key=str(begun.pk), due=hand.now)
    _tell(hand, one, begun, "Started")
    return begun


def succeeded(hand: Hand, tx: Transaction, one: Secret, rotation: Rotation) -> bool:
    """All steps were done: AWSPENDING goes, the dates are set, and the next rotation is planned from now.

    Of a test nothing stays but its history. Answers whether the rotation had not ended meanwhile: else nothing is
    done.
    """
    if not _is_pending(tx, rotation):
        return False
    before = store.versions.labels_of(tx, one.pk)
    if before.get(labels.PENDING) == rotation.version_id:
        after = {name: version for name, version in before.items() if name != labels.PENDING}
        store.versions.write_labels(tx, one.pk, before, after)
    rotations.end(tx, rotation.pk, rotations.SUCCEEDED, to_ms(hand.now))
    if rotation.test:
        _forget_reservation(tx, one, rotation)
    else:
        store.secrets.change_secret(tx, one.pk, rotated_ms=to_ms(hand.now))
        if one.rotation_enabled:
            arm(hand, tx, one, hand.now)
    _tell(hand, one, rotation, "Succeeded")
    return True


def failed(hand: Hand, tx: Transaction, one: Secret, rotation: Rotation, failure: Failure) -> bool:
    """An attempt did not come through: the version stays reserved or filled, and the same one is tried again.

    Answers as ``succeeded`` does.
    """
    if not _is_pending(tx, rotation):
        return False
    rotations.note_failure(
        tx,
        rotation.pk,
        step=failure.step,
        message=failure.message[:MESSAGE_CHARS],
        next_ms=to_ms(failure.again),
    )
    due.schedule(tx, kind=RUN, key=str(rotation.pk), due=failure.again)
    told = f"Error when executing lambda {one.rotation_lambda_arn} during {failure.step} step"
    _tell(hand, one, rotation, "Failed", told)
    return True


@dataclass(frozen=True, slots=True)
class Failure:
    """Where an attempt failed, why in the target's words, and when to try again. ``message`` holds no value."""

    step: str
    message: str
    again: datetime


def labels_moved(hand: Hand, tx: Transaction, one: Secret, before: Labels, after: Labels) -> None:
    """Somebody moved labels: a rotation whose version lost AWSPENDING without becoming current is abandoned.

    Source: facts secretsmanager sections 4 and 9.2 (RotationAbandoned).
    """
    pending = before.get(labels.PENDING)
    if pending is None or pending in (after.get(labels.PENDING), after.get(labels.CURRENT), before.get(labels.CURRENT)):
        return
    running = rotations.under_way(tx, one.pk)
    if running is not None and running.version_id == pending:
        rotations.end(tx, running.pk, rotations.ABANDONED, to_ms(hand.now))
        _tell(hand, one, running, "Abandoned")


def value_written(hand: Hand, tx: Transaction, one: Secret) -> None:
    """A value was written by hand and is current: to a schedule that counts from the last rotation, it is one.

    Source: API reference, RotationRulesType, AutomaticallyAfterDays.
    """
    if one.rotation_enabled:
        schedule = schedules.read_rules(rules_of(one))
        if schedule is not None and schedule.from_last:
            arm(hand, tx, one, hand.now)


def cancel(hand: Hand, tx: Transaction, one: Secret) -> Rotation | None:
    """Turn rotation off; answers the rotation that was under way, whose labels stay as they are."""
    disarm(tx, one)
    running = rotations.under_way(tx, one.pk)
    if running is not None:
        rotations.end(tx, running.pk, rotations.CANCELLED, to_ms(hand.now))
    return running


def _is_pending(tx: Transaction, rotation: Rotation) -> bool:
    found = rotations.of_version(tx, rotation.secret_pk, rotation.version_id)
    return found is not None and found.state == rotations.PENDING


def _forget_reservation(tx: Transaction, one: Secret, rotation: Rotation) -> None:
    version = store.versions.version_by_id(tx, one.pk, rotation.version_id)
    if version is not None and version.form is None and not version.stages:
        store.versions.remove_versions(tx, [version.pk])


def _tell(hand: Hand, one: Secret, rotation: Rotation, what: str, error_message: str | None = None) -> None:
    """Record a rotation event. Source: facts secretsmanager section 14.2, its shape and its requestID.

    Our choice: a test that is abandoned is recorded as a failed test, the only name that AWS has for it.
    """
    if rotation.test:
        name = "TestRotation" + ("Failed" if what == "Abandoned" else what)
    else:
        name = "Rotation" + what
    hand.tell(
        name,
        account=one.account,
        details={"SecretId": one.arn},
        request_id=f"Rotation-{one.arn}-{rotation.version_id}",
        error_message=error_message,
    )
