"""Webhooks: what is sent, signed how, in which order, and what becomes of receivers that fail, hang or redirect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import raw
from tests.inprocess import Account, InProcess
from tests.receivers import Delivery, Receiver

from strongroom.kernel.feed import delivery
from strongroom.server import webhooks
from strongroom.server.directory import DataDirectory, read_credentials

SECRETS = ["aws.secretsmanager"]


@contextmanager
def server(place: Path, told: str) -> Iterator[InProcess]:
    data = place / "data"
    data.mkdir(mode=0o700)
    (data / "events.toml").write_text(told)
    made = InProcess(data)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as made:
        yield made


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_MS", 20)
    monkeypatch.setattr(webhooks, "POST_SECONDS", 1.0)


def credentials(strongroom: InProcess) -> tuple[str, str]:
    found = read_credentials(DataDirectory(strongroom.settings.data))
    assert found is not None
    return found


def standing(strongroom: InProcess, name: str = "one") -> delivery.Standing:
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        found = delivery.standing(tx, name)
    assert found is not None
    return found


def wait_held(strongroom: InProcess) -> None:
    """Until the webhook is known: it begins with what happens from then."""
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    pause = threading.Event()
    for _ in range(3000):
        with engine.store.read() as tx:
            if delivery.standing(tx, "one") is not None:
                return
        pause.wait(0.02)
    raise AssertionError("nobody delivers")


def test_a_change_is_sent_as_eventbridge_would_and_signed(tmp_path: Path, receiver: Receiver) -> None:
    """Source: facts of Secrets Manager, 14.3; Standard Webhooks specification."""
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        account = strongroom.account()
        client = account.client("secretsmanager")
        arn = client.create_secret(Name="db", SecretString="canary-value")["ARN"]
        client.get_secret_value(SecretId="db")
        client.put_secret_value(SecretId="db", SecretString="canary-two")
        client.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
        receiver.wait_for(lambda r: "DeleteSecret" in r.names())
    first = receiver.taken[0]
    told = first.event
    assert ("0", "AWS API Call via CloudTrail", "aws.secretsmanager") == (
        told["version"], told["detail-type"], told["source"],
    )  # fmt: skip
    assert (account.id, "us-east-1", []) == (told["account"], told["region"], told["resources"])
    assert ("CreateSecret", told["id"]) == (told["detail"]["eventName"], told["detail"]["eventID"])
    assert arn == told["detail"]["responseElements"]["arn"]
    assert all(one.is_signed() for one in receiver.taken)
    assert not first.is_signed(b"another-key-of-the-same-length-here!")
    names = [one for one in receiver.names() if not one.endswith("VersionDelete")]
    assert ["CreateSecret", "PutSecretValue", "DeleteSecret"] == names
    assert not any(b"canary" in one.raw for one in receiver.seen)


def test_what_was_refused_is_not_sent(tmp_path: Path, receiver: Receiver) -> None:
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        client = strongroom.account().client("secretsmanager")
        client.create_secret(Name="db", SecretString="x")
        with pytest.raises(client.exceptions.ResourceExistsException):
            client.create_secret(Name="db", SecretString="x")
        client.tag_resource(SecretId="db", Tags=[{"Key": "k", "Value": "v"}])
        receiver.wait_for(lambda r: "TagResource" in r.names())
    assert ["CreateSecret", "TagResource"] == receiver.names()


def test_only_what_is_asked_for_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    told = receiver.section(names=["PutSecretValue"], accounts=["111111111111"])
    with server(tmp_path, told) as strongroom:
        wait_held(strongroom)
        for number in ("222222222222", "111111111111"):
            client = strongroom.account(number).client("secretsmanager")
            client.create_secret(Name="db", SecretString="x")
            client.put_secret_value(SecretId="db", SecretString="y")
        receiver.wait_for(lambda r: bool(r.taken))
    assert [("PutSecretValue", "111111111111")] == [(one.name, one.event["account"]) for one in receiver.taken]


@pytest.mark.parametrize("fault", [500, 503, 302, 307, 429, None], ids=str)
def test_a_failing_receiver_gets_it_again_under_the_same_id_and_in_order(
    tmp_path: Path, receiver: Receiver, fault: int | None
) -> None:
    def first_three_fail(one: Delivery) -> int | None:
        return fault if len([other for other in receiver.seen if other.id == one.id]) <= 3 else 200

    receiver.answer = first_three_fail
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        client = strongroom.account().client("secretsmanager")
        client.create_secret(Name="db", SecretString="x")
        client.put_secret_value(SecretId="db", SecretString="y")
        receiver.wait_for(lambda r: len(r.taken) == 2)
    assert ["CreateSecret", "PutSecretValue"] == receiver.names()
    ids = [one.id for one in receiver.seen]
    assert [ids[0]] * 4 + [ids[4]] * 4 == ids
    assert [] == receiver.elsewhere, "a redirect was followed"


def test_a_receiver_that_hangs_is_cut_off_and_asked_again(tmp_path: Path, receiver: Receiver) -> None:
    hung = threading.Event()
    receiver.answer = lambda _: (hung.wait(30), 200)[1] if len(receiver.seen) == 1 else 200
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        strongroom.account().client("secretsmanager").create_secret(Name="db", SecretString="x")
        receiver.wait_for(lambda r: len(r.taken) == 1)
        hung.set()
    assert receiver.seen[0].id == receiver.seen[1].id


def test_a_receiver_that_answers_and_does_not_close_has_taken_it(tmp_path: Path, receiver: Receiver) -> None:
    receiver.linger = 4.0
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        strongroom.account().client("secretsmanager").create_secret(Name="db", SecretString="x")
        receiver.wait_for(lambda _: standing(strongroom).delivered == 1)
    assert 1 == len(receiver.seen)


def test_an_event_that_is_refused_becomes_a_dead_letter_and_the_next_ones_come(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda one: 400 if one.name == "CreateSecret" else 200
    with server(tmp_path, receiver.section(sources=SECRETS)) as strongroom:
        wait_held(strongroom)
        client = strongroom.account().client("secretsmanager")
        client.create_secret(Name="db", SecretString="x")
        client.put_secret_value(SecretId="db", SecretString="y")
        receiver.wait_for(lambda r: bool(r.taken) and standing(strongroom).delivered == 1)
        found = standing(strongroom)
        engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
        with engine.store.read() as tx:
            (dead,) = delivery.dead(tx, "one", 10)
        mine = Account(strongroom.url, strongroom.settings.account, *credentials(strongroom))
        asked: dict[str, Any] = {"target": None, "service": "strongroom", "method": "GET", "content_type": None}
        shown = raw.signed(mine, b"", path="/_strongroom/webhooks", **asked)
        other = raw.signed(strongroom.account(), b"", path="/_strongroom/webhooks", **asked)
    (told,) = json.loads(shown.body)["Webhooks"]
    assert ("one", 1, 1) == (told["Name"], told["Delivered"], told["Dead"])
    assert "CreateSecret" in told["DeadLetters"][0]["Event"]
    assert 403 == other.status, "another account's administrator saw the letters"
    assert (1, 1) == (found.delivered, found.dead)
    assert "status 400" in dead.error
    assert '"eventName":"CreateSecret"' in dead.body
    assert webhooks.REFUSED_AT_MOST == len([one for one in receiver.seen if one.name == "CreateSecret"])


def test_an_event_that_nobody_takes_for_too_long_becomes_a_dead_letter(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answer = lambda one: 503 if one.name == "CreateSecret" else 200
    with server(tmp_path, receiver.section(sources=SECRETS, retry_hours=0.0001)) as strongroom:
        wait_held(strongroom)
        client = strongroom.account().client("secretsmanager")
        client.create_secret(Name="db", SecretString="x")
        client.put_secret_value(SecretId="db", SecretString="y")
        receiver.wait_for(lambda r: r.names() == ["PutSecretValue"])
    assert len(receiver.seen) > 2


@pytest.mark.parametrize("change", [{"internal": False}, {"url": "https://localhost:1/hook"}], ids=str)
def test_an_address_that_must_not_be_called_is_not(tmp_path: Path, receiver: Receiver, change: dict[str, Any]) -> None:
    with server(tmp_path, receiver.section(sources=SECRETS, **change)) as strongroom:
        wait_held(strongroom)
        strongroom.account().client("secretsmanager").create_secret(Name="db", SecretString="x")
        receiver.wait_for(lambda _: standing(strongroom).attempt > 1)
        error = standing(strongroom).error
    assert [] == receiver.seen
    assert "not called" in error or "did not answer" in error or "not trusted" in error
