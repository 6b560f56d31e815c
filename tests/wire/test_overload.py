"""A crowd at one worker: who is answered, who is told to come again, and what is recorded of it.

The worker is the product's own, without sockets: all calls of a test come in one turn of the loop, so that nothing
depends on how fast the machine is. ``crowd`` makes everything after a turn's first call one too many.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.journals import entries

from strongroom.app import Product
from strongroom.app.worker import Worker
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel import signing
from strongroom.server.admission import FEW, Bounds, Standing
from strongroom.server.turnedaway import EVENT, RECORDED_A_SECOND
from strongroom.settings import Settings

ROOT_KEY = bytes(range(32))
CALLS = 8
CALM = Bounds(after=inf)
HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
ASK = "secretsmanager.GetRandomPassword"


@dataclass
class Party:
    """An administrator of an account of their own, who signs."""

    account: str
    key_id: str
    secret: str

    def request(self, target: str = ASK, body: bytes = b"{}", *, service: str = "secretsmanager") -> HTTPRequest:
        content = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        asked = AWSRequest("POST", "http://localhost/", data=body, headers=content)
        SigV4Auth(Credentials(self.key_id, self.secret), service, "us-east-1").add_auth(asked)
        headers = [(name.lower().encode(), value.encode()) for name, value in asked.headers.items()]
        return HTTPRequest("POST", b"/", b"", [(b"host", b"localhost"), *headers], body)


class Desk:
    """One worker and whoever calls it."""

    def __init__(self, data: Path, **more: Any) -> None:
        self.data = data
        self.product = Product(Settings(data=data, tls="off", console="off", **more))
        self.product.prepare(ROOT_KEY)
        self.parties = [self._party() for _ in range(2)]
        self.worker: Worker = self.product.open_worker(ROOT_KEY, 0)

    def _party(self) -> Party:
        made = self.product.admin({"do": "account create", "account": None}, ROOT_KEY)
        return Party(made["account"], made["access_key_id"], made["secret_access_key"])

    @property
    def engine(self) -> Any:
        return self.worker._application.engine

    def run(self, calls: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(calls())

    async def turn(
        self, requests: Sequence[tuple[HTTPRequest, Standing]], *, ip: str = HOME, until: Callable[[], None] = int
    ) -> list[HTTPReply]:
        """The replies to calls that come in one turn. ``until`` is done before the turn ends."""
        replies: dict[int, HTTPReply] = {}
        later = []
        for number, (request, standing) in enumerate(requests):
            answer = self.worker._application.at_once(request, ip, None, standing)
            if isinstance(answer, HTTPReply):
                replies[number] = answer
            elif isinstance(answer, Coroutine):
                later.append((number, asyncio.ensure_future(answer)))
            else:

                def deliver(reply: HTTPReply, number: int = number) -> None:
                    replies[number] = reply

                answer.deliver = deliver
        until()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number, one in later:
            replies[number] = await asyncio.wait_for(one, 60)
        async with asyncio.timeout(60):
            while len(replies) < len(requests):  # those that wait for their commit
                await asyncio.sleep(0.001)
        return [replies[number] for number in sorted(replies)]

    def crowd(self) -> None:
        """From now on a turn's second call finds the worker crowded."""
        self.engine.admission.bounds = Bounds(after=0.0, calls=CALLS)

    async def proven(self, party: Party, count: int, *, ip: str = HOME) -> list[Standing]:
        """Connections on which a party has been answered before."""
        connections = [Standing() for _ in range(count)]
        calm, self.engine.admission.bounds = self.engine.admission.bounds, CALM
        try:
            for reply in await self.turn([(party.request(), one) for one in connections], ip=ip):
                assert 200 == reply.status
        finally:
            self.engine.admission.bounds = calm
        return connections


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.crowd()
    yield made
    made.worker.close()


def code(reply: HTTPReply) -> str:
    return "answered" if reply.status == 200 else str(orjson.loads(reply.body)["__type"])


def test_the_delivery_of_its_answers_makes_a_turn_long(desk: Desk) -> None:
    party, _ = desk.parties
    admission, later = desk.engine.admission, 0.0

    async def calls() -> None:
        nonlocal later
        connections = await desk.proven(party, CALLS + 1)
        admission.bounds = Bounds(after=60.0, calls=CALLS)
        admission._clock = lambda: perf_counter() + later
        for seconds, patience in ((0.0, 1.0), (20.0, 0.5)):
            later = 0.0
            for one in connections:
                held = desk.worker._application.at_once(party.request(), HOME, None, one)

                def deliver(_: HTTPReply, seconds: float = seconds) -> None:
                    nonlocal later
                    later += seconds

                held.deliver = deliver
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert patience == admission._patience

    desk.run(calls)


def test_forty_of_forty_eight_connections_do_not_starve_the_other_eight(desk: Desk) -> None:
    many, few = desk.parties

    async def calls() -> None:
        flood, polite = await desk.proven(many, 40), await desk.proven(few, 8)
        order = [(many, one) for one in flood[:20]] + [(few, one) for one in polite[: CALLS // 2]]
        order += [(many, one) for one in flood[20:]] + [(few, one) for one in polite[CALLS // 2 :]]
        replies = await desk.turn([(party.request(), one) for party, one in order])
        counted = Counter((party.key_id, code(reply)) for (party, _), reply in zip(order, replies, strict=True))
        assert {
            (many.key_id, "answered"): CALLS,
            (many.key_id, "ThrottlingException"): 40 - CALLS,
            (few.key_id, "answered"): CALLS // 2,
            (few.key_id, "ThrottlingException"): 8 - CALLS // 2,
        } == counted

    desk.run(calls)


def test_who_is_refused_is_told_in_the_words_of_the_protocol_and_the_service(desk: Desk) -> None:
    party, _ = desk.parties

    async def calls() -> None:
        connections = await desk.proven(party, 2 * CALLS)
        first = [(party.request(), one) for one in connections]
        kms = party.request("TrentService.GenerateRandom", service="kms")
        query = party.request(ASK, b"Action=GetUser&Version=2010-05-08", service="iam")
        query.headers = [
            (b"content-type", b"application/x-www-form-urlencoded") if name == b"content-type" else (name, value)
            for name, value in query.headers
            if name != b"x-amz-target"
        ]
        replies = await desk.turn([*first, *[(kms, connections[0])] * 20, (query, connections[1])])
        said = orjson.loads(replies[-2].body)
        assert (400, "ThrottlingException") == (replies[-2].status, said["__type"])
        assert (
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            == said["message"]
        )
        assert (
            400 == replies[-1].status and b"<Code>Throttling</Code><Message>Rate exceeded</Message>" in replies[-1].body
        )
        assert (400, b"Rate exceeded") == (replies[CALLS].status, replies[CALLS].body[-15:-2])

    desk.run(calls)


def test_forged_claims_to_anothers_key_starve_nobody_and_are_soon_not_even_verified(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = desk.parties
    forger = Party(owner.account, owner.key_id, "not the secret")
    verified = 0
    verify = signing.verify

    def counted(*given: Any) -> None:
        nonlocal verified
        verified += 1
        verify(*given)

    monkeypatch.setattr(signing, "verify", counted)

    async def calls() -> None:
        hers = await desk.proven(owner, 2)
        nonlocal verified
        verified = 0
        forged = [desk.worker._application.at_once(forger.request(), ELSEWHERE, None, Standing()) for _ in range(200)]
        assert verified <= CALLS + 1 + RECORDED_A_SECOND * 2, "the others cost no verification"
        replies = await desk.turn([(owner.request(), one) for one in [*hers, Standing()]], ip=HOME)
        assert ["answered"] * 3 == [code(reply) for reply in replies]
        assert 200 == len(forged)

    desk.run(calls)


def test_a_connection_on_which_a_signature_failed_has_the_fewest_places(desk: Desk) -> None:
    owner, _ = desk.parties
    forger = Party(owner.account, owner.key_id, "not the secret")

    async def calls() -> None:
        (connection,) = await desk.proven(owner, 1)
        await desk.turn([(forger.request(), connection)])
        assert connection.failed
        others = await desk.proven(owner, 1)
        replies = await desk.turn([(owner.request(), others[0]), *[(forger.request(), connection)] * 100])
        refused = Counter(map(code, replies))
        assert 1 == refused["answered"]
        # Each is judged at most so often: as many as its places, and those of which a record is made.
        assert refused["InvalidSignatureException"] <= FEW + 2 * RECORDED_A_SECOND
        assert refused["ThrottlingException"] >= 100 - FEW - 2 * RECORDED_A_SECOND

    desk.run(calls)


def test_hurrying_the_answers_of_a_turn_does_not_begin_another(desk: Desk) -> None:
    """A second request on a connection delivers all that is held. It must not give back the places."""
    party, _ = desk.parties

    async def calls() -> None:
        connections = await desk.proven(party, 5 * CALLS)
        application = desk.worker._application
        answered = 0
        for one in connections:
            reply = application.at_once(party.request(), HOME, None, one)
            if isinstance(reply, HTTPReply):
                answered += reply.status == 200
            elif not isinstance(reply, Coroutine):
                held: list[HTTPReply] = []
                reply.deliver = held.append
                reply.hurry()
                answered += held[0].status == 200
        assert CALLS == answered

    desk.run(calls)


def test_refusals_are_recorded_within_a_budget_and_the_rest_in_sums(desk: Desk) -> None:
    many, _ = desk.parties
    refused = 0

    async def calls() -> None:
        nonlocal refused
        flood = await desk.proven(many, 100)
        for _ in range(5):
            refused += Counter(map(code, await desk.turn([(many.request(), one) for one in flood])))[
                "ThrottlingException"
            ]
        await desk.proven(many, 1)
        desk.engine.turned_away.tell()

    desk.run(calls)
    assert 5 * (100 - CALLS) == refused
    events = [entry.event for entry in entries(desk.data)]
    single = [one for one in events if one.get("errorCode") == "ThrottlingException"]
    sums = [one for one in events if one["eventName"] == EVENT]
    assert RECORDED_A_SECOND <= len(single) < refused
    assert {many.key_id} == {one["userIdentity"]["accessKeyId"] for one in single}
    assert {("GetRandomPassword", "Rate exceeded")} == {(one["eventName"], one["errorMessage"]) for one in single}
    assert {many.account} == {one["recipientAccountId"] for one in sums}
    told = [one["additionalEventData"] for one in sums]
    assert refused == len(single) + sum(one["calls"] for one in told)
    assert f"arn:aws:iam::{many.account}:user/admin" == told[0]["principals"][0]["name"]


def raw(request: HTTPRequest) -> bytes:
    lines = [b"%b: %b\r\n" % pair for pair in request.headers if pair[0] != b"content-length"]
    return b"POST / HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (b"".join(lines), len(request.body), request.body)


def test_a_glance_refuses_what_would_be_refused_in_the_same_words_and_counts_it(desk: Desk) -> None:
    many, few = desk.parties
    glanced = 0

    async def calls() -> None:
        nonlocal glanced
        application, request = desk.worker._application, many.request()
        glance = application.glance
        connections, (polite,) = await desk.proven(many, CALLS + 1), await desk.proven(few, 1)
        sent = raw(request)
        assert glance(sent, connections[0]) is None, "a calm worker reads what comes"

        def crowded() -> None:
            nonlocal glanced
            assert glance(raw(few.request()), polite) is None, "somebody else has places left"
            assert glance(sent, Standing()) is None, "nor does a claim that is not proven say whose a call is"
            assert glance(sent, polite) is None
            assert glance(raw(many.request("secretsmanager.NoSuch")), connections[0]) is None
            assert glance(sent + sent, connections[0]) is None
            first = [glance(sent, connections[0]) for _ in range(RECORDED_A_SECOND)]
            while any(answer is None for answer in first):  # those that are recorded by themselves are read
                first = [glance(sent, connections[0])]
                application.at_once(request, HOME, None, connections[0])
            found = glance(sent, connections[0])
            told = application.at_once(request, HOME, None, connections[0])
            assert isinstance(told, HTTPReply) and found is not None
            status, rest = found
            head, _, body = rest.partition(b"\r\n\r\n")
            lines = dict(line.split(b": ") for line in head.split(b"\r\n"))
            assert b"%d" % len(body) == lines.pop(b"content-length")
            assert (told.status, told.body, dict(told.headers).keys()) == (status, body, lines.keys())
            assert lines.pop(b"x-amzn-requestid") != dict(told.headers)[b"x-amzn-requestid"]
            assert lines.items() <= dict(told.headers).items()
            before = desk.engine.turned_away._counted.total()
            assert all(glance(sent, connections[0]) for _ in range(100))
            glanced = desk.engine.turned_away._counted.total() - before
            connections[0].proven.clear()
            assert glance(sent, connections[0]) is None, "a signature that failed has taken it back"

        await desk.turn([(request, one) for one in connections], until=crowded)

    desk.run(calls)
    assert 100 == glanced


def test_sums_name_a_bounded_number_of_callers_and_count_all(desk: Desk) -> None:
    async def calls() -> None:
        admission, away = desk.engine.admission, desk.engine.turned_away
        for number in range(1000):
            away.count(
                admission.lane_of(
                    HTTPRequest("POST", b"/", b"", [], b""), f"10.0.{number >> 8}.{number & 255}", Standing()
                )
            )
        assert len(away._counted) <= 257
        away.tell()

    desk.run(calls)
    (told,) = [entry.event for entry in entries(desk.data) if entry.name == EVENT]
    assert 1000 == told["additionalEventData"]["calls"]
    assert 20 == len(told["additionalEventData"]["from"])
    assert desk.product.settings.account == told["recipientAccountId"]


def test_each_turn_begins_calm_whatever_came_in_the_last(desk: Desk) -> None:
    """Answers that leave at once, that wait for a commit, and that are refused end their turn all the same."""
    party, _ = desk.parties
    body = orjson.dumps({"Name": "one", "SecretString": "a value", "ClientRequestToken": "0" * 32})

    async def calls() -> None:
        for request in (
            party.request(),
            party.request("secretsmanager.CreateSecret", body),
            Party(party.account, party.key_id, "not the secret").request(),
            HTTPRequest("POST", b"/", b"", [(b"host", b"localhost")], b""),
        ):
            await desk.turn([(request, Standing())])
            assert inf == desk.engine.admission.crowded_at

    desk.run(calls)


def test_writes_that_wait_for_their_commit_are_shared_out_too(desk: Desk) -> None:
    many, few = desk.parties

    async def calls() -> None:
        line = desk.engine.admission.commits
        line._after, line._calls = 0.0, CALLS
        desk.engine.admission.bounds = CALM  # the turn itself is calm
        flood, polite = await desk.proven(many, 40), await desk.proven(few, 2)
        order = [(many, one, f"m{at}") for at, one in enumerate(flood)] + [
            (few, one, f"f{at}") for at, one in enumerate(polite)
        ]
        body = [
            orjson.dumps({"Name": name, "SecretString": "a value", "ClientRequestToken": f"{name:0>32}"})
            for _, _, name in order
        ]
        replies = await desk.turn(
            [
                (party.request("secretsmanager.CreateSecret", text), one)
                for (party, one, _), text in zip(order, body, strict=True)
            ]
        )
        counted = Counter((party.key_id, code(reply)) for (party, _, _), reply in zip(order, replies, strict=True))
        assert 2 == counted[few.key_id, "answered"]
        assert CALLS == counted[many.key_id, "answered"]
        assert 40 - CALLS == counted[many.key_id, "ThrottlingException"]
        assert 0 == len(line)

    desk.run(calls)
