"""What becomes of calls that have no place: a few are recorded each by itself, the others in sums.

A record a refusal would make refusing as dear as answering, and let anybody fill the journal. So ``RECORDED_A_SECOND``
of them are proven and recorded as AWS does, with the caller's name and ThrottlingException; the others are counted in
the metrics, and one event ``CallsThrottled`` an account and ``SUM_SECONDS`` says how many there were, by whom.
Our choice: AWS's CloudTrail does not say what it leaves out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from strongroom.base.clock import iso_seconds
from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Answerable
from strongroom.kernel import wire
from strongroom.kernel.call import Record
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import GLOBAL_REGION
from strongroom.kernel.journal.event import service_event
from strongroom.kernel.metrics.tally import THROTTLED
from strongroom.kernel.recorder import Recorder
from strongroom.server.admission import Lane
from strongroom.server.parts import Bare

EVENT: Final = "CallsThrottled"
RECORDED_A_SECOND: Final = 10
SUM_SECONDS: Final = 10.0
COUNTED_AT_MOST: Final = 256
NAMED_AT_MOST: Final = 20
"""Principals, and addresses, that one sum names; the rest is one number."""
_OTHERS: Final = "others"


class TurnedAway:
    """The refusals of one worker. In the event loop's thread alone; ``close`` before the journal closes.

    ``account``: whose records tell of calls that nobody is known to have made.
    """

    def __init__(self, chain: Chain, recorder: Recorder, account: str) -> None:
        self._chain = chain
        self._recorder = recorder
        self._account = account
        self._second = 0
        self._left = 0
        self._counted: Counter[tuple[str, str]] = Counter()
        self._since = ""
        self._forms: dict[bytes, tuple[wire.Route, int, bytes, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def may_record(self, now: float) -> bool:
        """Whether one more refusal may be recorded by itself in this second of ``perf_counter``."""
        second = int(now)
        if second != self._second:
            self._second, self._left = second, RECORDED_A_SECOND
        if not self._left:
            return False
        self._left -= 1
        return True

    def at_a_glance(self, lane: Lane, target: bytes, now: float) -> Bare | None:
        """The refusal of an operation that an SDK named; None where it is unknown, or may be recorded by itself."""
        if self._left or int(now) != self._second:
            return None
        form = self._forms.get(target) or self._form(target)
        if form is None:
            return None
        route, status, before, after = form
        self.count(lane)
        if self._recorder.tally is not None:
            self._recorder.tally.call(route.service, route.operation, THROTTLED, now)
        return status, b"%b%b%b" % (before, self._chain.new_id().encode("ascii"), after)

    def _form(self, target: bytes) -> tuple[wire.Route, int, bytes, bytes] | None:
        """What is the same in all refusals of an operation: what stands before the request's id, and behind it."""
        route = self._chain.router.known(target)
        if route is None:
            return None
        made = wire.refuse(route, wire.throttled(route.service), "")
        (kind, (name, _)) = made.headers
        after = b"\r\ncontent-length: %d\r\n\r\n%b" % (len(made.body), made.body)
        form = self._forms[target] = route, made.status, b"%b: %b\r\n%b: " % (*kind, name), after
        return form

    def unread(self, lane: Lane, route: wire.Route, begun: float) -> HTTPReply:
        """The refusal of any call that is not recorded by itself, counted."""
        self.count(lane)
        if self._recorder.tally is not None:
            self._recorder.tally.call(route.service, route.operation, THROTTLED, begun)
        return wire.refuse(route, wire.throttled(route.service), self._chain.new_id())

    def count(self, lane: Lane) -> None:
        """Count one that is not recorded by itself."""
        if not self._counted:
            self._since = iso_seconds(self._chain.clock())
            with contextlib.suppress(RuntimeError):  # without a loop the end tells it
                self._timer = asyncio.get_running_loop().call_later(SUM_SECONDS, self.tell)
        name = lane.account, lane.name
        if name not in self._counted and len(self._counted) >= COUNTED_AT_MOST:
            name = "", _OTHERS
        self._counted[name] += 1

    def tell(self) -> None:
        """Record what was counted, one event an account."""
        counted, self._counted = self._counted, Counter()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        by_account: dict[str, Counter[str]] = {}
        for (account, name), calls in counted.items():
            by_account.setdefault(account, Counter())[name] += calls
        records = [self._record(account, calls) for account, calls in by_account.items()]
        with contextlib.suppress(Answerable):  # a journal that takes nothing refuses every call by itself
            self._recorder.read(records)

    close = tell

    def _record(self, account: str, calls: Counter[str]) -> Record:
        chain, now = self._chain, self._chain.clock()
        event_id = chain.new_id()
        told = service_event(
            event_id=event_id,
            request_id=chain.new_id(),
            when=now,
            product_now=now,
            service="strongroom",
            name=EVENT,
            region=GLOBAL_REGION,
            account=account or self._account,
            details={
                "calls": calls.total(),
                "since": self._since,
                **_named(calls, "principals" if account else "from"),
            },
        )
        return Record(event_id, {**told, "readOnly": True}, writes=False)


def _named(calls: Counter[str], what: str) -> Mapping[str, Any]:
    """Who called most, and how often each."""
    return {what: [{"name": name, "calls": count} for name, count in calls.most_common(NAMED_AT_MOST)]}
