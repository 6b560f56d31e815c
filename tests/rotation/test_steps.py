"""Rotations run: stock boto3 asks for them, AWS's runtime client runs their functions."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from strongroom.kernel.storage.schema import job
from strongroom.services.secretsmanager import sealed, store
from strongroom.services.secretsmanager.rotation import RETRIES, RUN
from strongroom.services.secretsmanager.rules.identifiers import read_secret_id
from strongroom.services.secretsmanager.store import Rotation, attempts, rotations
from tests.functions.packing import zipped
from tests.inprocess import ROOT_KEY, Account, InProcess
from tests.journals import Entry, entries, successes
from tests.rotation.rotators import COPYBOOK, misbehaving, rotated, rotator, seen, stages, until

DAILY = {"AutomaticallyAfterDays": 1}


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def told(strongroom: InProcess, arn: str) -> list[Entry]:
    """The service events about a secret, in order."""
    found = [
        entry
        for entry in entries(strongroom.settings.data)
        if (entry.event.get("additionalEventData") or {}).get("SecretId") == arn
    ]
    # A worker's journal and the runner's: within one second the beginning comes first.
    return sorted(found, key=lambda entry: (str(entry.event["eventTime"]), not entry.name.endswith("Started")))


def looked(strongroom: InProcess, arn: str) -> tuple[list[Rotation], list[list[dict[str, Any]]]]:
    """The rotations of a secret, newest first, and what each one's attempts told, newest first."""
    opened = strongroom.product.open_engine(ROOT_KEY, "test_look")
    account, region = arn.split(":")[4], arn.split(":")[3]
    try:
        with opened.store.read() as tx:
            one = store.secrets.find_secret(tx, read_secret_id(arn, account=account, region=region))
            assert one is not None
            found = rotations.history(tx, one.pk)
            notes = [
                [
                    {"step": each.step, **sealed.open_told(opened.chain.keyring, each.told, each.rotation_pk)}
                    for each in attempts.newest(tx, rotation.pk)
                ]
                for rotation in found
            ]
            return found, notes
    finally:
        opened.close()


def failed(strongroom: InProcess, arn: str, times: int = 1) -> tuple[Rotation, list[dict[str, Any]]]:
    """The newest rotation once so many of its attempts have failed, and what they told."""

    def found() -> Any:
        (newest, *_), (notes, *_) = looked(strongroom, arn)
        return (newest, notes) if newest.attempts >= times or newest.state != "pending" else None

    newest, notes = until(found, f"{times} failed attempts of {arn}")
    return newest, notes


# ---------------------------------------------------------------------- what a rotation does


def test_a_rotation_runs_the_four_steps_and_the_new_value_is_current(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account)
    made = secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY)["VersionId"]
    shown = rotated(secrets, "s", token)

    assert {token: ["AWSCURRENT"], made["VersionId"]: ["AWSPREVIOUS"]} == shown["VersionIdsToStages"]
    assert "first" != secrets.get_secret_value(SecretId="s")["SecretString"]
    assert "first" == secrets.get_secret_value(SecretId="s", VersionStage="AWSPREVIOUS")["SecretString"]
    assert shown["LastRotatedDate"] < shown["NextRotationDate"]
    events = seen(account)
    assert ["createSecret", "setSecret", "testSecret", "finishSecret"] == [event["Step"] for event in events]
    assert {(made["ARN"], token)} == {(event["SecretId"], event["ClientRequestToken"]) for event in events}
    assert 1 == len({str(uuid.UUID(event["RotationToken"])) for event in events})
    assert {"Step", "SecretId", "ClientRequestToken", "RotationToken"} == set(events[0])
    assert ["RotationStarted", "RotationSucceeded"] == [entry.name for entry in told(strongroom, made["ARN"])]


def test_the_function_is_invoked_by_secrets_manager_and_its_own_calls_are_its_roles(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    made = secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=rotator(account))["VersionId"]
    rotated(secrets, "s", token)
    records = [entry.event for entry in successes(strongroom.settings.data)]
    invoked = [
        event
        for event in records
        if event["eventName"] == "Invoke"
        and event["recipientAccountId"] == account.id
        and event["userIdentity"]["type"] == "AWSService"
        and (event["requestParameters"] or {}).get("invocationType") == "RequestResponse"
    ]
    assert 4 == len(invoked)
    assert {"secretsmanager.amazonaws.com"} == {event["userIdentity"]["invokedBy"] for event in invoked}
    (put,) = [
        event
        for event in records
        if event["eventName"] == "PutSecretValue" and event["requestParameters"].get("clientRequestToken") == token
    ]
    assert f"arn:aws:sts::{account.id}:assumed-role/of-rotator/rotator" == put["userIdentity"]["arn"]
    assert made["ARN"] == put["requestParameters"]["secretId"]


def test_the_token_of_an_earlier_rotation_begins_nothing_and_the_next_rotation_goes_on_from_there(
    account: Account, secrets: Any
) -> None:
    secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=rotator(account))["VersionId"]
    rotated(secrets, "s", token)
    assert token == secrets.rotate_secret(SecretId="s", ClientRequestToken=token)["VersionId"]
    again = secrets.rotate_secret(SecretId="s")["VersionId"]
    rotated(secrets, "s", again)
    assert {again: ["AWSCURRENT"], token: ["AWSPREVIOUS"]} == stages(secrets, "s")


def test_copies_follow_a_rotation(account: Account, secrets: Any) -> None:
    secrets.create_secret(Name="s", SecretString="first", AddReplicaRegions=[{"Region": "eu-west-1"}])
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=rotator(account))["VersionId"]
    shown = rotated(secrets, "s", token)
    there = account.client("secretsmanager", "eu-west-1")
    copy = there.describe_secret(SecretId="s")
    assert shown["VersionIdsToStages"] == copy["VersionIdsToStages"]
    assert shown["LastRotatedDate"] == copy["LastRotatedDate"]
    values = [client.get_secret_value(SecretId="s")["SecretString"] for client in (secrets, there)]
    assert values[0] == values[1] != "first"


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret", "finishSecret"])
def test_a_step_that_fails_stops_the_later_ones_and_the_same_token_is_tried_again(
    step: str, account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account, code=misbehaving(f"if step == {step!r}: raise RuntimeError('no route to host')"))
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    rotation, (note, *_) = failed(strongroom, arn)

    assert (step, "RuntimeError: no route to host") == (note["step"], note["message"])
    assert step == seen(account)[-1]["Step"]
    assert "first" == secrets.get_secret_value(SecretId="s")["SecretString"]
    assert ["AWSPENDING"] == stages(secrets, "s")[token]
    last = told(strongroom, arn)[-1].event
    assert ("RotationFailed", f"Error when executing lambda {function} during {step} step") == (
        last["eventName"],
        last["errorMessage"],
    )
    assert f"Rotation-{arn}-{token}" == last["requestID"]
    (ended,) = _ended(strongroom, rotation.pk)
    assert ended + 10_000 == rotation.next_ms

    first = secrets.get_secret_value(SecretId="s", VersionId=token) if step != "createSecret" else None
    account.client("lambda").update_function_code(FunctionName="rotator", ZipFile=zipped({"app.py": COPYBOOK}))
    strongroom.advance(timedelta(seconds=20))
    rotated(secrets, "s", token)
    if first is not None:
        assert first["SecretString"] == secrets.get_secret_value(SecretId="s")["SecretString"], "the kept value"
    assert {token} == {event["ClientRequestToken"] for event in seen(account)}


def test_the_pauses_grow_and_every_attempt_is_remembered(account: Account, secrets: Any, strongroom: InProcess) -> None:
    function = rotator(account, code=misbehaving("raise RuntimeError('down')"))
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    pauses = []
    for times in (1, 2, 3):
        rotation, notes = failed(strongroom, arn, times)
        assert times == rotation.attempts == len(notes)
        (newest, *_) = _ended(strongroom, rotation.pk)
        pauses.append(round(((rotation.next_ms or 0) - newest) / 1000))
        strongroom.advance(timedelta(seconds=pauses[-1] + 1))
    assert [10, 20, 40] == pauses


def test_first_attempts_wait_with_their_functions_and_further_ones_with_all_that_failed(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account, code=misbehaving("raise RuntimeError('down')"))
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    rotation, _ = failed(strongroom, arn)
    opened = strongroom.product.open_engine(ROOT_KEY, "test_look")
    try:
        with opened.store.read() as tx:
            row = tx.row(select(job.c.lane).where(job.c.kind == RUN, job.c.key == str(rotation.pk)))
    finally:
        opened.close()
    assert (RETRIES,) == row


def _ended(strongroom: InProcess, rotation_pk: int) -> list[int]:
    opened = strongroom.product.open_engine(ROOT_KEY, "test_look")
    try:
        with opened.store.read() as tx:
            return [each.ended_ms for each in attempts.newest(tx, rotation_pk)]
    finally:
        opened.close()


def test_a_function_that_does_nothing_has_not_rotated(account: Account, secrets: Any, strongroom: InProcess) -> None:
    function = rotator(account, code="def handler(event, context):\n    return 'done'\n")
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    _, (note, *_) = failed(strongroom, arn)
    assert "finishSecret" == note["step"] and "AWSCURRENT is not on the new version" in note["message"]
    assert "LastRotatedDate" not in secrets.describe_secret(SecretId="s")


def test_a_function_that_says_too_much_is_cut_short(account: Account, secrets: Any, strongroom: InProcess) -> None:
    function = rotator(account, code=misbehaving("print('y' * 3_000_000)", "raise RuntimeError('x' * 3_000_000)"))
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    _, (note, *_) = failed(strongroom, arn)
    assert note["message"].startswith("RuntimeError: xxx")
    assert len(note["message"]) <= 1024 and len(note["lines"]) <= 2048


def test_a_step_that_takes_too_long_or_dies_is_a_failed_attempt(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    slow = misbehaving("import time", "if step == 'setSecret': time.sleep(60)")
    dead = misbehaving("if step == 'setSecret': os.kill(os.getpid(), 9)")
    said = {}
    for name, code in (("slow", slow), ("dead", dead)):
        arn = secrets.create_secret(Name=name, SecretString="first")["ARN"]
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=rotator(account, name, code, Timeout=2))
        _, (note, *_) = failed(strongroom, arn)
        assert "setSecret" == note["step"]
        said[name] = note["message"]
    assert "Task timed out after 2.00 seconds" in said["slow"]
    assert "Runtime.ExitError" in said["dead"]


def test_a_function_whose_permission_was_taken_away_fails_and_goes_on_when_it_is_given_back(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account)
    client = account.client("lambda")
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    rotated(secrets, "s", secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"])
    secrets.rotate_secret(SecretId="s", RotationRules={"AutomaticallyAfterDays": 1}, RotateImmediately=False)
    until(lambda: "AWSPENDING" not in str(stages(secrets, "s")), "the test has ended")
    client.remove_permission(FunctionName="rotator", StatementId="rotates")
    strongroom.advance(timedelta(days=2))
    rotation, (note, *_) = failed(strongroom, arn)
    assert "createSecret" == note["step"] and "lambda:InvokeFunction" in note["message"]
    client.add_permission(
        FunctionName="rotator",
        StatementId="again",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    strongroom.advance(timedelta(seconds=30))
    rotated(secrets, "s", rotation.version_id)


def test_what_a_function_says_is_kept_without_the_values_that_it_quotes(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    code = misbehaving(
        "if step != 'setSecret': return",
        "from urllib.parse import quote",
        "new = value(event, 'AWSPENDING', VersionId=event['ClientRequestToken'])",
        "old = json.loads(value(event, 'AWSCURRENT'))",
        "master = client.get_secret_value(SecretId=old['masterarn'])['SecretString']",
        "print('tried', new, quote(old['password'], safe=''), repr(old['password']), master[:-3])",
        "raise RuntimeError(f\"FATAL: {old['username']}@{old['host']} refused {new} and {old['password']}\")",
    )
    master = secrets.create_secret(
        Name="master", SecretString=json.dumps({"username": "root", "password": "mastervalue"})
    )
    value = {"username": "app", "host": "db.example", "password": "p&ss 'wörd\\", "masterarn": master["ARN"]}
    arn = secrets.create_secret(Name="s", SecretString=json.dumps(value))["ARN"]
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=rotator(account, code=code))["VersionId"]
    _, (note, *_) = failed(strongroom, arn)
    new = secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]

    assert "RuntimeError: FATAL: app@db.example refused *** and ***" == note["message"]
    tried = next(line for line in note["lines"].splitlines() if line.startswith("tried"))
    assert not [word for word in (new, "p&ss", "p%26ss", "rd\\", "masterval") if word in tried], tried
    files = b"".join(path.read_bytes() for path in strongroom.settings.data.rglob("*") if path.is_file())
    assert b"app@db.example refused" not in files, "what functions say lies sealed"


def test_what_a_function_says_is_withheld_where_its_role_may_not_read_what_it_may_quote(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account, code=misbehaving("if step == 'setSecret': raise RuntimeError('the value is first')"))
    deny = {"Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    # The function names stages beside versions, and what is read to mask them names versions alone.
    deny["Condition"] = {"Null": {"secretsmanager:VersionStage": "true"}}  # type: ignore[assignment]
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    document = json.dumps({"Version": "2012-10-17", "Statement": deny})
    account.client("iam").put_role_policy(RoleName="of-rotator", PolicyName="deny", PolicyDocument=document)
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    _, (note, *_) = failed(strongroom, arn)
    assert note["message"].startswith("The function failed. What it said is withheld")
    assert "" == note["lines"]


# ---------------------------------------------------------------------- RotateImmediately false


def test_later_means_that_testsecret_alone_runs_against_a_copy_that_goes_again(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    """Source: API reference, RotateSecret, RotateImmediately."""
    function = rotator(account, code=misbehaving(
        "assert value(event, 'AWSPENDING', VersionId=event['ClientRequestToken']) == 'first'"))  # fmt: skip
    made = secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(
        SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, RotateImmediately=False
    )["VersionId"]
    until(lambda: stages(secrets, "s") == {made["VersionId"]: ["AWSCURRENT"]}, "the test's version is gone")
    assert [("testSecret", token)] == [(event["Step"], event["ClientRequestToken"]) for event in seen(account)]
    assert ["TestRotationStarted", "TestRotationSucceeded"] == [e.name for e in told(strongroom, made["ARN"])]
    shown = secrets.describe_secret(SecretId="s")
    assert "LastRotatedDate" not in shown and "NextRotationDate" in shown
    assert 1 == len(secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"])


def test_a_test_that_fails_ends_and_says_so_and_the_schedule_stands(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account, code=misbehaving("raise RuntimeError('no login')"))
    made = secrets.create_secret(Name="s", SecretString="first")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, RotateImmediately=False)
    rotation, (note, *_) = failed(strongroom, made["ARN"])
    assert ("failed", "testSecret", "RuntimeError: no login") == (rotation.state, note["step"], note["message"])
    last = told(strongroom, made["ARN"])[-1].event
    assert "TestRotationFailed" == last["eventName"]
    assert f"Error when executing lambda {function} during testSecret step" == last["errorMessage"]
    assert {made["VersionId"]: ["AWSCURRENT"]} == stages(secrets, "s")
    assert "NextRotationDate" in secrets.describe_secret(SecretId="s")
    secrets.rotate_secret(SecretId="s")


# ---------------------------------------------------------------------- RotationToken


def test_a_rotation_token_is_good_for_its_own_version_while_it_is_under_way_and_for_nothing_else(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account, code=misbehaving("raise RuntimeError(event['RotationToken'])"))
    arn = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    _, (note, *_) = failed(strongroom, arn)
    assert "RuntimeError: ***" == note["message"]
    good = seen(account)[-1]["RotationToken"]

    def put(version: str, proof: str) -> str:
        try:
            secrets.put_secret_value(SecretId="s", ClientRequestToken=version, SecretString="x", RotationToken=proof,
                                     VersionStages=["AWSPENDING"])  # fmt: skip
        except secrets.exceptions.ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "taken"

    other = str(uuid.uuid4())
    assert "InvalidParameterException" == put(token, other)
    assert "InvalidParameterException" == put(other, good)
    assert "taken" == put(token, good)
    secrets.cancel_rotate_secret(SecretId="s")
    assert "InvalidParameterException" == put(token, good)
    assert [] == [entry for entry in successes(strongroom.settings.data) if good in json.dumps(entry.event)]


def test_a_caller_of_another_account_needs_the_token(account: Account, secrets: Any, strongroom: InProcess) -> None:
    """Source: API reference, PutSecretValue, RotationToken: required for cross-account rotation."""
    other = strongroom.account()
    kms = account.client("kms")
    anybody = {"Effect": "Allow", "Principal": {"AWS": [account.id, other.id]}, "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": anybody})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    function = rotator(account, code=misbehaving("raise RuntimeError(event['RotationToken'])"))
    arn = secrets.create_secret(Name="s", SecretString="first", KmsKeyId=key)["ARN"]
    secrets.put_resource_policy(SecretId="s", ResourcePolicy=policy)
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    failed(strongroom, arn)
    good = seen(account)[-1]["RotationToken"]
    theirs = other.client("secretsmanager")
    given = {"SecretId": arn, "ClientRequestToken": token, "SecretString": "x", "VersionStages": ["AWSPENDING"]}
    with pytest.raises(theirs.exceptions.InvalidParameterException):
        theirs.put_secret_value(**given)
    assert token == theirs.put_secret_value(**given, RotationToken=good)["VersionId"]
    hand_made = theirs.put_secret_value(SecretId=arn, SecretString="y", VersionStages=["MINE"])
    assert ["MINE"] == hand_made["VersionStages"], "what is no rotation's needs no token"
