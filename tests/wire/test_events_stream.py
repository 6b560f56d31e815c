"""The stream of changes: who sees what, until when, from where, and how many."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.inprocess import Account, InProcess
from tests.streams import Stream
from tests.wire.test_sts import policy

from strongroom.kernel.feed import rows
from strongroom.server import streams

ALL_EVENTS = {"Effect": "Allow", "Action": "strongroom:EventsRead", "Resource": "*"}


def opened(account: Account, **more: Any) -> Stream:
    return Stream(account.url, account.key_id, account.secret, **more)


def user(account: Account, *statements: dict[str, Any], name: str = "reader") -> dict[str, str]:
    iam = account.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key_id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def describe(*names: str) -> dict[str, Any]:
    arns = [f"arn:aws:secretsmanager:*:*:secret:{name}-*" for name in names]
    return {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret", "Resource": arns}


def test_a_change_is_seen_within_a_second_and_carries_no_value(account: Account) -> None:
    client = account.client("secretsmanager")
    with opened(account) as stream:
        client.create_secret(Name="db", SecretString="canary-value")
        done = time.monotonic()
        stream.wait_for(lambda s: len(s.events) == 1)
        assert time.monotonic() - done < 1.0
        client.get_secret_value(SecretId="db")
        client.put_secret_value(SecretId="db", SecretString="canary-two")
        stream.wait_for(lambda s: len(s.events) == 2)
    assert ["CreateSecret", "PutSecretValue"] == stream.names()
    assert "aws.secretsmanager" == stream.events[0]["source"]
    assert "canary" not in json.dumps(stream.events)


def test_who_may_describe_one_secret_sees_the_changes_of_that_one(account: Account) -> None:
    keys = user(account, ALL_EVENTS, describe("mine"))
    client = account.client("secretsmanager")
    with Stream(account.url, **keys) as stream:
        for name in ("other", "mine"):
            client.create_secret(Name=name, SecretString="x")
        client.delete_secret(SecretId="other", ForceDeleteWithoutRecovery=True)
        client.tag_resource(SecretId="mine", Tags=[{"Key": "k", "Value": "v"}])
        stream.wait_for(lambda s: "TagResource" in s.names())
    assert ["CreateSecret", "TagResource"] == stream.names()


def test_a_deny_that_comes_later_holds_from_then_on(account: Account) -> None:
    keys = user(account, ALL_EVENTS, describe("*"))
    client, iam = account.client("secretsmanager"), account.client("iam")
    denied = describe("hidden") | {"Effect": "Deny"}
    with Stream(account.url, **keys) as stream:
        client.create_secret(Name="hidden", SecretString="x")
        stream.wait_for(lambda s: len(s.events) == 1)
        iam.put_user_policy(UserName="reader", PolicyName="no", PolicyDocument=policy(denied))
        client.put_secret_value(SecretId="hidden", SecretString="y")
        client.create_secret(Name="shown", SecretString="x")
        stream.wait_for(lambda s: len(s.events) == 2)
    assert ["hidden", "shown"] == [one["detail"]["requestParameters"]["name"] for one in stream.events]


def test_other_accounts_and_other_regions_are_not_seen(strongroom: InProcess, account: Account) -> None:
    other = strongroom.account()
    with opened(account) as stream:
        other.client("secretsmanager").create_secret(Name="theirs", SecretString="x")
        account.client("secretsmanager", "eu-west-1").create_secret(Name="elsewhere", SecretString="x")
        account.client("secretsmanager").create_secret(Name="here", SecretString="x")
        stream.wait_for(lambda s: bool(s.events))
    assert ["here"] == [one["detail"]["requestParameters"]["name"] for one in stream.events]


def test_who_may_not_read_events_gets_no_stream(account: Account) -> None:
    with Stream(account.url, **user(account, describe("*"))) as stream:
        assert 403 == stream.status
    with opened(account, region="eu-west-1") as stream:
        assert 200 == stream.status
    with Stream(account.url, account.key_id, "wrong") as stream:
        assert 403 == stream.status


@pytest.mark.parametrize("what", ["key", "user", "permission"])
def test_the_stream_ends_with_key_user_or_permission(account: Account, what: str) -> None:
    keys = user(account, ALL_EVENTS, describe("*"))
    iam = account.client("iam")
    with Stream(account.url, **keys) as stream:
        if what == "key":
            iam.update_access_key(UserName="reader", AccessKeyId=keys["key_id"], Status="Inactive")
        else:
            iam.delete_user_policy(UserName="reader", PolicyName="p")
        if what == "user":
            iam.delete_access_key(UserName="reader", AccessKeyId=keys["key_id"])
            iam.delete_user(UserName="reader")
        assert stream.ended.wait(60)
        account.client("secretsmanager").create_secret(Name="after", SecretString="x")
    assert (["end"], []) == (stream.marks, stream.events)


def test_the_stream_ends_with_its_session(strongroom: InProcess, account: Account) -> None:
    found = account.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    keys = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    with Stream(account.url, *keys) as stream:
        account.client("secretsmanager").create_secret(Name="before", SecretString="x")
        stream.wait_for(lambda s: len(s.events) == 1)
        strongroom.advance(timedelta(seconds=901))
        assert stream.ended.wait(60)
    assert ["end"] == stream.marks


def test_a_stream_goes_on_behind_the_last_event_that_its_client_had(account: Account) -> None:
    client = account.client("secretsmanager")
    with opened(account) as stream:
        client.create_secret(Name="db", SecretString="x")
        stream.wait_for(lambda s: len(s.events) == 1)
    for token in ("1" * 32, "2" * 32):
        client.put_secret_value(SecretId="db", SecretString=token, ClientRequestToken=token)
    with opened(account, after=stream.ids[-1]) as again:
        again.wait_for(lambda s: len(s.events) == 2)
        client.delete_secret(SecretId="db")
        again.wait_for(lambda s: "DeleteSecret" in s.names())
    told = [one["detail"]["requestParameters"].get("clientRequestToken") for one in again.events[:2]]
    assert ["1" * 32, "2" * 32] == told
    assert again.ids == sorted(again.ids, key=int)
    with opened(account, after="0") as whole:
        whole.wait_for(lambda s: s.ids[: len(stream.ids)] == stream.ids)
    with opened(account, after="not a number") as refused:
        assert 400 == refused.status


def test_streams_are_bounded_and_one_that_ends_makes_room(
    strongroom: InProcess, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_OF_ONE", 2)
    kept = [opened(account) for _ in range(2)]
    with opened(account) as refused:
        assert 429 == refused.status
    with opened(strongroom.account()) as other:
        assert 200 == other.status
    kept.pop().close()
    until = time.monotonic() + 60
    while True:
        with opened(account) as again:
            if again.status == 200:
                break
        assert time.monotonic() < until
        time.sleep(0.05)
    kept.pop().close()


def test_a_reader_that_does_not_read_is_cut_off(
    strongroom: InProcess, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the one place that there is until then, and not longer."""
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.5)
    monkeypatch.setattr(streams, "MOST_OF_ONE", 1)
    arn = account.client("secretsmanager").create_secret(Name="db", SecretString="x")["ARN"]
    slow = that_never_reads(account)
    try:
        wait_for_status(account, 429)
        # More than the buffers of both sides hold.
        big = (account.id, "us-east-1", "aws.secretsmanager", "Big", arn, b'"' + b"x" * 250_000 + b'"')
        with strongroom.worker.asgi.engine.store.write() as tx:  # type: ignore[attr-defined]
            rows.add_told(tx, [big] * 80, 0)
        wait_for_status(account, 200)
    finally:
        slow.close()


def status(account: Account) -> int:
    with opened(account) as stream:
        return stream.status


def wait_for_status(account: Account, wanted: int) -> None:
    until = time.monotonic() + 60
    while (now := status(account)) != wanted:
        assert time.monotonic() < until, f"still {now}"
        time.sleep(0.05)


def that_never_reads(account: Account) -> socket.socket:
    """A stream with a small window whose client takes nothing of it."""
    request = AWSRequest("GET", f"{account.url}/_strongroom/events")
    SigV4Auth(Credentials(account.key_id, account.secret), "strongroom", "us-east-1").add_auth(request)
    host, port = account.url.removeprefix("http://").split(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    made.connect((host, int(port)))
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(["GET /_strongroom/events HTTP/1.1", f"Host: {host}:{port}", *lines, "", ""])
    made.sendall(head.encode())
    # It has its place once it is answered; what is looked at so is not taken.
    assert made.recv(12, socket.MSG_PEEK).startswith(b"HTTP/1.1")
    return made
