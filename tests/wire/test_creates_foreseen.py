"""A secret that was worked out before its turn is made, told and recorded as one that was not, or refused as that is.

Each is worked out first. Then something changes, committed before its turn or earlier in the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_puts_foreseen import Desk, _refused, records
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.kernel.chain import Flight

TOGETHER = pytest.mark.parametrize("together", [False, True], ids=["committed before", "in the same batch"])


def create(desk: Desk, keys: dict[str, str], name: str, value: str = "v", **more: Any) -> Flight:
    """A creation that has come, and waits for its turn."""
    params = {"Name": name, "SecretString": value, "ClientRequestToken": str(uuid4()), **more}
    flight = desk.begun(keys, "secretsmanager", "secretsmanager.CreateSecret", **params)
    assert flight.reply is None
    return flight


def turns(desk: Desk, together: bool, *flights: Flight) -> list[dict[str, Any]]:
    """Their turn, in one batch or each in one of its own."""
    return desk.turn(*flights) if together else [desk.turn(one)[0] for one in flights]


@pytest.fixture
def desk(strongroom: InProcess, account: Account) -> Desk:
    """With a default key: the first secret of an account makes it, which is a change."""
    account.client("secretsmanager").create_secret(Name="first", SecretString="0")
    return Desk(strongroom, account)


@pytest.fixture
def key(desk: Desk) -> str:
    return str(desk.account.client("kms").create_key()["KeyMetadata"]["Arn"])


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "without a value": {"SecretString": None},
    "binary": {"SecretString": None, "SecretBinary": "AAEC"},
    "described": {"Description": "what it is for", "Type": None},
    "tagged": {"Tags": [{"Key": "team", "Value": "red"}, {"Key": "a b", "Value": ""}]},
    "under a key": {"KmsKeyId": "key"},
    "all": {"KmsKeyId": "key", "Tags": [{"Key": "team", "Value": "red"}], "Description": "d"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_stored_told_and_recorded_as_one_that_was_not_worked_out_before(
    desk: Desk, key: str, strongroom: InProcess, shape: str
) -> None:
    more = {name: key if value == "key" else value for name, value in SHAPES[shape].items()}
    made: dict[str, tuple[Flight, dict[str, Any]]] = {}
    for name in ("quick0", "quick1", "late"):
        params = {"Name": name, "SecretString": "v", "ClientRequestToken": str(uuid4()), **more}
        params = {member: value for member, value in params.items() if value is not None}
        flight = desk.begun(desk.admin, "secretsmanager", "secretsmanager.CreateSecret", **params)
        assert flight.prepared is not None
        if name == "late":
            flight.prepared = None
        made[name] = flight, desk.turn(flight)[0]
    told = {name: _told(desk, strongroom, *one) for name, one in made.items()}
    assert told["late"] == told["quick1"] == told["quick0"]


def _told(desk: Desk, strongroom: InProcess, flight: Flight, answer: dict[str, Any]) -> Any:
    """Answer, description, value and records of a creation, without what is another for each."""
    secrets = desk.account.client("secretsmanager")
    name, token = flight.call.params["Name"], flight.call.params["ClientRequestToken"]
    described = secrets.describe_secret(SecretId=name)
    described.pop("ResponseMetadata")
    value = None
    if "VersionId" in answer:
        value = secrets.get_secret_value(SecretId=name)
        value.pop("ResponseMetadata")
        assert value["CreatedDate"] == described["CreatedDate"] == described["LastChangedDate"]
    found = secrets.list_secrets(Filters=[{"Key": "all", "Values": [name]}])["SecretList"]
    assert [name] == [one["Name"] for one in found]
    lines = []
    for line in records(strongroom):
        mine = flight.call.request_id in (line["event"]["requestID"], (line.get("decision") or {}).get("for"))
        if mine:
            lines.append({part: line[part] for part in ("writes", "event", "decision")})
    text = orjson.dumps([answer, _dateless(described), _dateless(value), lines], default=str).decode()
    unlike = [token, name, described["ARN"].rpartition("-")[2], flight.call.request_id]
    unlike += [line["event"][part] for line in lines for part in ("requestID", "eventID", "eventTime")]
    for one in unlike:
        text = text.replace(one, "-")
    return text


def _dateless(told: dict[str, Any] | None) -> dict[str, Any] | None:
    return told and {name: value for name, value in told.items() if not name.endswith("Date")}


@TOGETHER
@pytest.mark.parametrize("same", [True, False])
def test_of_two_of_one_name_one_is_made(desk: Desk, together: bool, same: bool) -> None:
    token = str(uuid4())
    first = create(desk, desk.admin, "s", "1", ClientRequestToken=token)
    second = create(desk, desk.admin, "s", "1" if same else "2", ClientRequestToken=token if same else str(uuid4()))
    assert first.prepared is not None
    assert second.prepared is not None
    told = turns(desk, together, first, second)
    if same:
        assert told[0] == told[1]
    else:
        assert "ResourceExistsException" == _refused(told[1])
    secrets = desk.account.client("secretsmanager")
    assert "1" == secrets.get_secret_value(SecretId="s")["SecretString"]
    assert told[0]["ARN"] == secrets.describe_secret(SecretId="s")["ARN"]
    assert 2 == len(secrets.list_secrets()["SecretList"])


@TOGETHER
def test_a_name_that_is_to_be_deleted_by_then_is_refused(desk: Desk, together: bool) -> None:
    late = create(desk, desk.admin, "s", "1")
    early = create(desk, desk.admin, "s", "2")
    assert late.prepared is not None
    desk.turn(early)
    gone = desk.begun(
        desk.admin, "secretsmanager", "secretsmanager.DeleteSecret", SecretId="s", RecoveryWindowInDays=7
    )
    assert "InvalidRequestException" == _refused(turns(desk, together, gone, late)[1])


@TOGETHER
def test_a_key_that_is_disabled_by_then_refuses_it(desk: Desk, key: str, together: bool) -> None:
    late, other = create(desk, desk.admin, "s", KmsKeyId=key), create(desk, desk.admin, "other")
    assert late.prepared is not None
    disabled = desk.begun(desk.admin, "kms", "TrentService.DisableKey", KeyId=key)
    told = turns(desk, together, disabled, late, other)
    assert "EncryptionFailure" == _refused(told[1])
    assert "ARN" in told[2]
    assert ["first", "other"] == sorted(
        one["Name"] for one in desk.account.client("secretsmanager").list_secrets()["SecretList"]
    )


@TOGETHER
def test_a_policy_that_was_taken_away_by_then_refuses_it(desk: Desk, strongroom: InProcess, together: bool) -> None:
    keys = user(desk.account, "clerk", allow("secretsmanager:*"), allow("kms:*"))
    for number in range(4):
        assert "ARN" in desk.turn(create(desk, keys, f"before{number}"))[0]
    late = create(desk, keys, "s")
    assert late.prepared is not None
    body = {"Action": "DeleteUserPolicy", "Version": "2010-05-08", "UserName": "clerk", "PolicyName": "p"}
    if together:
        desk.turn(_form(desk, body), late)
    else:
        desk.account.client("iam").delete_user_policy(UserName="clerk", PolicyName="p")
        desk.turn(late)
    assert late.reply is not None
    assert "AccessDeniedException" == _refused(orjson.loads(late.reply.body))
    about = [line for line in records(strongroom) if line["event"]["requestID"] == late.call.request_id]
    assert ["AccessDenied"] == [line["event"].get("errorCode") for line in about], "its refusal, once"


def _form(desk: Desk, body: dict[str, str]) -> Flight:
    """A request of IAM's, in its turn."""
    flight = desk.begun_form(desk.admin, "iam", body)
    assert flight.reply is None
    return flight


def test_tags_are_asked_for_and_their_conditions_hold(desk: Desk) -> None:
    red = {"StringEquals": {"aws:RequestTag/team": "red"}}
    may = [allow(f"secretsmanager:{name}", **red) for name in ("CreateSecret", "TagResource")]
    keys = user(desk.account, "tagger", *may, allow("kms:*"))
    for number in range(3):
        good = create(desk, keys, f"good{number}", Tags=[{"Key": "team", "Value": "red"}])
        bad = create(desk, keys, f"bad{number}", Tags=[{"Key": "team", "Value": "blue"}])
        none = create(desk, keys, f"none{number}")
        assert good.prepared is not None
        assert bad.prepared is None
        told = desk.turn(good, bad, none)
        assert "ARN" in told[0]
        assert ["AccessDeniedException"] * 2 == [_refused(one) for one in told[1:]]


def test_who_may_create_and_not_tag_may_not_create_with_tags(desk: Desk) -> None:
    keys = user(desk.account, "maker", allow("secretsmanager:CreateSecret"), allow("kms:*"))
    for number in range(3):
        tagged = create(desk, keys, f"tagged{number}", Tags=[{"Key": "team", "Value": "red"}])
        assert tagged.prepared is None
        plain = create(desk, keys, f"plain{number}")
        assert plain.prepared is not None
        told = desk.turn(tagged, plain)
        assert "AccessDeniedException" == _refused(told[0])
        assert "ARN" in told[1]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose accounts may have four secrets in a Region."""
    server = InProcess(tmp_path_factory.mktemp("small") / "data", secrets_quota=4)
    yield server
    server.close()


@TOGETHER
def test_the_quota_is_exact(small: InProcess, together: bool) -> None:
    account = small.account()
    account.client("secretsmanager").create_secret(Name="first", SecretString="0")
    desk = Desk(small, account)
    flights = [create(desk, desk.admin, f"s{number}") for number in range(6)]
    assert all(one.prepared is not None for one in flights)
    told = turns(desk, together, *flights)
    assert ["LimitExceededException"] * 3 == [_refused(one) for one in told[3:]]
    assert all("ARN" in one for one in told[:3])
    assert 4 == len(account.client("secretsmanager").list_secrets()["SecretList"])
    beyond = create(desk, desk.admin, "beyond")
    assert "LimitExceededException" == _refused(desk.turn(beyond)[0])


def test_the_plain_case_alone_is_worked_out_before(desk: Desk, account: Account) -> None:
    copied = create(desk, desk.admin, "copied", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert copied.prepared is None
    assert "ReplicationStatus" in desk.turn(copied)[0]
    assert create(desk, desk.admin, "first").prepared is None, "its name is taken"
    assert create(desk, desk.admin, "odd", ClientRequestToken="t" * 32).prepared is not None


def test_what_is_known_of_other_secrets_outlives_one_that_is_made(desk: Desk) -> None:
    put = desk.put(desk.admin, "first", "1")
    assert put.prepared is not None
    told = [desk.turn(create(desk, desk.admin, f"s{number}"))[0] for number in range(3)]
    assert all("ARN" in one for one in told)
    with desk.engine.store.write() as tx:
        assert tx.play(put.prepared.foreseen)
