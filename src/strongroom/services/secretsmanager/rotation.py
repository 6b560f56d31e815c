"""The life of a rotation: begun, tried, ended; and the schedule that begins the next.

A rotation reserves its version before anything runs: the id is there with AWSPENDING and has no value yet. Whoever
runs rotations (``running``) is told of them by a job each, asks the function step by step outside any transaction,
and says here what came of it: ``succeeded`` or ``failed``. All else ends rotations from outside: a value written by
hand, CancelRotateSecret. Whatever happens, the version that a rotation has filled stays, for its value may be the
one that the target takes now.

Source: Secrets Manager User Guide, "How rotation works" (facts: secretsmanager, section 9; rotation, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel.call import Call
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import JobRun
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import copies, sealed, store
from strongroom.services.secretsmanager.rules import labels, schedules
from strongroom.services.secretsmanager.rules.labels import Labels
from strongroom.services.secretsmanager.store import Rotation, Secret, attempts, rotations
from strongroom.services.secretsmanager.store.attempts import Attempt

SERVICE = "secretsmanager"

SCHEDULED = "secretsmanager:rotate"
"""The job that begins a scheduled rotation. Key: the secret's number. Due: a moment inside its next window."""

RUN = "secretsmanager:rotation"
"""The errand that runs one rotation. Key: its number. Due: at once, or when the next attempt is."""

RECENT = 10
KEPT_MOST = 100
"""How far back rotations are looked at for values that a target may have."""

RETRIES = "retries"
"""The lane of second and further attempts: targets that are down must not keep those waiting that are well."""


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
    """What a change has in hand, whether a call or a job makes it: time, chance, seals and the record."""

    now: datetime
    entropy: Entropy
    keyring: Keyring
    tell: Tell


def of_call(call: Call) -> Hand:
    """For a change that a call makes; what is told of a rotation is Secrets Manager's, whoever was called."""
    told = call if call.service == SERVICE else replace(call, service=SERVICE)
    return Hand(call.now, call.kernel.entropy, call.kernel.keyring, told.tell)


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
            service=SERVICE,
            name=name,
            account=account,
            region=region,
            details=details,
            request_id=request_id,
            error_message=error_message,
        )

    return Hand(run.now, run.entropy, run.keyring, tell)


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
    """Go on with a secret whose deletion was taken back: its next rotation is planned, one under way runs on."""
    if one.rotation_enabled:
        arm(hand, tx, one, hand.now if one.rotated_ms is None else from_ms(one.rotated_ms))
    running = rotations.under_way(tx, one.pk)
    if running is not None:
        run_at(tx, one, running, hand.now)


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
        copies.follow(tx, one.pk)
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
    proof = sealed.seal_token(hand.keyring, uuid4(hand.entropy), token)
    begun = rotations.add(tx, secret_pk=one.pk, version_id=token, test=test, began_ms=to_ms(hand.now), token=proof)
    _schedule(tx, one, begun, hand.now)
    _tell(hand, one, begun, "Started")
    return begun


def run_at(tx: Transaction, one: Secret, running: Rotation, moment: datetime) -> None:
    """Have a rotation run, or run again, at some moment; where it is at work now, it goes on."""
    rotations.run_at(tx, running.pk, to_ms(moment))
    if not is_at_work(tx, running.pk):
        _schedule(tx, one, running, moment)


def is_at_work(tx: Transaction, rotation_pk: int) -> bool:
    """Whether somebody holds the lease of a rotation, so that its function may be running now."""
    return due.is_held(tx, RUN, str(rotation_pk))


def earlier_at_work(tx: Transaction, running: Rotation) -> bool:
    """Whether a function may still be at the same target for a rotation that ended from outside."""
    earlier = rotations.history(tx, running.secret_pk, RECENT)
    return any(each.pk != running.pk and is_at_work(tx, each.pk) for each in earlier)


def _schedule(tx: Transaction, one: Secret, running: Rotation, moment: datetime) -> None:
    lane = RETRIES if running.attempts else one.rotation_lambda_arn
    due.schedule(tx, kind=RUN, key=str(running.pk), due=moment, lane=lane)


def is_made(tx: Transaction, one: Secret, running: Rotation) -> bool:
    """Whether a rotation has done what it is for: its version is current. A test has nothing to show."""
    return bool(running.test) or store.versions.labels_of(tx, one.pk).get(labels.CURRENT) == running.version_id


def succeeded(hand: Hand, tx: Transaction, one: Secret, running: Rotation) -> None:
    """All steps were done: AWSPENDING goes, the dates are set, and the next rotation is planned from now.

    Of a test nothing stays but its history.
    """
    _unlabel(tx, one, running)
    rotations.end(tx, running.pk, rotations.SUCCEEDED, to_ms(hand.now))
    if running.test:
        _forget_version(tx, one, running)
    else:
        store.secrets.change_secret(tx, one.pk, rotated_ms=to_ms(hand.now))
        if one.rotation_enabled:
            arm(hand, tx, one, hand.now)
    copies.follow(tx, one.pk)
    _tell(hand, one, running, "Succeeded")


@dataclass(frozen=True, slots=True)
class Failure:
    """Where an attempt failed and why, in the function's words or ours, and when it began.

    ``message`` and ``lines`` (the last that the function printed) hold no value: they are masked or withheld.
    """

    step: str
    message: str
    lines: str
    began: datetime


def failed(hand: Hand, tx: Transaction, one: Secret, running: Rotation, failure: Failure, again: datetime) -> None:
    """An attempt did not come through: the version stays reserved or filled, and the same one is tried ``again``.

    A test is not tried again, and its version goes.
    """
    texts = {"message": failure.message, "lines": failure.lines}
    _note(hand, tx, running, began=failure.began, step=failure.step, texts=texts)
    told = f"Error when executing lambda {one.rotation_lambda_arn} during {failure.step} step"
    if running.test:
        _unlabel(tx, one, running)
        rotations.end(tx, running.pk, rotations.FAILED, to_ms(hand.now))
        _forget_version(tx, one, running)
        copies.follow(tx, one.pk)
    else:
        rotations.note_failure(tx, running.pk, next_ms=to_ms(again))
        _schedule(tx, one, running._replace(attempts=running.attempts + 1), again)
    _tell(hand, one, running, "Failed", told)


def interrupted(hand: Hand, tx: Transaction, running: Rotation, times: int) -> None:
    """Note that the server was stopped while a rotation was at work; it is no failure of the function's."""
    message = "The server stopped during this attempt" + (f" and {times - 1} before it." if times > 1 else ".")
    _note(hand, tx, running, began=hand.now, step=None, texts={"message": message, "lines": ""})


def _note(
    hand: Hand, tx: Transaction, running: Rotation, *, began: datetime, step: str | None, texts: Mapping[str, str]
) -> None:
    told = sealed.seal_told(hand.keyring, texts, running.pk)
    attempts.add(tx, Attempt(running.pk, to_ms(began), to_ms(hand.now), step, told))


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


def kept(tx: Transaction, one: Secret) -> list[Rotation]:
    """Rotations that ended, or have failed, with a value that the target may have taken, newest first.

    Nobody knows until a later one has succeeded: such a version is never removed.
    """
    if one.rotation_enabled is None:
        return []
    unfinished = rotations.unfinished_versions(tx, one.pk)
    if not unfinished:
        return []
    current = store.versions.labels_of(tx, one.pk).get(labels.CURRENT)
    filled = {each.version_id for each in store.versions.versions_of(tx, one.pk) if each.form is not None}
    found = [each for each in rotations.history(tx, one.pk, KEPT_MOST) if each.version_id in unfinished & filled]
    return [each for each in found if each.version_id != current]


def take_up(hand: Hand, tx: Transaction, one: Secret, ended: Rotation) -> None:
    """Go on with a rotation that was cancelled or abandoned: the same token, the same value.

    AWSPENDING must be free, or on it still.
    """
    before = store.versions.labels_of(tx, one.pk)
    after = labels.moved(before, labels.Change.RESERVED, ended.version_id)
    store.versions.write_labels(tx, one.pk, before, after)
    run_at(tx, one, ended, hand.now)
    copies.follow(tx, one.pk)
    _tell(hand, one, ended, "Started")


def give_up(hand: Hand, tx: Transaction, one: Secret, running: Rotation) -> None:
    """End a rotation that is under way, so that another can begin. A value that it has stays."""
    _unlabel(tx, one, running)
    rotations.end(tx, running.pk, rotations.ABANDONED, to_ms(hand.now))
    version = store.versions.version_by_id(tx, one.pk, running.version_id)
    if version is not None and version.form is None:
        _forget_version(tx, one, running)
    copies.follow(tx, one.pk)
    _tell(hand, one, running, "Abandoned")


def _unlabel(tx: Transaction, one: Secret, running: Rotation) -> None:
    before = store.versions.labels_of(tx, one.pk)
    if before.get(labels.PENDING) == running.version_id:
        after = {name: version for name, version in before.items() if name != labels.PENDING}
        store.versions.write_labels(tx, one.pk, before, after)


def _forget_version(tx: Transaction, one: Secret, running: Rotation) -> None:
    """Remove the version of a test, or one that was only reserved; a version with a label of its own stays."""
    version = store.versions.version_by_id(tx, one.pk, running.version_id)
    if version is not None and not version.stages:
        store.versions.remove_versions(tx, one.pk, [version.pk])


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
