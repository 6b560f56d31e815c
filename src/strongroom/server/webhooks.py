"""Sends the feed to webhooks: each in its order, again and again until it is taken, at least once.

One thread a webhook, in the runner. It holds the webhook's lease, sends the next event, stores that it was taken,
and goes on. What is refused for good, or for too long, becomes a dead letter, so that the next may come.
An event is sent under the same id each time: who has had it knows it again.
Source: Standard Webhooks specification, "Webhook metadata", "Verifying webhook authenticity".
"""

from __future__ import annotations

import base64
import hmac
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import orjson

from strongroom.base.clock import Clock, to_ms
from strongroom.kernel.feed import delivery, rows
from strongroom.kernel.feed.delivery import LostLease, Progress, Standing
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.outside.https import BadAnswer, Unreachable
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from strongroom.server.sinks import Webhook

log = logging.getLogger("strongroom.webhooks")
T = TypeVar("T")

LEASE_MS = 15_000
LOOK_SECONDS = 0.2
POST_SECONDS = 10.0
AT_ONCE = 100
SKIPPED_AT_MOST = 500
"""Events that were not wanted, after which that is stored, so that a restart need not look at them again."""
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 300_000
REFUSED_AT_MOST = 5
"""Attempts that a webhook may refuse as its sender's fault (4xx) before the event is a dead letter."""
_AGAIN = frozenset({401, 403, 404, 408, 410, 425, 429})
"""Of 4xx those that somebody may put right: the receiver, its path or its key. They are tried for as long as others."""
_COMMIT_SECONDS = 60.0


class Ledger:
    """The store as a thread of the runner uses it: short reads, and writes through the queue."""

    def __init__(self, store: Store, queue: WriteQueue) -> None:
        self._store = store
        self._queue = queue

    def read(self, ask: Callable[[Transaction], T]) -> T:
        """What a reading transaction answers."""
        with self._store.read() as tx:
            return ask(tx)

    def write(self, change: Callable[[Transaction], T]) -> T:
        """What a change answers once it is committed. Raises what undid it."""
        done = threading.Event()
        got: list[Outcome | BaseException] = []
        made: list[T] = []

        def run(tx: Transaction) -> Outcome:
            made.append(change(tx))
            return Outcome(keep=True, records=(), value=None)

        def finished(outcome: Outcome | BaseException) -> None:
            got.append(outcome)
            done.set()

        self._queue.submit(run, finished)
        if not done.wait(_COMMIT_SECONDS):
            raise TimeoutError("the write queue did not answer")
        if isinstance(got[0], BaseException):
            raise got[0]
        return made[0]


class Courier:
    """One webhook's thread."""

    def __init__(self, hook: Webhook, ledger: Ledger, clock: Clock, owner: str) -> None:
        self.hook = hook
        self._ledger = ledger
        self._clock = clock
        self._owner = owner
        self._client = hook.client()
        self._standing: Standing | None = None
        self._skipped = 0

    def run(self, stop: threading.Event) -> None:
        """Deliver until told to stop."""
        while not stop.is_set():
            try:
                worked = self._hold() and self._round(stop)
            except LostLease:
                self._standing, worked = None, False
            except Exception as error:  # noqa: BLE001  the thread must outlive a store that restarts
                log.error("webhook %s: %s; it goes on", self.hook.name, type(error).__name__)  # noqa: TRY400
                self._standing, worked = None, False
                stop.wait(1.0)
            if not worked:
                stop.wait(LOOK_SECONDS)

    def _hold(self) -> bool:
        """Whether this process holds the webhook's lease, taken or renewed where that is due."""
        now_ms = to_ms(self._clock())
        mine = self._standing
        if mine is not None and mine.lease_until_ms - now_ms > LEASE_MS // 2:
            return True
        taken = self._ledger.write(
            lambda tx: delivery.take(
                tx,
                self.hook.name,
                owner=self._owner,
                held=None if mine is None else mine.fence,
                now_ms=now_ms,
                lease_ms=LEASE_MS,
            )
        )
        if taken is not None and mine is not None:
            taken = taken._replace(number=max(taken.number, mine.number))
        self._standing = taken
        return taken is not None

    def _round(self, stop: threading.Event) -> bool:
        """Deliver what there is; whether there was anything."""
        mine = self._mine()
        if mine.due_ms > to_ms(self._clock()):
            return False
        new = self._ledger.read(lambda tx: rows.after(tx, mine.number, AT_ONCE))
        if not new:
            return False
        if new[0].number > mine.number + 1:
            self._missed(new[0].number - mine.number - 1, new[0].number - 1)
        for one in new:
            if stop.is_set() or not self._hold():
                return False
            if not self.hook.wants(one):
                self._skip(one)
            elif not self._send(one):
                return False
        return True

    def _mine(self) -> Standing:
        if self._standing is None:
            raise LostLease(self.hook.name)
        return self._standing

    def _skip(self, one: Event) -> None:
        self._standing = self._mine()._replace(number=one.number)
        self._skipped += 1
        if self._skipped >= SKIPPED_AT_MOST:
            self._stored(Progress(one.number))

    def _missed(self, count: int, through: int) -> None:
        log.error("webhook %s was so late that %d events are gone", self.hook.name, count)
        self._stored(Progress(through, missed=count))

    def _send(self, one: Event) -> bool:
        """Send one event; whether it is done with."""
        mine, now = self._mine(), self._clock()
        error, refused = self._posted(one)
        if not error:
            self._stored(Progress(one.number, delivered=1))
            return True
        now_ms = to_ms(self._clock())
        attempt, since = mine.attempt + 1, mine.since_ms or to_ms(now)
        late = now_ms - since >= self.hook.retry_hours * 3_600_000
        if late or (refused and attempt >= REFUSED_AT_MOST):
            log.error("webhook %s did not take event %d: %s", self.hook.name, one.number, error)
            self._stored(Progress(one.number, dead=1), lambda tx: delivery.bury(tx, mine.name, one, error, now_ms))
            return True
        pause = min(FIRST_PAUSE_MS << min(attempt - 1, 20), LONGEST_PAUSE_MS)
        self._stored(Progress(one.number - 1, attempt, since, now_ms + pause, error))
        return False

    def _posted(self, one: Event) -> tuple[str, bool]:
        """(why it was not taken, or nothing; whether the webhook says that the event itself is at fault)."""
        body = one.body.encode()
        headers = signed(self.hook.key, str(orjson.loads(body)["id"]), int(self._clock().timestamp()), body)
        try:
            status = self._client.post(self.hook.url, body, headers, seconds=POST_SECONDS)
        except (BadAnswer, Unreachable) as failure:
            return str(failure), False
        if 200 <= status < 300:
            return "", False
        return f"it was answered with status {status}", 400 <= status < 500 and status not in _AGAIN

    def _stored(self, progress: Progress, also: Callable[[Transaction], None] = lambda _: None) -> None:
        mine = self._mine()

        def change(tx: Transaction) -> None:
            delivery.store(tx, mine.name, mine.fence, progress)
            also(tx)

        self._ledger.write(change)
        self._skipped = 0
        self._standing = mine._replace(
            number=progress.number, attempt=progress.attempt, since_ms=progress.since_ms, due_ms=progress.due_ms
        )


def signed(key: bytes, event_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery: its id, its moment, and an HMAC-SHA256 over both and the body."""
    text = f"{event_id}.{seconds}.".encode() + body
    proof = base64.b64encode(hmac.digest(key, text, "sha256")).decode("ascii")
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{proof}",
    }


class Couriers:
    """The threads of all webhooks. ``close`` before the queue."""

    def __init__(self, hooks: tuple[Webhook, ...], ledger: Ledger, clock: Clock, owner: str) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=Courier(hook, ledger, clock, owner).run,
                args=(self._stop,),
                name=f"webhook-{hook.name}",
                daemon=True,
            )
            for hook in hooks
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; a delivery under way is waited for, and repeated by whoever comes next if it does not end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(POST_SECONDS + 1)
