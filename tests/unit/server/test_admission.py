"""server/admission: whose share a call is of, and who is refused in a crowd. Attacks with whole calls: tests/wire."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.http import HTTPRequest
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Credential, Source
from strongroom.server.admission import (
    CLAIMS,
    CROWD,
    FEW,
    LANES_KEPT,
    LATE_SHARES,
    LEAST_PATIENCE,
    Admission,
    Bounds,
    Lane,
    Line,
    Standing,
    share,
)

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
NOBODY = Credential(Principal(PrincipalKind.ANONYMOUS, arn="anonymous", account=""), access_key_id="", secret="")
CALLS = 8
CROWDED = Bounds(after=0.0, calls=CALLS)


@dataclass
class Judged:
    """As much of a call as admission looks at."""

    credential: Credential
    source: Source


def worker(bounds: Bounds = CROWDED) -> Admission:
    """One whose turn ends when the test says so."""
    return Admission(bounds, soon=lambda _: None)


def user(name: str) -> Credential:
    arn = f"arn:aws:iam::123456789012:user/{name}"
    principal = Principal(PrincipalKind.USER, arn=arn, account="123456789012", entity_arn=arn)
    return Credential(principal, access_key_id=f"AKIA{name.upper()}", secret="")


def claiming(key: str) -> HTTPRequest:
    claim = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0"
    return HTTPRequest("POST", b"/", b"", [(b"authorization", claim.encode())], b"")


def call(
    admission: Admission, credential: Credential, connection: Standing, now: float, *, claim: str = "", ip: str = HOME
) -> bool:
    """One call of a turn, as the engine treats it; whether it was let in."""
    if now > admission.crowded_at:
        full = admission.refused(claiming(claim or credential.access_key_id), ip, connection, now)
        if full is not None:
            return False
    admission.answered(connection, Judged(credential, Source(ip)), now)  # type: ignore[arg-type]
    return True


def proven(admission: Admission, credential: Credential, count: int, ip: str = HOME) -> list[Standing]:
    """Connections that have proven a key, in a turn before this one."""
    connections = [Standing() for _ in range(count)]
    for connection in connections:
        admission.met(connection, Judged(credential, Source(ip)))  # type: ignore[arg-type]
    return connections


def test_nobody_is_refused_before_calls_have_waited() -> None:
    admission = worker(Bounds(after=0.02, calls=2))
    ann = user("ann")
    assert all(call(admission, ann, one, 0.0199) for one in proven(admission, ann, 500))
    assert 0.0199 + 0.02 == admission.crowded_at


def test_fewer_calls_than_a_crowd_are_let_in_however_long_they_take() -> None:
    admission = worker(Bounds(after=0.0, calls=64))
    strangers = [call(admission, user("ann"), Standing(), 10.0 * at) for at in range(CROWD)]
    assert all(strangers)
    assert inf != admission.crowded_at


def test_a_principal_with_many_connections_leaves_the_others_their_share() -> None:
    admission = worker()
    many, few = user("many"), user("few")
    flood, polite = proven(admission, many, 40), proven(admission, few, 3)
    answered = [call(admission, many, one, 1.0 + at) for at, one in enumerate(flood)]
    assert CALLS == sum(answered), "the whole of the places while nobody else asks"
    assert all(call(admission, few, one, 50.0) for one in polite)


def test_keys_and_sessions_of_one_principal_share_its_places() -> None:
    admission = worker()
    one, other = user("ann"), user("ann")
    assert one is not other
    sums = [call(admission, key, *proven(admission, key, 1), 1.0 + at) for at in range(20) for key in (one, other)]
    assert CALLS == sum(sums)


def test_a_claim_is_its_owners_only_where_the_connection_has_proven_it() -> None:
    admission = worker()
    ann = user("ann")
    (hers,) = proven(admission, ann, 1)
    assert "arn:aws:iam::123456789012:user/ann" == admission.lane_of(claiming("AKIAANN"), HOME, hers).name
    assert ELSEWHERE == admission.lane_of(claiming("AKIAANN"), ELSEWHERE, Standing()).name
    assert HOME == admission.lane_of(claiming("AKIABOB"), HOME, hers).name
    assert HOME == admission.lane_of(HTTPRequest("POST", b"/", b"", [], b""), HOME, hers).name


def test_forged_claims_use_up_no_share_but_their_addresss() -> None:
    admission = worker()
    ann = user("ann")
    (hers,) = proven(admission, ann, 1)
    forged = [call(admission, NOBODY, Standing(), 1.0 + at, claim="AKIAANN", ip=ELSEWHERE) for at in range(100)]
    assert sum(forged) <= CALLS + 1
    assert all(call(admission, ann, hers, 200.0 + at) for at in range(CALLS // 3))
    assert call(admission, ann, Standing(), 300.0, ip=HOME), "and a new connection of hers from elsewhere is let in"


def test_new_connections_of_a_flood_leave_a_place_to_a_neighbours_first_call() -> None:
    admission = worker(Bounds(after=0.0, calls=64))
    ann, bob = user("ann"), user("bob")
    flood = [call(admission, ann, Standing(), 1.0 + at) for at in range(100)]
    assert CROWD <= sum(flood) <= CROWD + 64 // CLAIMS
    assert call(admission, bob, Standing(), 200.0)


def test_a_connection_that_has_failed_to_prove_itself_has_the_fewest_places_until_it_does() -> None:
    admission = worker()
    ann = user("ann")
    (connection,) = proven(admission, ann, 1)
    admission.met(connection, Judged(NOBODY, Source(HOME)))  # type: ignore[arg-type]
    lane = admission.lane_of(claiming("AKIAANN"), HOME, connection)
    assert lane.failed and FEW == share(1000, 1, lane)
    admission.met(connection, Judged(ann, Source(HOME)))  # type: ignore[arg-type]
    assert not admission.lane_of(claiming("AKIAANN"), HOME, connection).failed


def test_everybody_has_a_few_places_however_many_share_and_a_turn_has_an_end_all_the_same() -> None:
    admission = worker()
    crowd = [user(f"u{number}") for number in range(10 * CALLS)]
    let_in = [call(admission, one, *proven(admission, one, 1), 1.0 + at) for at, one in enumerate(crowd)]
    assert CALLS // 2 + LATE_SHARES * CALLS == sum(let_in)


def test_a_new_turn_begins_with_all_places_free() -> None:
    admission = worker()
    ann = user("ann")
    for _ in range(3):
        let_in = [call(admission, ann, one, 1.0 + at) for at, one in enumerate(proven(admission, ann, 30))]
        assert CALLS == sum(let_in)
        admission._turn_over()
        assert inf == admission.crowded_at


def test_a_crowd_that_stays_is_given_less_until_whole_turns_are_short_and_all_of_it_again_after() -> None:
    now = 0.0
    admission = Admission(Bounds(after=0.04, calls=CALLS), soon=lambda _: None, clock=lambda: now)
    (ann,) = proven(admission, user("ann"), 1)

    def turn(lasting: float, calls: int = CALLS + 1) -> float:
        nonlocal now
        now += 1.0
        assert all(call(admission, user("ann"), ann, now) for _ in range(calls))
        let_in = round(admission.crowded_at - now, 9)
        now += lasting
        admission._turn_over()
        return let_in

    assert pytest.approx(0.04) == turn(0.021)
    shrinking = [turn(0.021) for _ in range(12)]
    assert shrinking == sorted(shrinking, reverse=True) and pytest.approx(0.02) == shrinking[0]
    assert pytest.approx(0.04 * LEAST_PATIENCE) == shrinking[-1]
    growing = [turn(0.019) for _ in range(40)]
    assert growing == sorted(growing) and pytest.approx(0.04) == growing[-1]
    assert pytest.approx(0.04) == [turn(5.0, CALLS) for _ in range(5)][-1], "a few that take long are no crowd"


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
def test_a_lane_is_full_exactly_where_its_calls_are_refused(order: list[tuple[int, bool]]) -> None:
    admission = worker()
    people = [user(f"u{number}") for number in range(6)]
    connections = [proven(admission, one, 1)[0] for one in people]
    for at, (number, over) in enumerate(order):
        one, connection, now = people[number], connections[number], 1.0 + at
        lane = connection.proven[one.access_key_id.encode()]
        full = now > admission.crowded_at and admission.is_full(lane)
        assert full is not call(admission, one, connection, now)
        if over:
            admission._turn_over()


def test_one_ipv6_network_is_one_address() -> None:
    admission = worker()
    lanes = {
        id(admission.lane_of(claiming("AKIAX"), f"2001:db8:0:1::{number:x}", Standing())) for number in range(1, 50)
    }
    assert 1 == len(lanes)
    assert "no address" == admission.lane_of(claiming("AKIAX"), "no address", Standing()).name


def test_lanes_and_proven_keys_are_bounded() -> None:
    admission = worker()
    connection = Standing()
    for number in range(LANES_KEPT + 10):
        ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        admission.lane_of(claiming("AKIAX"), ip, Standing())
        admission.met(connection, Judged(user(f"u{number}"), Source(HOME)))  # type: ignore[arg-type]
        admission._turn_over()
    assert len(admission._lanes._addresses) <= LANES_KEPT and len(admission._lanes._principals) <= LANES_KEPT
    assert 8 == len(connection.proven)


def test_a_line_refuses_only_who_has_their_share_once_somebody_has_waited() -> None:
    line = Line(Bounds(after=0.02, calls=8))
    many, few = Lane("many", "1"), Lane("few", "1")
    for number in range(30):
        assert not line.refuses(many, 0.049)
        line.enter(number, many, 0.0)
    assert line.refuses(many, 0.051)
    assert not line.refuses(few, 0.051)
    for number in range(30):
        line.leave(number, many)
    assert not line.refuses(many, 0.051) and 0 == len(line)


def test_a_call_that_is_known_to_take_its_time_crowds_no_line() -> None:
    line = Line(Bounds(after=0.02, calls=1))
    slow = Lane("slow", "1")
    for number in range(5):
        line.enter(number, slow, inf)
    assert not line.refuses(slow, 100.0)


@pytest.mark.parametrize(("calls", "sharing", "places"), [(64, 0, 64), (64, 1, 64), (64, 3, 21), (64, 1000, FEW)])
def test_shares_are_equal_parts(calls: int, sharing: int, places: int) -> None:
    assert places == share(calls, sharing, Lane("ann", "1"))
