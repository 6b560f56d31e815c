"""Reads that are worked out together are answered and recorded as if each had come alone.

They pass the chain by hand here, so that nothing depends on what happens to come at the same time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.inprocess import Account, InProcess
from tests.wire.test_alike import NAMES, MoreChanges
from tests.wire.test_remembered import OFTEN, lasting
from tests.wire.test_remembered_changes import Forgetful

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel import together
from strongroom.kernel.call import Source
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.kinship import Likeness
from strongroom.kernel.steps import INSIDE, decide_the_call
from strongroom.kernel.storage.memory import Memory
from strongroom.kernel.together import enter_together
from strongroom.server.admission import Standing
from strongroom.server.turn import TOGETHER

SOURCE = Source("127.0.0.1", "test", "127.0.0.1")
STEPS = 24
Keys = tuple[str, str]


class Asked:
    """One request of one caller, to be asked as often as one likes."""

    def __init__(self, name: str, url: str, keys: Keys, service: str, target: str, body: bytes) -> None:
        self.name = name
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        made = AWSRequest("POST", f"{url}/", data=body, headers=headers)
        SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(made)
        listed = [(b"host", url.removeprefix("http://").encode())]
        listed += [(name.lower().encode(), value.encode()) for name, value in made.headers.items()]
        self.request = HTTPRequest("POST", b"/", b"", listed, body)


def get(account: Account, keys: Keys, **params: Any) -> Asked:
    name = f"{keys[0]} reads {params}"
    return Asked(name, account.url, keys, "secretsmanager", "secretsmanager.GetSecretValue", orjson.dumps(params))


def chain_of(server: InProcess) -> Chain:
    chain: Chain = server.worker.asgi.engine.chain  # type: ignore[attr-defined]
    return chain


def come(chain: Chain, asked: list[Asked]) -> list[Flight]:
    return [chain.begin(one.request, SOURCE) for one in asked]


def one_by_one(chain: Chain, asked: list[Asked]) -> list[Flight]:
    return [chain.enter(flight) for flight in come(chain, asked)]


def all_together(chain: Chain, asked: list[Asked]) -> list[Flight]:
    flights = come(chain, asked)
    enter_together(chain, flights)
    return flights


def told(flight: Flight) -> tuple[Any, ...]:
    """All that a read has come to, but for times and ids: its answer, its records, and where it goes from here."""
    reply = flight.reply
    answer = None if reply is None else (reply.status, reply.body)
    written = [orjson.dumps({"event": one.event, "decision": one.decision or {}}) for one in flight.records]
    return answer, flight.needs_time, [lasting(orjson.loads(line)) for line in written]


def value(flight: Flight) -> Any:
    assert flight.reply is not None
    return orjson.loads(flight.reply.body)["SecretString"]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[InProcess]:
    made = InProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def alone_entered(monkeypatch: pytest.MonkeyPatch) -> list[Flight]:
    """The flights that were entered by themselves from now on."""
    entered: list[Flight] = []
    enter = Chain.enter

    def counted(chain: Chain, flight: Flight) -> Flight:
        entered.append(flight)
        return enter(chain, flight)

    monkeypatch.setattr(Chain, "enter", counted)
    return entered


@pytest.mark.parametrize("seed", [5, 6])
def test_each_is_answered_and_recorded_as_if_it_had_come_alone(
    alone: InProcess, monkeypatch: pytest.MonkeyPatch, alone_entered: list[Flight], seed: int
) -> None:
    """Over random changes of all that a read depends on. Some may not, do not fit, or come for the first time."""
    account, chance = alone.account(), random.Random(seed)
    changes = MoreChanges(account, chance)
    made = changes.iam.create_access_key(UserName="other")["AccessKey"]
    changes._user_policy({})
    everyone: list[Keys] = [(account.key_id, account.secret), (made["AccessKeyId"], made["SecretAccessKey"])]
    everyone += [(account.key_id, "not the key"), ("AKIANOBODY0000000000", "nobody's")]
    for name in NAMES:
        changes.do_make(name)
    arn = changes.secrets.describe_secret(SecretId="a")["ARN"]
    questions = [
        *({"SecretId": name} for name in (*NAMES, arn, "nobody", arn.replace("us-east-1", "eu-west-1"), "not!an id")),
        *({"SecretId": "a", "VersionStage": stage} for stage in ("AWSPREVIOUS", "AWSCURRENT")),
        {"SecretId": "b", "VersionId": "x" * 32},
        {"SecretId": ""},
        {},
    ]
    asked = [get(account, keys, **params) for keys in everyone for params in questions]
    target, text = "secretsmanager.DescribeSecret", orjson.dumps({"SecretId": "a"})
    asked += [Asked("describes", account.url, everyone[0], "secretsmanager", target, text)]
    asked += [Asked("is no JSON", account.url, everyone[0], "secretsmanager", target, b"{")]
    forgetful, chain = Forgetful(monkeypatch), chain_of(alone)
    taken = 0
    for _ in range(STEPS):
        did = changes.made()
        if chance.random() < 0.7:  # the first reads of a day; without them those are among the others
            for name in NAMES:
                changes.secrets.get_secret_value(SecretId=name) if exists(changes, name) else None
        chance.shuffle(asked)
        with forgetful.forgetting():
            anew = one_by_one(chain, asked)
        for _again in range(2):
            alone_entered.clear()
            groups = [asked[at : at + TOGETHER] for at in range(0, len(asked), TOGETHER)]
            found = [flight for group in groups for flight in all_together(chain, group)]
            taken += len(found) - len(alone_entered)
            for one, expected, flight in zip(asked, anew, found, strict=True):
                assert told(expected) == told(flight), f"{one.name} after {did}"
                assert expected.call.credential.access_key_id == flight.call.credential.access_key_id
    assert taken > STEPS * len(asked), "hardly any were taken together: this shows nothing"


def exists(changes: MoreChanges, name: str) -> bool:
    """Whether the other user's administrator can read a secret now."""
    found = changes.secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    return any(one["Name"] == name and "DeletedDate" not in one for one in found)


def filled(server: InProcess, count: int) -> tuple[Account, list[Asked]]:
    """An account with secrets, each read once, and a read of each."""
    account = server.account()
    secrets = account.client("secretsmanager")
    for number in range(count):
        secrets.create_secret(Name=f"many/{number}", SecretString=f"value {number}")
        secrets.get_secret_value(SecretId=f"many/{number}")
    return account, [get(account, (account.key_id, account.secret), SecretId=f"many/{n}") for n in range(count)]


def test_a_commit_in_the_middle_is_seen_by_all_that_are_not_answered(
    alone: InProcess, monkeypatch: pytest.MonkeyPatch, alone_entered: list[Flight]
) -> None:
    account, asked = filled(alone, 6)
    chain, secrets = chain_of(alone), account.client("secretsmanager")
    all_together(chain, asked)
    put: list[str] = []
    locate = Likeness.locate

    def committing(one: Likeness, tx: Any) -> bool:
        if not put:
            put.append("now")
            for number in range(6):
                secrets.put_secret_value(SecretId=f"many/{number}", SecretString=f"newer {number}")
                secrets.get_secret_value(SecretId=f"many/{number}")
        return locate(one, tx)

    monkeypatch.setattr(Likeness, "locate", committing)
    monkeypatch.setattr(Memory, "met", lambda memory, question: False)
    alone_entered.clear()
    flights = all_together(chain, asked)
    assert put, "kin was not asked"
    assert [f"newer {number}" for number in range(6)] == [value(flight) for flight in flights]
    assert flights == alone_entered[-6:]


def test_what_is_remembered_of_one_hangs_on_that_one(alone: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    account, asked = filled(alone, 8)
    chain, secrets = chain_of(alone), account.client("secretsmanager")
    for _ in range(OFTEN):
        all_together(chain, asked)
    dropped: list[Any] = []
    drop = Memory._drop

    def counted(memory: Memory, question: Any) -> None:
        dropped.append(question)
        drop(memory, question)

    monkeypatch.setattr(Memory, "_drop", counted)
    secrets.update_secret(SecretId="many/3", Description="changed")
    found = [value(flight) for flight in all_together(chain, asked)]
    assert [f"value {number}" for number in range(8)] == found
    assert [3] == [n for n, one in enumerate(asked) if any(one.request.body in question for question in dropped)]


def test_one_whose_kin_fails_is_worked_out_alone_and_stops_nobody(
    alone: InProcess, monkeypatch: pytest.MonkeyPatch, alone_entered: list[Flight]
) -> None:
    _, asked = filled(alone, 6)
    chain = chain_of(alone)
    for _ in range(2):
        all_together(chain, asked)
    monkeypatch.setattr(Memory, "met", lambda memory, question: False)
    answer = Likeness.answer
    failed: list[Likeness] = []

    def failing(one: Likeness, tx: Any) -> bool:
        if one.call["SecretId"] == "many/2" and not failed:
            failed.append(one)
            raise RuntimeError("a fault of kin's")
        return answer(one, tx)

    monkeypatch.setattr(Likeness, "answer", failing)
    monkeypatch.setattr(together, "_sorted", forgotten(together._sorted))
    alone_entered.clear()
    assert [f"value {number}" for number in range(6)] == [value(flight) for flight in all_together(chain, asked)]
    assert failed
    assert not alone_entered, "the others went on together, and it went on in their snapshot"


def forgotten(sort: Any) -> Any:
    """Nothing is recalled: all ask their kin."""

    def sorted_(chain: Chain, going: list[Flight], tx: Any) -> Any:
        for flight in going:
            flight.call.remembered = None
        return sort(chain, going, tx)

    return sorted_


def test_without_a_decision_that_allowed_it_none_is_answered(alone: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step is taken for all of them too."""
    _, asked = filled(alone, 4)
    chain = chain_of(alone)
    for _ in range(OFTEN):
        all_together(chain, asked)

    def undecided(chain: Chain, call: Any, operation: Any, tx: Any, answer: Any) -> Any:
        call.decision = None
        return answer

    steps = tuple(undecided if step is decide_the_call else step for step in INSIDE)
    monkeypatch.setattr(together, "INSIDE", steps)
    for flight in all_together(chain, asked):
        assert flight.reply is not None
        assert 500 == flight.reply.status
        assert b"value" not in flight.reply.body


# ---------------------------------------------------------------------- in a turn of the loop


async def answered(server: InProcess, asked: list[Asked]) -> list[HTTPReply]:
    """The replies to requests that come in one turn, each on a connection that waits for it."""
    replies: dict[int, HTTPReply] = {}
    for number, one in enumerate(asked):
        standing = Standing()
        standing.patient = True
        held: Any = server.worker.at_once(one.request, "127.0.0.1", None, standing)

        def deliver(reply: HTTPReply, number: int = number) -> None:
            assert number not in replies
            replies[number] = reply

        assert not held.can_hurry
        held.deliver = deliver
    assert not replies, "nothing leaves before its record"
    async with asyncio.timeout(60):
        while len(replies) < len(asked):
            await asyncio.sleep(0.001)
    return [replies[number] for number in range(len(asked))]


def test_first_reads_of_a_day_that_come_together_are_answered_when_their_dates_are_stored(alone: InProcess) -> None:
    account = alone.account()
    secrets, count = account.client("secretsmanager"), 2 * TOGETHER + 3
    for number in range(count):
        secrets.create_secret(Name=f"new/{number}", SecretString=f"value {number}")
    keys = account.key_id, account.secret
    asked = [get(account, keys, SecretId=f"new/{number}") for number in range(count)]
    asked.insert(3, get(account, (account.key_id, "not the key"), SecretId="new/0"))
    replies = asyncio.run(answered(alone, asked))
    assert 400 == replies.pop(3).status
    assert [f"value {number}" for number in range(count)] == [orjson.loads(one.body)["SecretString"] for one in replies]
    for number in range(count):
        assert "LastAccessedDate" in secrets.describe_secret(SecretId=f"new/{number}")


def test_reads_of_one_turn_are_worked_out_by_the_group(alone: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = filled(alone, 2 * TOGETHER + 3)
    groups: list[int] = []

    def counted(chain: Chain, flights: list[Flight]) -> None:
        groups.append(len(flights))
        enter_together(chain, flights)

    monkeypatch.setattr("strongroom.server.turn.enter_together", counted)
    replies = asyncio.run(answered(alone, asked))
    assert [TOGETHER, TOGETHER, 3] == groups
    assert all(200 == one.status for one in replies)
