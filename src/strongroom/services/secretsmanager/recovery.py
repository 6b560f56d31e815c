"""What an operator sees of rotations and can do about one (kernel.standing.RotationDesk).

Safe by construction: whatever is done here, a version that a rotation has filled stays until a later one has
succeeded, and a second attempt is always the same token with the same value.
Source: facts rotation, section 4 (case B) and section 5 (pains 1, 3, 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.call import Call, Target
from strongroom.kernel.standing import FailedAttempt, KeptValue, Overview, RotationRefused, Standing, Worry
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import copies, errors, rotation, sealed, store
from strongroom.services.secretsmanager.rules import labels
from strongroom.services.secretsmanager.rules.identifiers import read_secret_id, secret_arn
from strongroom.services.secretsmanager.store import Rotation, Secret, attempts, rotations
from strongroom.services.secretsmanager.store.secrets import DAY_MS
from strongroom.services.secretsmanager.targets import absent, present

MAY_HAVE_IT = "the target may already have this"
RUNNING, WAITING, HELD, NEVER = "running", "waiting", "held", "never begun"


class Desk:
    """The room's answers."""

    def locate(self, call: Call, tx: Transaction) -> Target:
        """The secret, decided by identity policies alone: its own policy speaks of Secrets Manager."""
        ref = read_secret_id(call["SecretId"], account=call.account, region=call.region)
        found = store.secrets.find_secret(tx, ref) if (ref.region, ref.account) == (call.region, call.account) else None
        if found is None:
            return absent(ref, call["SecretId"], errors.no_such_secret())
        located = present(tx, found, found, None)
        return Target(located.arn, located.account, found, named=located.named, facts=located.facts)

    def standing(self, call: Call, tx: Transaction, found: Any) -> Standing:
        """How one stands."""
        return standing_of(call, tx, _secret(found))

    def page(self, call: Call, tx: Transaction, after: str, at_most: int) -> Sequence[Standing]:
        """How those that come after a name stand."""
        page = store.secrets.rotated_after(tx, call.account, call.region, after, at_most)
        return [standing_of(call, tx, one) for one in page]

    def overview(self, call: Call, tx: Transaction, days: int, at_most: int) -> Overview:
        """All of them from afar."""
        where = call.account, call.region
        now_ms = to_ms(call.now)
        until_ms = (now_ms // DAY_MS + days) * DAY_MS
        by_day = store.secrets.scheduled_by_day(tx, *where, now_ms, until_ms)
        failing = rotations.failing(tx, *where, at_most)
        return Overview(
            scheduled=store.secrets.scheduled(tx, *where),
            by_day=[(from_ms(day * DAY_MS), count) for day, count in sorted(by_day.items())],
            failing=[
                Worry(one.name, secret_arn(*where, one.name, one.suffix), one.attempts, _last_step(tx, one.pk))
                for one in failing
            ],
            overdue=[
                Worry(name, secret_arn(*where, name, suffix), due=from_ms(due_ms))
                for name, suffix, due_ms in store.secrets.overdue(tx, *where, now_ms, at_most)
            ],
        )

    def retry(self, call: Call, tx: Transaction, found: Any, version_id: str | None) -> Standing:
        """Try the rotation under way again now, or take up one that ended with a value."""
        one = _changeable(found)
        running = rotations.under_way(tx, one.pk)
        kept = rotation.kept(tx, one)
        chosen = running or (kept[0] if kept else None)
        if version_id is not None:
            chosen = next((each for each in (running, *kept) if each and each.version_id == version_id), None)
        if chosen is None:
            raise RotationRefused(
                "There is nothing to try again: no rotation is under way, and none has left a value that is not"
                " current. RotateSecret begins a new one."
            )
        if running is not None:
            if chosen.pk != running.pk:
                raise RotationRefused(
                    f"Another rotation is under way, of version {running.version_id}: abandon it first."
                )
            rotation.run_at(tx, one, running, call.now)
            return standing_of(call, tx, one)
        holder = store.versions.labels_of(tx, one.pk).get(labels.PENDING)
        if rotation.is_incomplete(store.versions.labels_of(tx, one.pk)) and holder != chosen.version_id:
            raise RotationRefused(f"AWSPENDING is on another version, {holder}: abandon it first.")
        hand = rotation.of_call(call)
        if not one.rotation_enabled:
            # Functions refuse to work on a secret whose rotation is off (facts: rotation, section 1).
            store.secrets.change_secret(tx, one.pk, rotation_enabled=1)
            one = one._replace(rotation_enabled=1)
            rotation.arm_again(hand, tx, one)
        rotation.take_up(hand, tx, one, chosen)
        return standing_of(call, tx, one)

    def abandon(self, call: Call, tx: Transaction, found: Any, *, sure: bool) -> Standing:
        """End the rotation under way, or take off an AWSPENDING that one has left behind."""
        one = _changeable(found)
        held = store.versions.labels_of(tx, one.pk)
        running = rotations.under_way(tx, one.pk)
        stuck = held[labels.PENDING] if rotation.is_incomplete(held) else None
        version_id = stuck if running is None else running.version_id
        if version_id is None:
            raise RotationRefused("No rotation is under way, and no AWSPENDING is left of one.")
        version = store.versions.version_by_id(tx, one.pk, version_id)
        tests = running is not None and running.test
        if version is not None and version.form is not None and not tests and not sure:
            raise RotationRefused(
                f"Version {version_id} has a value, and {MAY_HAVE_IT}. It stays readable by its version id whatever"
                " happens. `strongroom rotation retry` goes on with it, which is safe; abandon it only if the target"
                " takes another value, and say so with --yes.",
                unsure=True,
            )
        if running is not None:
            rotation.give_up(rotation.of_call(call), tx, one, running)
        elif stuck is not None:
            after = {name: holder for name, holder in held.items() if name != labels.PENDING}
            store.versions.write_labels(tx, one.pk, held, after)
            copies.follow(tx, one.pk)
        return standing_of(call, tx, one)


def standing_of(call: Call, tx: Transaction, one: Secret) -> Standing:
    """How a secret's rotation stands, as it is stored now."""
    one = store.secrets.secret_by_pk(tx, one.pk) or one
    history = rotations.history(tx, one.pk, 1)
    newest = rotations.under_way(tx, one.pk) or (history[0] if history else None)
    kept = [each for each in rotation.kept(tx, one) if each is not newest or each.attempts or each.ended_ms]
    held = store.versions.labels_of(tx, one.pk)
    pending = newest is not None and newest.state == rotations.PENDING
    rules = rotation.rules_of(one)
    return Standing(
        name=one.name,
        arn=one.arn,
        enabled=bool(one.rotation_enabled),
        function=one.rotation_lambda_arn or "",
        schedule=_schedule(rules),
        last=None if one.rotated_ms is None else from_ms(one.rotated_ms),
        next=None if one.next_rotation_ms is None else from_ms(one.next_rotation_ms),
        state=_state(tx, one, newest),
        version_id="" if newest is None else newest.version_id,
        test=newest is not None and bool(newest.test),
        attempts=0 if newest is None else newest.attempts,
        next_attempt=from_ms(newest.next_ms) if newest is not None and newest.next_ms is not None else None,
        failures=[] if newest is None else _failures(call, tx, newest),
        kept=[KeptValue(each.version_id, from_ms(each.began_ms), each.state) for each in kept],
        blocked_by=held[labels.PENDING] if rotation.is_incomplete(held) and not pending else "",
    )


def _state(tx: Transaction, one: Secret, newest: Rotation | None) -> str:
    if newest is None:
        return NEVER
    if newest.state != rotations.PENDING:
        return newest.state
    if one.deleted_ms is not None:
        return HELD
    return RUNNING if rotation.is_at_work(tx, newest.pk) else WAITING


def _failures(call: Call, tx: Transaction, newest: Rotation) -> list[FailedAttempt]:
    found = []
    for each in attempts.newest(tx, newest.pk):
        told = sealed.open_told(call.kernel.keyring, each.told, each.rotation_pk)
        made = FailedAttempt(
            from_ms(each.began_ms), from_ms(each.ended_ms), each.step or "", told["message"], told["lines"]
        )
        found.append(made)
    return found


def _last_step(tx: Transaction, rotation_pk: int) -> str:
    last = attempts.newest(tx, rotation_pk, 1)
    return (last[0].step or "") if last else ""


def _schedule(rules: dict[str, Any]) -> str:
    window = f" for {rules['Duration']}" if "Duration" in rules else ""
    if "ScheduleExpression" in rules:
        return f"{rules['ScheduleExpression']}{window}"
    days = rules.get("AutomaticallyAfterDays")
    return "" if days is None else f"every {days} days{window}"


def _secret(found: Any) -> Secret:
    if not isinstance(found, Secret):
        raise TypeError("a located secret was expected")
    return found


def _changeable(found: Any) -> Secret:
    one = _secret(found)
    if one.deleted_ms is not None:
        raise RotationRefused("The secret is scheduled for deletion: its rotation waits until it is restored.")
    if one.primary_pk is not None:
        raise RotationRefused(f"This is a copy: ask in {one.primary_region}, where the secret itself is.")
    if one.rotation_enabled is None:
        raise RotationRefused("Rotation was never configured for this secret: RotateSecret does that.")
    return one
