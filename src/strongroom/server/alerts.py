"""What of all that happens is told as an alert: rules of the operator's file, alerts as rows of the feed.

What changes something is found in the feed itself, by the runner, under a lease like a webhook's: the alert is stored
with the progress, so that each comes once. What only reads or is refused is found by the worker that answered it.
Webhooks that want alerts then have them in their order, with all that webhooks promise.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from strongroom.base.clock import Clock, iso_seconds, to_ms
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel.feed import delivery, rows
from strongroom.kernel.feed.delivery import LostLease, Progress, Standing
from strongroom.kernel.feed.envelope import alert
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.metrics.alarms import Alarm
from strongroom.kernel.metrics.usage import Use
from strongroom.kernel.storage.port import Transaction
from strongroom.server.sinks import ALERTS, Alerts
from strongroom.server.webhooks import AT_ONCE, LEASE_MS, LOOK_SECONDS, Ledger

log = logging.getLogger("strongroom.alerts")

NAME = "*alerts"
"""Which no webhook can be called."""
ROTATION_FAILED = "rotation_failed"
KEY_DELETION_SCHEDULED = "key_deletion_scheduled"
PENDING_DELETION_READ = "pending_deletion_read"
NEW_READER = "new_reader"
DENIALS = "denials_a_minute"
Told = tuple[str, str, str, str, str, bytes]


def named(rules: Alerts, one: Event) -> str | None:
    """The alert that an event of the feed is; None for all others."""
    if rules.rotation_failed and one.source == "aws.secretsmanager" and one.name == "RotationFailed":
        return ROTATION_FAILED
    if rules.key_deletion_scheduled and one.source == "aws.kms" and one.name == "ScheduleKeyDeletion":
        return KEY_DELETION_SCHEDULED
    return None


def because_of(name: str, one: Event) -> Told:
    """The alert because of an event of the feed, ready for the feed."""
    detail = orjson.loads(one.body)["detail"]
    return one.account, one.region, ALERTS, name, one.resource, alert(name, detail)


def met(
    rules: Alerts,
    *,
    alarms: Sequence[Alarm],
    readers: Sequence[Use],
    denials: Mapping[str, tuple[int, int]],
    clock: Clock,
    entropy: Entropy,
) -> list[Told]:
    """The alerts because of what a worker met, ready for the feed."""
    found: list[Told] = []
    if rules.pending_deletion_read:
        for one in alarms:
            told = alert(one.name, one.event)
            found.append(
                (one.event["recipientAccountId"], one.event["awsRegion"], ALERTS, one.name, one.resource, told)
            )

    def made(name: str, account: str, region: str, resource: str, **more: Any) -> None:
        event = {
            "eventID": uuid4(entropy),
            "eventName": name,
            "eventSource": "strongroom",
            "eventType": "AwsServiceEvent",
            "eventTime": iso_seconds(clock()),
            "awsRegion": region,
            "recipientAccountId": account,
        }
        found.append((account, region, ALERTS, name, resource, alert(name, event, more)))

    if rules.new_reader:
        for use in readers:
            made(NEW_READER, use.account, use.region, use.resource, principal=use.principal, secret=use.resource)
    limit = rules.denials_a_minute
    for account, (before, after) in denials.items():
        if limit and before < limit <= after:
            made(DENIALS, account, "us-east-1", "", denials=after)
    return found


class Watch:
    """The runner's thread that finds alerts in the feed."""

    def __init__(self, rules: Alerts, ledger: Ledger, clock: Clock, owner: str) -> None:
        self._rules = rules
        self._ledger = ledger
        self._clock = clock
        self._owner = owner
        self._standing: Standing | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        if rules.rotation_failed or rules.key_deletion_scheduled:
            self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                worked = self._round()
            except LostLease:
                self._standing, worked = None, False
            except Exception as error:  # noqa: BLE001  the thread must outlive a store that restarts
                log.error("alerts: %s; it goes on", type(error).__name__)  # noqa: TRY400
                self._standing, worked = None, False
                self._stop.wait(1.0)
            if not worked:
                self._stop.wait(LOOK_SECONDS)

    def _round(self) -> bool:
        now_ms = to_ms(self._clock())
        mine = self._standing
        if mine is None or mine.lease_until_ms - now_ms < LEASE_MS // 2:
            mine = self._standing = self._ledger.write(self._taking(mine, now_ms))
        if mine is None:
            return False
        held = mine
        new = self._ledger.read(lambda tx: rows.after(tx, held.number, AT_ONCE))
        if not new:
            return False
        told = [because_of(name, one) for one in new if (name := named(self._rules, one)) is not None]
        through = new[-1].number
        if told:

            def change(tx: Transaction) -> None:
                delivery.store(tx, NAME, held.fence, Progress(through, delivered=len(told)))
                rows.add_told(tx, told, now_ms)

            self._ledger.write(change)
        self._standing = held._replace(number=through)
        return True

    def _taking(self, mine: Standing | None, now_ms: int) -> Callable[[Transaction], Standing | None]:
        held = None if mine is None else mine.fence

        def take(tx: Transaction) -> Standing | None:
            found = delivery.take(tx, NAME, owner=self._owner, held=held, now_ms=now_ms, lease_ms=LEASE_MS)
            if found is not None and mine is not None:
                found = found._replace(number=max(found.number, mine.number))
            return found

        return take
