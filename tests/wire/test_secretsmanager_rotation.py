"""Rotation's configuration with stock boto3: what is checked, what is shown, what begins and what ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.functions import packing
from tests.inprocess import Account, InProcess
from tests.journals import Entry, successes
from tests.wire.test_secretsmanager_life import MARKED, members, refused, stages, token
from tests.wire.test_secretsmanager_raw import NO_TOKEN, ask

from strongroom.services.local.store import clock_offset
from strongroom.services.secretsmanager import rotation, store
from strongroom.services.secretsmanager.errors import (
    BOTH_FREQUENCIES,
    CANNOT_INVOKE,
    NO_FUNCTION,
    ROTATION_INCOMPLETE,
)
from strongroom.services.secretsmanager.rules import deletion
from strongroom.services.secretsmanager.rules.identifiers import read_secret_id
from strongroom.services.secretsmanager.store import Rotation, Secret

DAILY = {"AutomaticallyAfterDays": 1}
NEVER_ROTATED = {"ARN", "CreatedDate", "LastChangedDate", "Name", "VersionIdsToStages"}


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


@pytest.fixture
def function(account: Account) -> str:
    """A function that Secrets Manager may invoke."""
    return make_function(account)


def make_function(account: Account, **permission: Any) -> str:
    """The ARN of a real function; ``permission`` is what AddPermission gives, by default to Secrets Manager."""
    made = packing.make_function(account, "rotator", packing.ECHO)
    given = {"Action": "lambda:InvokeFunction", "Principal": "secretsmanager.amazonaws.com"} | permission
    account.client("lambda").add_permission(FunctionName="rotator", StatementId="one", **given)
    return str(made["FunctionArn"])


def now(strongroom: InProcess) -> datetime:
    with strongroom.worker.asgi.engine.store.read() as tx:  # type: ignore[attr-defined]
        return strongroom.product.clock() + clock_offset(tx)


def midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def events(strongroom: InProcess, arn: str) -> list[Entry]:
    """The service events about a secret, in order, but for what the runner found out about a function of no use."""
    found = [
        entry
        for entry in successes(strongroom.settings.data)
        if (entry.event.get("additionalEventData") or {}).get("SecretId") == arn
        and not entry.name.endswith(("RotationFailed", "RotationSucceeded"))
    ]
    return sorted(found, key=lambda entry: str(entry.event["eventTime"]))


def engine(strongroom: InProcess, arn: str, work: Callable[[rotation.Hand, Any, Secret, Rotation], None]) -> None:
    """What the runner does after it has asked a function that has done all: one transaction.

    The runner itself asks a function that does nothing, and finds that nothing has come of it.
    """
    opened = strongroom.product.open_engine(bytes(range(32)), "test_engine")
    account, region = arn.split(":")[4], arn.split(":")[3]
    try:
        with opened.store.write() as tx:
            one = store.secrets.find_secret(tx, read_secret_id(arn, account=account, region=region))
            assert one is not None
            running = store.rotations.under_way(tx, one.pk)
            if running is None:
                (running, *_) = store.rotations.history(tx, one.pk)
                assert "succeeded" == running.state
                return
            moment = strongroom.product.clock() + clock_offset(tx)
            hand = rotation.Hand(moment, opened.chain.entropy, opened.chain.keyring, lambda *name, **told: None)
            work(hand, tx, one, running)
    finally:
        opened.close()


def fill(secrets: Any, version_id: str, value: str = "rotated") -> None:
    """What a function's createSecret does."""
    secrets.put_secret_value(
        SecretId="s", ClientRequestToken=version_id, SecretString=value, VersionStages=["AWSPENDING"]
    )


def finish(secrets: Any, version_id: str) -> None:
    """What a function's finishSecret does."""
    (current,) = [version for version, names in stages(secrets, "s").items() if "AWSCURRENT" in names]
    secrets.update_secret_version_stage(
        SecretId="s", VersionStage="AWSCURRENT", MoveToVersionId=version_id, RemoveFromVersionId=current
    )


# ---------------------------------------------------------------------- what is refused, and stores nothing


def test_without_a_function_rotation_is_refused_and_nothing_is_stored(secrets: Any) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    before = members(secrets.describe_secret(SecretId="s"))
    assert ("InvalidRequestException", NO_FUNCTION) == refused(secrets.rotate_secret, SecretId="s", RotationRules=DAILY)
    assert before == members(secrets.describe_secret(SecretId="s"))


@pytest.mark.parametrize(
    "broken",
    ["absent", "other region", "other principal", "other action", "other source", "no function", "a name", "endless"],
)
def test_a_function_that_may_not_be_invoked_is_refused_and_nothing_is_stored(
    broken: str, secrets: Any, account: Account
) -> None:
    ways: dict[str, Callable[[], str]] = {
        "absent": lambda: f"arn:aws:lambda:us-east-1:{account.id}:function:never",
        "other region": lambda: make_function(account).replace("us-east-1", "eu-west-1"),
        "other principal": lambda: make_function(account, Principal="s3.amazonaws.com"),
        "other action": lambda: make_function(account, Action="lambda:GetFunction"),
        "other source": lambda: make_function(account, SourceAccount="999999999999"),
        "no function": lambda: f"arn:aws:lambda:us-east-1:{account.id}:layer:never",
        "a name": lambda: "rotator",
        "endless": lambda: f"arn:aws:lambda:us-east-1:{account.id}:function:" + "f" * 1900,
    }
    arn = ways[broken]()
    secrets.create_secret(Name="s", SecretString="x")
    before = members(secrets.describe_secret(SecretId="s"))
    assert ("AccessDeniedException", CANNOT_INVOKE) == refused(
        secrets.rotate_secret, SecretId="s", RotationLambdaARN=arn, RotationRules=DAILY
    )
    assert before == members(secrets.describe_secret(SecretId="s"))


def test_where_no_room_has_functions_awss_text_about_invoking_is_the_answer(tmp_path_factory: Any) -> None:
    server = InProcess(tmp_path_factory.mktemp("none") / "data")
    try:
        account = server.account()
        for engine_ in (server.worker.asgi.engine,):  # type: ignore[attr-defined]
            engine_.chain.registry.rooms.pop("lambda", None)
        secrets = account.client("secretsmanager")
        secrets.create_secret(Name="s", SecretString="x")
        arn = f"arn:aws:lambda:us-east-1:{account.id}:function:rotator"
        assert ("AccessDeniedException", CANNOT_INVOKE) == refused(
            secrets.rotate_secret, SecretId="s", RotationLambdaARN=arn, RotationRules=DAILY
        )
        assert NEVER_ROTATED == set(members(secrets.describe_secret(SecretId="s")))
    finally:
        server.close()


def test_the_functions_policy_sees_the_secret_as_the_source(secrets: Any, account: Account) -> None:
    """The condition that AWS recommends against the confused deputy."""
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    function = make_function(account, SourceAccount=account.id, SourceArn=arn)
    assert arn == secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["ARN"]
    other = secrets.create_secret(Name="t", SecretString="x")["ARN"]
    assert ("AccessDeniedException", CANNOT_INVOKE) == refused(
        secrets.rotate_secret, SecretId=other, RotationLambdaARN=function
    )


def test_a_caller_without_the_right_to_invoke_learns_nothing_about_functions(
    secrets: Any, account: Account, strongroom: InProcess, function: str
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    iam = account.client("iam")
    iam.create_user(UserName="u")
    policy = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
    iam.put_user_policy(
        UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": policy})
    )
    key = iam.create_access_key(UserName="u")["AccessKey"]
    theirs = account.client(
        "secretsmanager",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    told = []
    for name in ("rotator", "never"):
        arn = function.replace("rotator", name)
        code, text = refused(theirs.rotate_secret, SecretId="s", RotationLambdaARN=arn)
        told.append((code, text.replace(arn, "ARN")))
    assert told[0] == told[1]
    assert "AccessDeniedException" == told[0][0] and "lambda:InvokeFunction" in told[0][1]


def test_a_missing_token_is_an_invalid_parameter_here_and_told_first(account: Account) -> None:
    """Source: facts aws-observed: the one operation that says InvalidParameterException."""
    assert (400, {"__type": "InvalidParameterException", "Message": NO_TOKEN}) == ask(
        account, "RotateSecret", SecretId="never"
    )


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(10 hours)"}, BOTH_FREQUENCIES),
        ({"ScheduleExpression": "rate(3 hours)"}, None),
        ({"ScheduleExpression": "cron(5 8 * * ? *)"}, None),
        ({"ScheduleExpression": "cron(0 16 * * ? *)", "Duration": "9h"}, None),
        ({"AutomaticallyAfterDays": 5, "Duration": "30h"}, None),
    ],
)
def test_bad_rules_are_invalid_parameters_and_store_nothing(
    secrets: Any, function: str, rules: dict[str, Any], text: str | None
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    code, told = refused(secrets.rotate_secret, SecretId="s", RotationLambdaARN=function, RotationRules=rules)
    assert "InvalidParameterException" == code
    assert text in (None, told)
    assert NEVER_ROTATED == set(members(secrets.describe_secret(SecretId="s")))


@pytest.mark.parametrize("days", [0, 1001])
def test_days_out_of_range_are_told_by_the_model(account: Account, days: int) -> None:
    status, told = ask(account, "RotateSecret", SecretId="never", RotationRules={"AutomaticallyAfterDays": days})
    assert (400, "ValidationException") == (status, told["__type"])
    assert "rotationRules.automaticallyAfterDays" in json.dumps(told)


def test_a_scheduled_deletion_forbids_both_operations(secrets: Any, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    secrets.delete_secret(SecretId="s")
    for call in (secrets.rotate_secret, secrets.cancel_rotate_secret):
        assert ("InvalidRequestException", MARKED) == refused(call, SecretId="s")


# ---------------------------------------------------------------------- what begins


def test_a_rotation_reserves_its_version_before_anything_runs(secrets: Any, function: str) -> None:
    """Source: facts aws-observed, "rotation"."""
    first = secrets.create_secret(Name="s", SecretString="x")
    given = token()
    answer = members(
        secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, ClientRequestToken=given)
    )
    assert {"ARN": first["ARN"], "Name": "s", "VersionId": given} == answer
    shown = members(secrets.describe_secret(SecretId="s"))
    assert NEVER_ROTATED | {"NextRotationDate", "RotationEnabled", "RotationLambdaARN", "RotationRules"} == set(shown)
    assert (True, function, DAILY) == (shown["RotationEnabled"], shown["RotationLambdaARN"], shown["RotationRules"])
    assert {first["VersionId"]: ["AWSCURRENT"], given: ["AWSPENDING"]} == stages(secrets, "s")
    absent = f"Secrets Manager can't find the specified secret value for VersionId: {given}"
    assert ("ResourceNotFoundException", absent) == refused(
        secrets.get_secret_value, SecretId="s", VersionId=given, VersionStage="AWSPENDING"
    )
    (listed,) = secrets.list_secrets(Filters=[{"Key": "name", "Values": ["s"]}])["SecretList"]
    assert {name: shown[name] for name in ("NextRotationDate", "RotationLambdaARN", "RotationRules")} == {
        name: listed[name] for name in ("NextRotationDate", "RotationLambdaARN", "RotationRules")
    }


def test_a_repeated_token_is_answered_again_and_begins_nothing(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    given = token()
    told = {"SecretId": "s", "RotationLambdaARN": function, "ClientRequestToken": given}
    answers = [members(secrets.rotate_secret(**told)) for _ in range(2)]
    assert answers[0] == answers[1]
    fill(secrets, given)
    finish(secrets, given)
    engine(strongroom, answers[0]["ARN"], rotation.succeeded)
    assert answers[0] == members(secrets.rotate_secret(**told)), "after its end, too"
    assert 2 == len(secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"])


def test_the_token_of_another_version_is_refused(secrets: Any, function: str) -> None:
    made = secrets.create_secret(Name="s", SecretString="x")
    assert (
        "InvalidRequestException"
        == refused(
            secrets.rotate_secret,
            SecretId="s",
            RotationLambdaARN=function,
            ClientRequestToken=made["VersionId"],
        )[0]
    )


def test_an_incomplete_rotation_forbids_the_next_until_its_label_is_taken_off(secrets: Any, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    assert ("InvalidRequestException", ROTATION_INCOMPLETE) == refused(secrets.rotate_secret, SecretId="s")
    secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=begun)
    again = secrets.rotate_secret(SecretId="s")["VersionId"]
    assert ["AWSPENDING"] == stages(secrets, "s")[again]


def test_a_finished_rotation_allows_the_next_whether_or_not_its_label_is_still_there(
    secrets: Any, function: str
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    fill(secrets, begun)
    finish(secrets, begun)
    assert ["AWSCURRENT", "AWSPENDING"] == stages(secrets, "s")[begun]
    again = secrets.rotate_secret(SecretId="s")["VersionId"]
    assert (["AWSCURRENT"], ["AWSPENDING"]) == (stages(secrets, "s")[begun], stages(secrets, "s")[again])


def test_a_rotation_that_succeeded_shows_its_dates_and_leaves_no_pending_label(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    first = secrets.create_secret(Name="s", SecretString="x")
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY)["VersionId"]
    fill(secrets, begun)
    finish(secrets, begun)
    engine(strongroom, first["ARN"], rotation.succeeded)
    shown = secrets.describe_secret(SecretId="s")
    assert {begun: ["AWSCURRENT"], first["VersionId"]: ["AWSPREVIOUS"]} == stages(secrets, "s")
    assert abs(shown["LastRotatedDate"] - now(strongroom)) < timedelta(minutes=1)
    assert midnight(shown["LastRotatedDate"]) + timedelta(days=2, seconds=-1) == shown["NextRotationDate"]
    assert DAILY == shown["RotationRules"]


def test_rules_are_shown_with_the_days_of_their_expression(secrets: Any, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    rules = {"ScheduleExpression": "rate(10 hours)"}
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=rules)
    shown = secrets.describe_secret(SecretId="s")["RotationRules"]
    assert {"AutomaticallyAfterDays": 1, **rules} == shown
    assert ("InvalidParameterException", BOTH_FREQUENCIES) == refused(
        secrets.rotate_secret, SecretId="s", RotationRules=shown
    ), "as at AWS, what is shown cannot be given back"


def test_new_rules_replace_the_old_ones_and_what_is_left_out_stays(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY)["VersionId"]
    fill(secrets, begun)
    finish(secrets, begun)
    rules = {"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "2h"}
    secrets.rotate_secret(SecretId="s", RotationRules=rules)
    shown = secrets.describe_secret(SecretId="s")
    assert (function, rules) == (
        shown["RotationLambdaARN"],
        {name: value for name, value in shown["RotationRules"].items() if name != "AutomaticallyAfterDays"},
    )
    due = shown["NextRotationDate"].astimezone(UTC)
    assert due.day in (1, 15) and (17, 59, 59) == (due.hour, due.minute, due.second)


def test_rotation_without_rules_has_no_next_date(secrets: Any, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    shown = secrets.describe_secret(SecretId="s")
    assert shown["RotationEnabled"] and "NextRotationDate" not in shown and "RotationRules" not in shown


def test_later_means_a_test_now_and_the_schedule_after(secrets: Any, strongroom: InProcess, function: str) -> None:
    """RotateImmediately false: the test's version has AWSPENDING and is gone once it has passed."""
    made = secrets.create_secret(Name="s", SecretString="x")
    begun = secrets.rotate_secret(
        SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, RotateImmediately=False
    )["VersionId"]
    assert ["AWSPENDING"] == stages(secrets, "s")[begun]
    engine(strongroom, made["ARN"], rotation.succeeded)
    assert {made["VersionId"]: ["AWSCURRENT"]} == stages(secrets, "s")
    assert 1 == len(secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"])
    shown = secrets.describe_secret(SecretId="s")
    assert "LastRotatedDate" not in shown and shown["NextRotationDate"] > now(strongroom)
    assert ["TestRotationStarted"] == [entry.name for entry in events(strongroom, made["ARN"])]


def test_a_scheduled_rotation_begins_inside_its_window(secrets: Any, strongroom: InProcess, function: str) -> None:
    made = secrets.create_secret(Name="s", SecretString="x")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, RotateImmediately=False)
    engine(strongroom, made["ARN"], rotation.succeeded)
    latest = secrets.describe_secret(SecretId="s")["NextRotationDate"]
    strongroom.advance(midnight(latest) - now(strongroom) - timedelta(minutes=1))
    assert {made["VersionId"]: ["AWSCURRENT"]} == stages(secrets, "s"), "the window is not open yet"
    strongroom.advance(latest - now(strongroom))
    held = stages(secrets, "s")
    (begun,) = [version for version, names in held.items() if names == ["AWSPENDING"]]
    assert "RotationStarted" == events(strongroom, made["ARN"])[-1].name
    # While it is not complete no other begins, though windows come.
    strongroom.advance(timedelta(days=3))
    assert held == stages(secrets, "s")
    assert latest == secrets.describe_secret(SecretId="s")["NextRotationDate"], "it may lie in the past"
    fill(secrets, begun)
    finish(secrets, begun)
    engine(strongroom, made["ARN"], rotation.succeeded)
    strongroom.advance(timedelta(days=2))
    assert {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"} == {
        name for names in stages(secrets, "s").values() for name in names
    }


def test_a_value_written_by_hand_counts_as_a_rotation_unless_the_schedule_is_a_calendar(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    rules = ({"AutomaticallyAfterDays": 10}, {"ScheduleExpression": "cron(0 16 1 * ? *)"})
    for name, given in zip(("s", "t"), rules, strict=True):
        arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules=given, RotateImmediately=False)
        engine(strongroom, arn, rotation.succeeded)
    before = [secrets.describe_secret(SecretId=name)["NextRotationDate"] for name in ("s", "t")]
    strongroom.advance(timedelta(days=2))
    secrets.put_secret_value(SecretId="s", SecretString="y", VersionStages=["MINE"])
    assert before[0] == secrets.describe_secret(SecretId="s")["NextRotationDate"], "nothing current was written"
    earliest = now(strongroom)
    for name in ("s", "t"):
        secrets.put_secret_value(SecretId=name, SecretString="z")
    latest = now(strongroom)
    after = [secrets.describe_secret(SecretId=name)["NextRotationDate"] for name in ("s", "t")]
    assert after[0] in [midnight(moment) + timedelta(days=11, seconds=-1) for moment in (earliest, latest)]
    assert before[0] < after[0] and before[1] == after[1]


# ---------------------------------------------------------------------- what ends it


@pytest.mark.parametrize("by", ["put", "update", "put pending", "remove label"])
def test_a_version_made_by_hand_abandons_the_rotation_and_loses_nothing(
    secrets: Any, strongroom: InProcess, function: str, by: str
) -> None:
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    fill(secrets, begun)
    {
        "put": lambda: secrets.put_secret_value(SecretId="s", SecretString="y"),
        "update": lambda: secrets.update_secret(SecretId="s", SecretString="y"),
        "put pending": lambda: secrets.put_secret_value(SecretId="s", SecretString="y", VersionStages=["AWSPENDING"]),
        "remove label": lambda: secrets.update_secret_version_stage(
            SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=begun
        ),
    }[by]()
    assert begun not in stages(secrets, "s")
    assert "rotated" == secrets.get_secret_value(SecretId="s", VersionId=begun)["SecretString"]
    last = events(strongroom, arn)[-1].event
    assert ("RotationAbandoned", f"Rotation-{arn}-{begun}") == (last["eventName"], last["requestID"])


def test_a_call_that_is_refused_has_abandoned_nothing_and_tells_of_nothing(
    secrets: Any, strongroom: InProcess, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was rolled back has not happened: the events of a call stand and fall with it."""
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    monkeypatch.setattr(deletion, "VERSIONS_KEPT", 1)
    monkeypatch.setattr(deletion, "VERSIONS_MAX", 2)
    assert "LimitExceededException" == refused(secrets.put_secret_value, SecretId="s", SecretString="y")[0]
    assert ["AWSPENDING"] == stages(secrets, "s")[begun]
    assert ["RotationStarted"] == [entry.name for entry in events(strongroom, arn)]


def test_what_a_rotation_filled_and_did_not_finish_outlives_the_version_quota(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    fill(secrets, begun)
    for number in range(102):
        secrets.put_secret_value(SecretId="s", SecretString=str(number))
    strongroom.advance(timedelta(hours=25))
    secrets.put_secret_value(SecretId="s", SecretString="last")
    assert "rotated" == secrets.get_secret_value(SecretId="s", VersionId=begun)["SecretString"]
    # A later rotation that succeeds says what the target takes: then it is an old version like any other.
    again = secrets.rotate_secret(SecretId="s")["VersionId"]
    fill(secrets, again, "rotated again")
    finish(secrets, again)
    engine(strongroom, arn, rotation.succeeded)
    strongroom.advance(timedelta(hours=25))
    secrets.put_secret_value(SecretId="s", SecretString="after")
    assert "ResourceNotFoundException" == refused(secrets.get_secret_value, SecretId="s", VersionId=begun)[0]


def test_cancelling_turns_rotation_off_and_leaves_labels_as_they_are(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY)["VersionId"]
    held = stages(secrets, "s")
    assert {"ARN": arn, "Name": "s", "VersionId": begun} == members(secrets.cancel_rotate_secret(SecretId="s"))
    shown = secrets.describe_secret(SecretId="s")
    assert (False, function, DAILY) == (shown["RotationEnabled"], shown["RotationLambdaARN"], shown["RotationRules"])
    assert "NextRotationDate" not in shown and "LastRotatedDate" not in shown
    assert held == stages(secrets, "s")
    assert {"ARN": arn, "Name": "s"} == members(secrets.cancel_rotate_secret(SecretId="s")), "none is under way"
    strongroom.advance(timedelta(days=3))
    assert held == stages(secrets, "s"), "the schedule is off"
    assert "InvalidRequestException" == refused(secrets.rotate_secret, SecretId="s")[0], "the label still blocks"
    secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=begun)
    secrets.rotate_secret(SecretId="s")
    assert secrets.describe_secret(SecretId="s")["RotationEnabled"]


def test_rotation_that_was_never_configured_cannot_be_cancelled(secrets: Any) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    assert "InvalidRequestException" == refused(secrets.cancel_rotate_secret, SecretId="s")[0]


def test_a_deleted_secret_is_not_rotated_and_a_restored_one_is(
    secrets: Any, strongroom: InProcess, function: str
) -> None:
    made = secrets.create_secret(Name="s", SecretString="x")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY, RotateImmediately=False)
    engine(strongroom, made["ARN"], rotation.succeeded)
    secrets.delete_secret(SecretId="s")
    strongroom.advance(timedelta(days=3))
    assert {made["VersionId"]: ["AWSCURRENT"]} == stages(secrets, "s")
    secrets.restore_secret(SecretId="s")
    assert secrets.describe_secret(SecretId="s")["NextRotationDate"] > now(strongroom)
    strongroom.advance(timedelta(days=2))
    assert ["AWSPENDING"] in stages(secrets, "s").values()
    secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
    strongroom.advance(timedelta(days=2))
    assert "ResourceNotFoundException" == refused(secrets.describe_secret, SecretId="s")[0]


# ---------------------------------------------------------------------- the rest


def test_external_rotation_members_and_type_are_kept_and_echoed(secrets: Any, account: Account, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x", Type="SalesforceClientSecret")
    metadata = [{"Key": "apiVersion", "Value": "v65.0"}, {"Key": "adminSecretArn", "Value": "none"}]
    role = f"arn:aws:iam::{account.id}:role/rotator"
    external = {"ExternalSecretRotationMetadata": metadata, "ExternalSecretRotationRoleArn": role}
    assert ("InvalidRequestException", NO_FUNCTION) == refused(secrets.rotate_secret, SecretId="s", **external)
    assert (
        "InvalidRequestException"
        == refused(secrets.rotate_secret, SecretId="s", RotationLambdaARN=function, **external)[0]
    ), "there is no such role"
    elsewhere = external | {"ExternalSecretRotationRoleArn": "arn:aws:iam::999999999999:role/rotator"}
    assert (
        "AccessDeniedException"
        == refused(secrets.rotate_secret, SecretId="s", RotationLambdaARN=function, **elsewhere)[0]
    )
    assert "RotationEnabled" not in secrets.describe_secret(SecretId="s")
    make_role(account)
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, **external)
    (listed,) = secrets.list_secrets()["SecretList"]
    for shown in (secrets.describe_secret(SecretId="s"), listed):
        assert ("SalesforceClientSecret", metadata, role) == (
            shown["Type"],
            shown["ExternalSecretRotationMetadata"],
            shown["ExternalSecretRotationRoleArn"],
        )
    secrets.update_secret(SecretId="s", Type="SnowflakePat")
    assert "SnowflakePat" == secrets.describe_secret(SecretId="s")["Type"]


def make_role(account: Account) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "secretsmanager.amazonaws.com"}, "Action": "sts:AssumeRole"}
    account.client("iam").create_role(
        RoleName="rotator",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )


def test_an_event_tells_of_the_start_in_awss_shape(secrets: Any, strongroom: InProcess, function: str) -> None:
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    (entry,) = events(strongroom, arn)
    told = entry.event
    assert ("RotationStarted", "AwsServiceEvent", f"Rotation-{arn}-{begun}", {"SecretId": arn}, False) == (
        told["eventName"],
        told["eventType"],
        told["requestID"],
        told["additionalEventData"],
        told["readOnly"],
    )


def test_the_function_is_asked_as_the_caller_and_as_the_service_and_both_are_recorded(
    secrets: Any, strongroom: InProcess, account: Account, function: str
) -> None:
    secrets.create_secret(Name="s", SecretString="x")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    asked = [
        entry.event
        for entry in successes(strongroom.settings.data)
        if entry.name == "Invoke" and account.id == entry.event["recipientAccountId"]
    ]
    assert ["IAMUser", "AWSService"] == [event["userIdentity"]["type"] for event in asked]
    assert {"secretsmanager.amazonaws.com"} == {event["userIdentity"]["invokedBy"] for event in asked}
    assert {"secretsmanager.amazonaws.com"} == {event["sourceIPAddress"] for event in asked}


def test_copies_show_the_rotation_and_a_promoted_one_has_none(secrets: Any, account: Account, function: str) -> None:
    secrets.create_secret(Name="s", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}])
    begun = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=DAILY)["VersionId"]
    there = account.client("secretsmanager", "eu-west-1")
    assert there.describe_secret(SecretId="s")["RotationEnabled"]
    assert ["AWSPENDING"] == stages(there, "s")[begun]
    on_replica = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
    for call in (there.rotate_secret, there.cancel_rotate_secret):
        assert ("InvalidParameterException", on_replica) == refused(call, SecretId="s")
    there.stop_replication_to_replica(SecretId="s")
    assert not {"RotationEnabled", "RotationLambdaARN", "RotationRules", "NextRotationDate"} & set(
        there.describe_secret(SecretId="s")
    )
