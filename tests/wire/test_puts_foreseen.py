"""A put that was worked out before its turn is refused in its turn by all that would have refused it there.

Each of them is worked out first. Then something changes, committed before its turn or earlier in the same batch.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import botocore.auth
import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_iam_roles import trust
from tests.wire.test_secretsmanager_policies import allow, policy, user

from strongroom.base.http import HTTPRequest
from strongroom.kernel.call import Source
from strongroom.kernel.flight import Flight
from strongroom.kernel.storage.writequeue import Outcome, Waiter

SOURCE = Source("127.0.0.1", "test", "127.0.0.1")


class Desk:
    """Takes requests through the steps of a worker by hand: worked out when told to, and their turn when told to."""

    def __init__(self, strongroom: InProcess, account: Account) -> None:
        self.engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
        self.account = account
        self.admin = {"aws_access_key_id": account.key_id, "aws_secret_access_key": account.secret}

    def begun(self, keys: dict[str, str], service: str, target: str, **params: Any) -> Flight:
        """A request that has come, was proven, and waits for its turn."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        return self._signed(keys, service, orjson.dumps(params), headers)

    def begun_form(self, keys: dict[str, str], service: str, params: dict[str, str]) -> Flight:
        """The same of a service that takes forms."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._signed(keys, service, urlencode(params).encode(), headers)

    def _signed(self, keys: dict[str, str], service: str, body: bytes, headers: dict[str, str]) -> Flight:
        made = AWSRequest("POST", f"{self.account.url}/", data=body, headers=headers)
        SigV4Auth(Credentials(*keys.values()), service, "us-east-1").add_auth(made)
        listed = [(b"host", self.account.url.removeprefix("http://").encode())]
        listed += [(name.lower().encode(), value.encode()) for name, value in made.headers.items()]
        request = HTTPRequest("POST", b"/", b"", listed, body)
        flight: Flight = self.engine.chain.enter(self.engine.chain.begin(request, SOURCE))
        return flight

    def put(self, keys: dict[str, str], secret: str, value: str, **more: Any) -> Flight:
        """A put that was worked out."""
        params = {"SecretId": secret, "SecretString": value, "ClientRequestToken": str(uuid4()), **more}
        flight = self.begun(keys, "secretsmanager", "secretsmanager.PutSecretValue", **params)
        assert flight.reply is None
        return flight

    def turn(self, *flights: Flight) -> list[dict[str, Any]]:
        """Their turn, in one batch; their answers, or what they are refused with under ``__type``."""
        held = threading.Event()
        self.engine.queue.submit(lambda _: Outcome(keep=held.wait(60), records=(), value=None), lambda _: None)
        waiters = []
        for flight in flights:
            waiters.append(Waiter())
            self.engine.queue.submit(lambda tx, flight=flight: self.engine.chain.write(flight, tx), waiters[-1])
        held.set()
        for waiter in waiters:
            waiter.wait(60)
        told = []
        for flight in flights:
            assert flight.reply is not None
            body = flight.reply.body or b"{}"
            told.append(orjson.loads(body) if body[:1] == b"{" else {})
        return told


@pytest.fixture
def desk(strongroom: InProcess, account: Account) -> Desk:
    return Desk(strongroom, account)


@pytest.fixture
def clerk(account: Account) -> dict[str, str]:
    """A user who may do all with secrets and keys."""
    secrets = account.client("secretsmanager")
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    secrets.create_secret(Name="db", SecretString="0", KmsKeyId=key, Tags=[{"Key": "team", "Value": "red"}])
    secrets.create_secret(Name="other", SecretString="0")
    mine = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    return user(
        account,
        "clerk",
        allow("secretsmanager:*", **mine),
        allow("secretsmanager:*", resource="arn:aws:secretsmanager:*:*:secret:other-??????"),
        allow("kms:*"),
    )


def _who(account: Account) -> str:
    return f"arn:aws:iam::{account.id}:user/clerk"


def _deny(account: Account) -> tuple[str, str, dict[str, Any]]:
    text = policy({"AWS": _who(account)}, "secretsmanager:PutSecretValue", effect="Deny")
    return "secretsmanager", "secretsmanager.PutResourcePolicy", {"SecretId": "db", "ResourcePolicy": text}


def _untag(account: Account) -> tuple[str, str, dict[str, Any]]:
    return "secretsmanager", "secretsmanager.UntagResource", {"SecretId": "db", "TagKeys": ["team"]}


def _retag(account: Account) -> tuple[str, str, dict[str, Any]]:
    tags = [{"Key": "team", "Value": "blue"}]
    return "secretsmanager", "secretsmanager.TagResource", {"SecretId": "db", "Tags": tags}


def _delete(account: Account) -> tuple[str, str, dict[str, Any]]:
    return "secretsmanager", "secretsmanager.DeleteSecret", {"SecretId": "db", "RecoveryWindowInDays": 7}


def _purge(account: Account) -> tuple[str, str, dict[str, Any]]:
    return "secretsmanager", "secretsmanager.DeleteSecret", {"SecretId": "db", "ForceDeleteWithoutRecovery": True}


def _key(account: Account) -> str:
    found = account.client("secretsmanager").describe_secret(SecretId="db")
    return str(found["KmsKeyId"])


def _disable(account: Account) -> tuple[str, str, dict[str, Any]]:
    return "kms", "TrentService.DisableKey", {"KeyId": _key(account)}


def _forbid_key(account: Account) -> tuple[str, str, dict[str, Any]]:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"}, "Action": "kms:*"}
    kept = {"Effect": "Deny", "Principal": {"AWS": _who(account)}, "Action": "kms:GenerateDataKey"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [{**root, "Resource": "*"}, {**kept, "Resource": "*"}]})
    return "kms", "TrentService.PutKeyPolicy", {"KeyId": _key(account), "PolicyName": "default", "Policy": text}


REFUSALS: dict[str, tuple[Callable[[Account], tuple[str, str, dict[str, Any]]], str]] = {
    "its policy denies": (_deny, "AccessDeniedException"),
    "its tag is gone": (_untag, "AccessDeniedException"),
    "its tag has changed": (_retag, "AccessDeniedException"),
    "it is to be deleted": (_delete, "InvalidRequestException"),
    "it is gone": (_purge, "AccessDeniedException"),  # the clerk's permission hangs on its tag
    "its key is disabled": (_disable, "EncryptionFailure"),
    "its key's policy denies": (_forbid_key, "AccessDeniedException"),
}


RECORDED = {"AccessDeniedException": "AccessDenied"}
"""As records have it."""


def records(strongroom: InProcess) -> list[dict[str, Any]]:
    """Every record of the journal."""
    return [line for _, line in lines(strongroom.settings.data) if "event" in line]


def _refused(answer: dict[str, Any]) -> str:
    return str(answer.get("__type", answer)).rpartition("#")[2]


@pytest.mark.parametrize("together", [False, True], ids=["committed before", "in the same batch"])
@pytest.mark.parametrize("change", REFUSALS)
def test_what_changed_since_it_was_worked_out_refuses_it(
    desk: Desk, clerk: dict[str, str], strongroom: InProcess, change: str, together: bool
) -> None:
    for _ in range(4):  # by now the chain remembers what it can
        assert "VersionId" in desk.turn(desk.put(clerk, "db", "0"))[0]
    before = desk.account.client("secretsmanager").describe_secret(SecretId="db")["VersionIdsToStages"]
    made, code = REFUSALS[change]
    put, others = desk.put(clerk, "db", "1"), desk.put(clerk, "other", "1")
    assert put.prepared is not None
    assert others.prepared is not None
    changed = desk.begun(desk.admin, *made(desk.account)[:2], **made(desk.account)[2])
    if together:
        _, refused, other = desk.turn(changed, put, others)
    else:
        desk.turn(changed)
        refused, other = desk.turn(put, others)
    assert code == _refused(refused)
    assert "VersionId" in other
    if change != "it is gone":
        after = desk.account.client("secretsmanager").describe_secret(SecretId="db")["VersionIdsToStages"]
        assert before == after
    about = [line for line in records(strongroom) if line["event"]["requestID"] == put.call.request_id]
    assert [RECORDED.get(code, code)] == [line["event"].get("errorCode") for line in about], "its refusal, once"


def test_a_policy_of_its_caller_that_changed_refuses_it(desk: Desk, clerk: dict[str, str]) -> None:
    put = desk.put(clerk, "db", "1")
    assert put.prepared is not None
    desk.account.client("iam").delete_user_policy(UserName="clerk", PolicyName="p")
    assert "AccessDeniedException" == _refused(desk.turn(put)[0])
    key = clerk["aws_access_key_id"]
    desk.account.client("iam").update_access_key(UserName="clerk", AccessKeyId=key, Status="Inactive")
    late = desk.begun(clerk, "secretsmanager", "secretsmanager.PutSecretValue", SecretId="db", SecretString="2")
    assert late.prepared is None
    assert late.reply is not None
    assert "UnrecognizedClientException" == _refused(orjson.loads(late.reply.body))


def test_a_session_that_ended_refuses_the_next_put_though_nobody_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = InProcess(tmp_path / "data")  # nobody has moved its clock: all that can be remembered is
    try:
        desk = Desk(server, server.account())
        desk.account.client("secretsmanager").create_secret(Name="db", SecretString="0")
        session = _session(desk.account)
        for _ in range(4):
            assert "VersionId" in desk.turn(desk.put(session, "db", "0"))[0]
        early = desk.put(session, "db", "1")
        assert early.prepared is not None
        later = timedelta(seconds=901)
        monkeypatch.setattr(desk.engine.chain, "clock", lambda: datetime.now(UTC) + later)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) + later)
        late = desk.begun(session, "secretsmanager", "secretsmanager.PutSecretValue", SecretId="db", SecretString="2")
        assert late.prepared is None
        assert late.reply is not None
        assert "ExpiredTokenException" == _refused(orjson.loads(late.reply.body))
        assert "VersionId" in desk.turn(early)[0], "it came while the session lasted"
        assert desk.put(desk.admin, "db", "3").prepared is not None
    finally:
        server.close()


def _session(account: Account) -> dict[str, str]:
    """The keys of a session of a quarter of an hour, of a role that may do all with secrets and keys."""
    iam = account.client("iam")
    trusted = trust({"AWS": f"arn:aws:iam::{account.id}:root"})
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [allow("secretsmanager:*"), allow("kms:*")]}
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=json.dumps(allowed))
    made = account.client("sts").assume_role(RoleArn=role, RoleSessionName="one", DurationSeconds=900)["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


@pytest.mark.parametrize("together", [False, True], ids=["committed before", "in the same batch"])
def test_two_that_were_worked_out_from_the_same_state_follow_each_other(
    desk: Desk, clerk: dict[str, str], together: bool
) -> None:
    secrets = desk.account.client("secretsmanager")
    first, second = desk.put(clerk, "db", "1"), desk.put(clerk, "db", "2")
    assert first.prepared is not None
    assert second.prepared is not None
    told = desk.turn(first, second) if together else [*desk.turn(first), *desk.turn(second)]
    assert [["AWSCURRENT"]] * 2 == [one["VersionStages"] for one in told]
    assert "2" == secrets.get_secret_value(SecretId="db")["SecretString"]
    assert "1" == secrets.get_secret_value(SecretId="db", VersionStage="AWSPREVIOUS")["SecretString"]
    assert 2 == len(secrets.describe_secret(SecretId="db")["VersionIdsToStages"])


@pytest.mark.parametrize("together", [False, True], ids=["committed before", "in the same batch"])
@pytest.mark.parametrize("value", ["1", "2"])
def test_a_token_that_was_used_meanwhile_means_what_it_means(
    desk: Desk, clerk: dict[str, str], value: str, together: bool
) -> None:
    token = str(uuid4())
    first = desk.put(clerk, "db", "1", ClientRequestToken=token)
    again = desk.put(clerk, "db", value, ClientRequestToken=token)
    assert again.prepared is not None
    told = desk.turn(first, again) if together else [*desk.turn(first), *desk.turn(again)]
    if value == "1":
        assert told[0] == told[1]
    else:
        assert "ResourceExistsException" == _refused(told[1])
    assert "1" == desk.account.client("secretsmanager").get_secret_value(SecretId="db")["SecretString"]


def test_a_key_that_was_set_meanwhile_is_the_one_it_is_sealed_under(desk: Desk, clerk: dict[str, str]) -> None:
    secrets, kms = desk.account.client("secretsmanager"), desk.account.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    put = desk.put(clerk, "db", "1")
    update = desk.begun(
        desk.admin, "secretsmanager", "secretsmanager.UpdateSecret", SecretId="db", KmsKeyId=key,
        ClientRequestToken=str(uuid4()),
    )  # fmt: skip
    old = _key(desk.account)
    desk.turn(update, put)
    kms.disable_key(KeyId=old)
    assert "1" == secrets.get_secret_value(SecretId="db")["SecretString"]


def test_a_permission_that_looks_at_the_version_is_asked_for_each(desk: Desk, clerk: dict[str, str]) -> None:
    good, bad = str(uuid4()), str(uuid4())
    condition = {"StringEquals": {"kms:EncryptionContext:SecretVersionId": good}}
    keys = user(desk.account, "careful", allow("secretsmanager:*"), allow("kms:GenerateDataKey*", **condition))
    for _ in range(3):
        refused = desk.turn(desk.put(keys, "db", "1", ClientRequestToken=bad))[0]
        assert "AccessDeniedException" == _refused(refused)
    assert "VersionId" in desk.turn(desk.put(keys, "db", "1", ClientRequestToken=good))[0]
    assert "AccessDeniedException" == _refused(desk.turn(desk.put(keys, "db", "2"))[0])


def test_it_is_recorded_as_one_that_was_not_worked_out_before(
    desk: Desk, clerk: dict[str, str], strongroom: InProcess
) -> None:
    flights = [desk.put(clerk, "db", f"{number}") for number in range(2)]
    slow, fast = [], []
    for number in range(6):
        quick = desk.put(clerk, "db", f"q{number}")
        desk.turn(quick)
        late = desk.put(clerk, "db", f"l{number}")
        late.prepared = None
        desk.turn(late)
        slow.append(late)
        fast.append(quick)
    desk.turn(*flights)
    found = {line["event"]["requestID"]: line for line in records(strongroom)}
    nested = {line["decision"]["for"]: line for line in found.values() if "for" in (line.get("decision") or {})}
    for quick, late in zip(fast, slow, strict=True):
        for told in (found, nested):
            one, other = told[quick.call.request_id], told[late.call.request_id]
            assert _alike(one, quick) == _alike(other, late)
    kms = nested[fast[-1].call.request_id]
    token = fast[-1].call.params["ClientRequestToken"]
    assert token == kms["event"]["requestParameters"]["encryptionContext"]["SecretVersionId"]
    assert "GenerateDataKey" == kms["event"]["eventName"]
    assert found[fast[-1].call.request_id]["writes"]
    assert kms["event"]["requestID"] != found[fast[-1].call.request_id]["event"]["requestID"]


def _alike(line: dict[str, Any], flight: Flight) -> bytes:
    """A record as it must be the same for all puts; the order of its members counts."""
    text = orjson.dumps({name: line[name] for name in ("writes", "event", "decision")}).decode()
    token = flight.call.params["ClientRequestToken"]
    event = line["event"]
    for one in (token, flight.call.request_id, event["requestID"], event["eventID"], event["eventTime"]):
        text = text.replace(one, "-")
    return text.encode()


def test_the_plain_case_alone_is_worked_out_before(desk: Desk, clerk: dict[str, str]) -> None:
    secrets = desk.account.client("secretsmanager")
    secrets.create_secret(Name="copied", SecretString="0", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert desk.put(desk.admin, "copied", "1").prepared is None
    assert "VersionId" in desk.turn(desk.put(desk.admin, "copied", "2"))[0]
    assert "2" == desk.account.client("secretsmanager", "eu-west-1").get_secret_value(SecretId="copied")["SecretString"]
    assert desk.put(clerk, "nowhere", "1").prepared is None
    assert desk.put(clerk, "db", "1", RotationToken="x" * 36).prepared is None
    assert "AccessDeniedException" == _refused(desk.turn(desk.put(clerk, "nowhere", "1"))[0])
