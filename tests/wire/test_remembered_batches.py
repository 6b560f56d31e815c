"""A batch of secrets that the snapshot remembers is decided, decrypted and recorded as one that it does not."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_remembered import everything_in
from tests.wire.test_secretsmanager_life import refused
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.kernel.call import Remembered
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight

NAMES = [f"batch/{number:02d}" for number in range(20)]
ROUNDS = 5
"""Twice each member is learnt; from the third time on it is answered from memory."""


@pytest.fixture
def filled(account: Account) -> Account:
    """An account with twenty secrets, each of which was read today: the first read of a day is a write."""
    secrets = account.client("secretsmanager")
    for name in NAMES:
        secrets.create_secret(Name=name, SecretString=f"value of {name}")
    secrets.batch_get_secret_value(SecretIdList=NAMES)
    return account


def read(client: Any, times: int = ROUNDS) -> list[list[tuple[str, str]]]:
    """(name, value) of each of the answers to one batch, asked several times."""
    answers = [client.batch_get_secret_value(SecretIdList=NAMES) for _ in range(times)]
    return [[(one["Name"], one["SecretString"]) for one in answer["SecretValues"]] for answer in answers]


def expected(**changed: str) -> list[tuple[str, str]]:
    return [(name, changed.get(name, f"value of {name}")) for name in NAMES]


@pytest.fixture
def on_time(tmp_path: Path) -> Iterator[Account]:
    """An account of a server whose clock nobody has moved: what is asked at another time is not remembered so long."""
    server = InProcess(tmp_path / "data")
    try:
        yield server.account()
    finally:
        server.close()


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """In which thread the batches of this test were entered, in order."""
    threads: list[str] = []
    enter = Chain.enter

    def noting(chain: Chain, flight: Flight) -> Flight:
        if flight.call.name == "BatchGetSecretValue":
            threads.append(threading.current_thread().name)
        return enter(chain, flight)

    monkeypatch.setattr(Chain, "enter", noting)
    yield threads


def test_a_remembered_batch_leaves_the_records_that_an_unremembered_one_does(
    filled: Account, strongroom: InProcess
) -> None:
    secrets = filled.client("secretsmanager")
    before = len(records(strongroom, filled))
    assert ROUNDS * [expected()] == read(secrets)
    mine = records(strongroom, filled)[before:]
    of_one = 2 * len(NAMES) + 1
    assert ROUNDS * of_one == len(mine) == len({one["id"] for one in mine})
    assert len(mine) == len({one["event"]["requestID"] for one in mine})
    batches = [mine[at : at + of_one] for at in range(0, len(mine), of_one)]
    first = shape(batches[0])
    assert ["Decrypt", "GetSecretValue"] * len(NAMES) + ["BatchGetSecretValue"] == [name for name, *_ in first]
    for batch in batches[1:]:
        assert first == shape(batch)
        assert {batch[-1]["event"]["requestID"]} == {one["decision"]["for"] for one in batch[:-1]}


def records(strongroom: InProcess, account: Account) -> list[dict[str, Any]]:
    """The lines of an account's records in order, but for its making, which is in another chain."""
    found = [line for _, line in lines(strongroom.settings.data) if "event" in line]
    mine = [line for line in found if line["event"]["recipientAccountId"] == account.id]
    return [line for line in mine if line["event"]["eventName"] != "CreateAccount"]


def shape(batch: list[dict[str, Any]]) -> list[Any]:
    """What records of the same calls have in common: all but times, ids, and the call that they were made for."""
    own = {"eventTime", "eventID", "requestID"}
    return [
        (
            one["event"]["eventName"],
            {name: value for name, value in one["event"].items() if name not in own},
            {name: value for name, value in one["decision"].items() if name != "for"},
        )
        for one in batch
    ]


def test_a_batch_by_ids_is_answered_in_the_event_loop(filled: Account, entered: list[str]) -> None:
    assert ROUNDS * [expected()] == read(filled.client("secretsmanager"))
    assert ROUNDS == len(entered)
    assert 1 == len(set(entered)) and not entered[0].startswith("call")


def test_more_than_the_loop_should_carry_is_read_in_a_thread(account: Account, entered: list[str]) -> None:
    secrets, value = account.client("secretsmanager"), 40_000 * "v"
    for name in ("large/1", "large/2"):
        secrets.create_secret(Name=name, SecretString=value)
        secrets.get_secret_value(SecretId=name)
    for _ in range(ROUNDS):
        both = secrets.batch_get_secret_value(SecretIdList=["large/1", "large/2"])
        assert [value, value] == [one["SecretString"] for one in both["SecretValues"]]
    assert 2 * ROUNDS == len(entered)
    assert ROUNDS == sum(name.startswith("call") for name in entered)


def test_a_batch_of_more_than_twenty_is_refused(filled: Account) -> None:
    secrets = filled.client("secretsmanager")
    assert "ValidationException" == refused(secrets.batch_get_secret_value, SecretIdList=[*NAMES, "one-more"])[0]


def test_a_batch_by_filters_is_always_read_in_a_thread(filled: Account, entered: list[str]) -> None:
    secrets = filled.client("secretsmanager")
    for _ in range(ROUNDS):
        assert 20 == len(
            secrets.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["batch/"]}])["SecretValues"]
        )
    assert 2 * ROUNDS == len(entered)
    assert ROUNDS == sum(name.startswith("call") for name in entered)


def test_a_changed_member_is_answered_at_once(filled: Account) -> None:
    secrets = filled.client("secretsmanager")
    read(secrets)
    secrets.put_secret_value(SecretId=NAMES[7], SecretString="changed")
    assert ROUNDS * [expected(**{NAMES[7]: "changed"})] == read(secrets)


def test_a_member_that_the_caller_may_not_read_any_more_is_an_error_among_values(filled: Account) -> None:
    keys = user(filled, "reader", allow("secretsmanager:*"))
    reader = filled.client("secretsmanager", **keys)
    assert ROUNDS * [expected()] == read(reader)
    filled.client("iam").put_user_policy(
        UserName="reader",
        PolicyName="not-the-third",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"secretsmanager:GetSecretValue",'
        f'"Resource":"arn:aws:secretsmanager:*:*:secret:{NAMES[3]}-*"}}]}}',
    )
    for _ in range(ROUNDS):
        answer = reader.batch_get_secret_value(SecretIdList=NAMES)
        assert [name for name in NAMES if name != NAMES[3]] == [one["Name"] for one in answer["SecretValues"]]
        assert [(NAMES[3], "AccessDeniedException")] == [(e["SecretId"], e["ErrorCode"]) for e in answer["Errors"]]


def test_one_callers_batch_is_never_anothers(filled: Account) -> None:
    read(filled.client("secretsmanager"))
    kept_out = filled.client("secretsmanager", **user(filled, "out", allow("secretsmanager:BatchGetSecretValue")))
    for _ in range(ROUNDS):
        answer = kept_out.batch_get_secret_value(SecretIdList=NAMES)
        assert [] == answer["SecretValues"]
        assert 20 * ["AccessDeniedException"] == [error["ErrorCode"] for error in answer["Errors"]]
    nobody = filled.client("secretsmanager", **user(filled, "nobody", allow("secretsmanager:GetSecretValue")))
    assert "AccessDeniedException" == refused(nobody.batch_get_secret_value, SecretIdList=NAMES)[0]


def test_what_is_remembered_of_a_batch_holds_no_plaintext(on_time: Account) -> None:
    secrets = on_time.client("secretsmanager")
    secrets.create_secret(Name="canary-of-batches", SecretString="canary-77ab01")
    kept: list[Remembered] = []
    for _ in range(100):  # a commit beside it, of the runner, begins all anew
        secrets.batch_get_secret_value(SecretIdList=["canary-of-batches"])
        kept = [one for one in gc.get_objects() if isinstance(one, Remembered)]
        about = [one for one in kept if one.params.get("SecretId") == "canary-of-batches"]
        if any(one.repeat is not None and one.repeat.mould is not None and one.repeat.mould.head for one in about):
            break
    else:
        pytest.fail("the answer was never remembered")
    held = everything_in(kept)
    assert any(b"canary-of-batches" in one for one in held), "the search sees what is kept: its name"
    assert not any(b"canary-77ab01" in one for one in held)
