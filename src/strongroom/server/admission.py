"""Who is let in where more comes than one worker can answer: its places, shared out among those who ask.

    turn      the calls answered in one turn of the event loop; all of them leave at its end
    lines     the calls that wait for a thread or for a commit

Nobody is refused before calls have waited for ``after`` seconds. From then on until it is over, whoever has their
share of the ``calls`` places is refused, and everybody else is still let in. A share is a principal's. Whose a call
is must be known before its signature is checked, or refusing would cost as much as answering; so a claimed access
key counts for its owner only on a connection that has proven it. Anything else is counted for the address that it
comes from: a claim can use up, or be refused for, nobody's share but that address's (docs/decisions/0058).

Our choice, all of it: AWS publishes rates, not how they are held.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from math import inf
from time import perf_counter
from typing import Final, TypeVar

from strongroom.base.classes import dataclass
from strongroom.base.http import HTTPRequest
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call
from strongroom.server.glimpse import Shape

FEW: Final = 2
"""The places that everybody has, however many share."""
LATE_SHARES: Final = 4
"""A crowded turn lets in so many times ``calls`` at most: principals can be made by the thousand."""
CLAIMS: Final = 4
"""One claimed key has this part of its address's places: a flood of new connections leaves some to its neighbours'."""
CROWD: Final = 32
"""Fewer calls in a turn are no crowd, however long they take: a worker's first ones compile what they need."""
LANES_KEPT: Final = 4096
PROVEN_KEPT: Final = 8
"""Keys that one connection is known to have proven; behind a proxy it may serve several clients."""
LEAST_PATIENCE: Final = 1 / 16
"""The part of ``after`` for which calls are let in at least, however long the refusals of a turn take."""
_LINE_PATIENCE: Final = 2.5
"""How much longer calls may wait for a thread or a disk: a commit alone may take as long as a turn."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``after``: seconds that calls may have waited before anybody is refused; ``calls``: the places then shared."""

    after: float = 0.04
    calls: int = 64


class Lane:
    """One of those who share: a principal, or an address whose calls are not proven (``account`` empty).

    ``held``: its calls in the turn of the number ``turn``; ``claims``: an address's, by the key that they claim.
    """

    __slots__ = ("account", "claims", "failed", "held", "name", "turn")

    def __init__(self, name: str, account: str = "", *, failed: bool = False) -> None:
        self.name = name
        self.account = account
        self.failed = failed
        self.turn = -1
        self.held = 0
        self.claims: Counter[bytes] = Counter()


class Standing:
    """What one connection has proven: the lanes of its keys, and whose the last call was.

    ``shape``: that of the request which was last refused here unread. ``patient``: nothing more of the connection is
    read before its next answer has left, however that is made.
    """

    __slots__ = ("credential", "failed", "lane", "patient", "proven", "shape")

    def __init__(self) -> None:
        self.patient = False
        self.shape: Shape | None = None
        self.credential: object = None
        self.lane: Lane | None = None
        self.proven: dict[bytes, Lane] = {}
        self.failed = False


class Lanes:
    """The lanes of one worker, bounded. Idle ones are forgotten; principals and addresses apart, so that neither
    pushes out the other.
    """

    def __init__(self) -> None:
        self._principals: dict[str, Lane] = {}
        self._addresses: dict[tuple[str, bool], Lane] = {}

    def of_principal(self, principal: Principal, turn: int) -> Lane:
        """A user's or role's lane, whichever key or session they come with."""
        name = principal.entity_arn or principal.arn
        found = self._principals.get(name)
        if found is None:
            _make_room(self._principals, turn)
            found = self._principals[name] = Lane(name, principal.account)
        return found

    def of_address(self, address: str, turn: int, *, failed: bool) -> Lane:
        """The lane of what is not proven, from one host or IPv6 network."""
        name = _network(address), failed
        found = self._addresses.get(name)
        if found is None:
            _make_room(self._addresses, turn)
            found = self._addresses[name] = Lane(name[0], failed=failed)
        return found


class Line:
    """The calls that wait for one thing other than their turn, and since when the first of them has."""

    def __init__(self, bounds: Bounds) -> None:
        self._after = bounds.after * _LINE_PATIENCE
        self._calls = bounds.calls
        self._began: dict[Hashable, float] = {}
        self._places: dict[Lane, int] = {}

    def refuses(self, lane: Lane, now: float) -> bool:
        """Whether calls have waited for too long and this lane has its share."""
        first = next(iter(self._began.values()), inf)
        if now - first <= self._after:
            return False
        has = self._places.get(lane, 0)
        return has >= share(self._calls, len(self._places) + (has == 0), lane)

    def enter(self, call: Hashable, lane: Lane, begun: float) -> None:
        """One more waits. ``begun`` inf for a call that is known to take its time."""
        if begun < inf:
            self._began[call] = begun
        self._places[lane] = self._places.get(lane, 0) + 1

    def leave(self, call: Hashable, lane: Lane) -> None:
        """One of them waits no more."""
        self._began.pop(call, None)
        left = self._places[lane] - 1
        if left:
            self._places[lane] = left
        else:
            del self._places[lane]

    def __len__(self) -> int:
        return sum(self._places.values())


class Admission:
    """The places of one worker. Used in the event loop's thread alone.

    ``crowded_at``: the moment (perf_counter) from which ``refused`` must be asked about a call.
    """

    def __init__(
        self,
        bounds: Bounds | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """``soon`` has something done when the turn is over and its answers have left: by default ``call_soon``."""
        self._clock = clock
        self.bounds = bounds or Bounds()
        self.soon = soon or _soon
        self.crowded_at = inf
        self.commits = Line(self.bounds)
        self.threads = Line(self.bounds)
        self._lanes = Lanes()
        self._patience = 1.0
        self._began = inf
        self._crowd = 0
        self._turn = 0
        self._in_turn = 0
        self._late = 0
        self._answered = 0

    def refused(self, request: HTTPRequest, address: str, standing: Standing, now: float) -> Lane | None:
        """The lane that has no place for a call in this crowded turn; None where it may go on."""
        lane = self.lane_of(request, address, standing)
        held = lane.held if lane.turn == self._turn else 0
        if self._late >= LATE_SHARES * self.bounds.calls:
            return lane
        places = share(self.bounds.calls, self._in_turn + (held == 0), lane)
        if held >= places or not (lane.account or self._attempt(lane, claimed_key(request), places, now)):
            return lane
        self._late += 1
        return None

    def is_full(self, lane: Lane) -> bool:
        """Whether ``refused`` would refuse a call that is known to be of this lane."""
        calls = self.bounds.calls
        if self._late >= LATE_SHARES * calls:
            return True
        held = lane.held if lane.turn == self._turn else 0
        return held >= share(calls, self._in_turn + (held == 0), lane)

    def _attempt(self, lane: Lane, claim: bytes, places: int, now: float) -> bool:
        """Count an attempt to prove something, whoever it turns out to be; False where the claim has had its part."""
        if lane.turn != self._turn:
            self._enter(lane, now)
        if lane.claims[claim] >= max(FEW, places // CLAIMS):
            return False
        lane.claims[claim] += 1
        lane.held += 1
        return True

    def lane_of(self, request: HTTPRequest, address: str, standing: Standing) -> Lane:
        """Whose share a call is of, before it is proven."""
        proven = standing.proven
        lane = proven.get(claimed_key(request)) if proven else None
        return lane or self._lanes.of_address(address, self._turn, failed=standing.failed)

    def answered(self, standing: Standing, call: Call, begun: float) -> Lane:
        """Count a call of this turn for whoever it was proven to be of; that lane."""
        lane = standing.lane
        if call.credential is not standing.credential or lane is None:
            lane = self.met(standing, call)
        if lane.turn != self._turn:
            self._enter(lane, begun)
        lane.held += 1
        self._answered += 1
        if self._answered == self._crowd:
            self.crowded_at = self._began + self.bounds.after * self._patience
        return lane

    def met(self, standing: Standing, call: Call) -> Lane:
        """Learn from a call that was judged whom a connection speaks for. One that proved nothing undoes the rest."""
        credential = call.credential
        standing.credential = credential
        principal = credential.principal
        if principal.kind is PrincipalKind.ANONYMOUS:
            standing.proven.clear()
            standing.failed = True
            lane = standing.lane = self._lanes.of_address(call.source.ip, self._turn, failed=True)
            return lane
        standing.failed = False
        lane = standing.lane = self._lanes.of_principal(principal, self._turn)
        key = credential.access_key_id.encode("latin-1", "replace")
        standing.proven.pop(key, None)
        if len(standing.proven) >= PROVEN_KEPT:
            del standing.proven[next(iter(standing.proven))]
        standing.proven[key] = lane
        return lane

    def _turn_over(self) -> None:
        # A crowd that comes once is waited for. One that stays would have everybody wait so long for ever, and those
        # that are refused take their time too: what is let in shrinks until a whole turn fits, and grows back.
        crowd = self._answered > self.bounds.calls or self._late > 0
        long = crowd and self._clock() - self._began > self.bounds.after / 2
        self._patience = max(self._patience * 0.5, LEAST_PATIENCE) if long else min(self._patience * 1.1, 1.0)
        self._turn += 1
        self._in_turn = self._late = self._answered = 0
        self.crowded_at = self._began = inf

    def _enter(self, lane: Lane, begun: float) -> None:
        lane.turn, lane.held = self._turn, 0
        if lane.claims:
            lane.claims.clear()
        self._in_turn += 1
        if self._began == inf:
            self._began = begun
            self._crowd = min(CROWD, self.bounds.calls // 2)
            self.soon(self._turn_over)


def _soon(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(work)


def share(calls: int, sharing: int, lane: Lane) -> int:
    """How many of the places one lane may have. What has failed to prove itself has the fewest."""
    return FEW if lane.failed else max(FEW, calls // max(1, sharing))


def claimed_key(request: HTTPRequest) -> bytes:
    """The access key id that a request's header names, unproven; empty where it names none."""
    _, _, rest = request.by_name.get(b"authorization", b"").partition(b"Credential=")
    return rest[:256].partition(b"/")[0]


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """An address as one of those who share: of IPv6 the /64 network, for whoever has one address has all of it."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


_Name = TypeVar("_Name")


def _make_room(lanes: dict[_Name, Lane], turn: int) -> None:
    if len(lanes) >= LANES_KEPT:
        for name in [name for name, lane in lanes.items() if lane.turn != turn]:
            del lanes[name]
    if len(lanes) >= LANES_KEPT:  # all in one turn: the oldest go, and begin anew
        for name in list(lanes)[: LANES_KEPT // 2]:
            del lanes[name]
