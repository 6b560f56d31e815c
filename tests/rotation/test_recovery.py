"""No value that the target may have is ever lost, and an operator sees it and can go on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from strongroom.cli import main
from tests.functions.packing import zipped
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.rotation.rotators import COPYBOOK, misbehaving, rotated, rotator, seen, stages, until

STUCK = misbehaving("if step == 'testSecret': raise RuntimeError('no login')")
Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


@pytest.fixture
def command(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``strongroom rotation WORDS``: its exit status, and what it printed as JSON, or said."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret)

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        status = main(["rotation", *words, "--endpoint", account.url, "--format", "json"])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out else err

    return run


def stuck(account: Account, secrets: Any, command: Command) -> tuple[str, str]:
    """A rotation that has written a value and set it, and then failed: its version, and the value."""
    secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(
        SecretId="s", RotationLambdaARN=rotator(account, code=STUCK), RotationRules={"AutomaticallyAfterDays": 1}
    )["VersionId"]
    until(lambda: command("status", "s")[1]["Attempts"], "a failed attempt")
    return token, secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]


def mend(account: Account) -> None:
    """The function is made well."""
    account.client("lambda").update_function_code(FunctionName="rotator", ZipFile=zipped({"app.py": COPYBOOK}))


def test_status_tells_of_the_failure_of_the_next_attempt_and_of_the_value_that_the_target_may_have(
    account: Account, secrets: Any, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    token, _ = stuck(account, secrets, command)
    status, one = command("status", "s")
    assert (1, "waiting", token, 1) == (status, one["State"], one["VersionId"], one["Attempts"])
    assert ["testSecret: RuntimeError: no login"] == [f"{f['Step']}: {f['Message']}" for f in one["Failures"]]
    assert [token] == [kept["VersionId"] for kept in one["Kept"]]
    status, all_ = command("status")
    assert (1, ["s"]) == (status, [each["Name"] for each in all_["Rotations"]])

    assert 1 == main(["rotation", "status", "s", "--endpoint", account.url])
    said = capsys.readouterr().out
    assert "waiting after 1 failed attempts, next attempt 2" in said
    assert f"version {token} (pending, begun " in said and "the target may already have this" in said
    assert 1 == main(["rotation", "status", "--endpoint", account.url])
    assert "! s  waiting" in capsys.readouterr().out


def test_retry_tries_the_same_token_and_value_again_now(account: Account, secrets: Any, command: Command) -> None:
    token, value = stuck(account, secrets, command)
    mend(account)
    assert 0 == command("retry", "s")[0]
    rotated(secrets, "s", token)
    assert value == secrets.get_secret_value(SecretId="s")["SecretString"]
    status, one = command("status", "s")
    assert (0, "succeeded", []) == (status, one["State"], one["Kept"])
    assert {token} == {event["ClientRequestToken"] for event in seen(account)}
    assert 1 == command("retry", "s")[0], "there is nothing to retry now"


@pytest.mark.parametrize(
    "how",
    [
        "cancel",
        pytest.param("put", marks=pytest.mark.long),
        pytest.param("label", marks=pytest.mark.long),
        "schedule deletion",
        "rotate again",
    ],
)
def test_whatever_ends_a_rotation_from_outside_its_value_stays_is_shown_and_can_be_gone_on_with(
    how: str, account: Account, secrets: Any, command: Command, strongroom: InProcess
) -> None:
    token, value = stuck(account, secrets, command)
    unlabel = {"SecretId": "s", "VersionStage": "AWSPENDING", "RemoveFromVersionId": token}
    if how == "cancel":
        secrets.cancel_rotate_secret(SecretId="s")
    elif how == "put":
        secrets.put_secret_value(SecretId="s", SecretString="by hand")
    elif how == "label":
        secrets.update_secret_version_stage(**unlabel)
    elif how == "schedule deletion":
        secrets.delete_secret(SecretId="s")
        held = command("status", "s")
        assert (1, "held") == (held[0], held[1]["State"])
        strongroom.advance(timedelta(days=2))
        secrets.restore_secret(SecretId="s")
    else:
        with pytest.raises(secrets.exceptions.InvalidRequestException):
            secrets.rotate_secret(SecretId="s")
    assert value == secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]
    status, one = command("status", "s")
    assert (1, [token]) == (status, [kept["VersionId"] for kept in one["Kept"]])
    mend(account)
    assert 0 == command("retry", "s")[0]
    rotated(secrets, "s", token)
    assert value == secrets.get_secret_value(SecretId="s")["SecretString"]
    assert secrets.describe_secret(SecretId="s")["RotationEnabled"]
    assert 0 == command("status", "s")[0]


def test_a_new_rotation_after_one_that_was_ended_leaves_the_older_value_where_it_can_be_gone_on_with(
    account: Account, secrets: Any, command: Command
) -> None:
    """Case B of the crash table: a new token, while the target may have the value of the old one."""
    token, value = stuck(account, secrets, command)
    secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=token)
    newer = secrets.rotate_secret(SecretId="s")["VersionId"]
    until(lambda: command("status", "s")[1]["Attempts"], "a failed attempt of the newer")
    assert {token, newer} == {kept["VersionId"] for kept in command("status", "s")[1]["Kept"]}
    assert 1 == command("retry", "s", "--version-id", token)[0], "the newer one is under way"
    assert 0 == command("abandon", "s", "--yes")[0]
    mend(account)
    assert 0 == command("retry", "s", "--version-id", token)[0]
    rotated(secrets, "s", token)
    assert value == secrets.get_secret_value(SecretId="s")["SecretString"]


def test_abandoning_needs_to_be_said_twice_where_the_target_may_have_the_value_and_keeps_it(
    account: Account, secrets: Any, command: Command, strongroom: InProcess
) -> None:
    token, value = stuck(account, secrets, command)
    status, said = command("abandon", "s")
    assert 1 == status and token in said and "the target may already have this" in said
    assert ["AWSPENDING"] == stages(secrets, "s")[token]
    status, one = command("abandon", "s", "--yes")
    assert (0, "abandoned", [token]) == (status, one["State"], [kept["VersionId"] for kept in one["Kept"]])
    assert token not in stages(secrets, "s")
    assert value == secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]
    told = [entry.event for entry in entries(strongroom.settings.data) if entry.name == "RotationAbandoned"]
    assert ["secretsmanager.amazonaws.com"] == [
        event["eventSource"] for event in told if event["requestID"].endswith(token)
    ]
    mend(account)
    newer = secrets.rotate_secret(SecretId="s")["VersionId"]
    rotated(secrets, "s", newer)
    assert [] == command("status", "s")[1]["Kept"], "one that succeeded says what the target takes"


def test_a_rotation_without_a_value_is_abandoned_at_once_and_leaves_nothing(
    account: Account, secrets: Any, command: Command
) -> None:
    function = rotator(account, code=misbehaving("raise RuntimeError('no')"))
    made = secrets.create_secret(Name="s", SecretString="first")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)
    until(lambda: command("status", "s")[1]["Attempts"], "a failed attempt")
    status, one = command("abandon", "s")
    assert (0, []) == (status, one["Kept"])
    assert {made["VersionId"]: ["AWSCURRENT"]} == stages(secrets, "s")
    assert 1 == command("abandon", "s")[0]


HOLDS = misbehaving(
    "if step != 'setSecret' or 'held' in os.environ: return",
    "os.environ['held'] = 'once'",
    "client.create_secret(Name='held', SecretString=event['ClientRequestToken'])",
    "import time",
    "while True:",
    "    try:",
    "        client.describe_secret(SecretId='go')",
    "    except client.exceptions.ResourceNotFoundException:",
    "        time.sleep(0.1)",
    "    else:",
    "        return",
)
"""Stays in setSecret, once, until there is a secret named ``go``."""


@pytest.mark.parametrize("how", ["cancel", "put", "label", "delete"])
def test_while_a_function_is_still_at_the_target_for_a_rotation_that_was_ended_no_other_goes_there(
    how: str, account: Account, secrets: Any, command: Command
) -> None:
    secrets.create_secret(Name="s", SecretString="first")
    function = rotator(account, code=HOLDS, Timeout=60)
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    until(lambda: any(one["Name"] == "held" for one in secrets.list_secrets()["SecretList"]), "the function holds")
    assert "running" == command("status", "s")[1]["State"]
    unlabel = {"SecretId": "s", "VersionStage": "AWSPENDING", "RemoveFromVersionId": token}
    if how == "delete":
        secrets.delete_secret(SecretId="s")
        secrets.restore_secret(SecretId="s")
    elif how == "put":
        secrets.put_secret_value(SecretId="s", SecretString="by hand")
    else:
        if how == "cancel":
            secrets.cancel_rotate_secret(SecretId="s")
        secrets.update_secret_version_stage(**unlabel)
    value = secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]
    newer = token if how == "delete" else secrets.rotate_secret(SecretId="s")["VersionId"]
    if newer != token:
        until(lambda: "waiting" == command("status", "s")[1]["State"], "the newer one waits")
        assert [] == [event for event in seen(account) if event["ClientRequestToken"] == newer]
    secrets.create_secret(Name="go", SecretString="x")
    rotated(secrets, "s", newer)
    steps = [(event["ClientRequestToken"], event["Step"]) for event in seen(account)]
    if newer != token:
        assert (token, "testSecret") not in steps, "what was ended went no further"
    assert steps.index((token, "setSecret")) < max(at for at, (each, _) in enumerate(steps) if each == newer)
    assert value == secrets.get_secret_value(SecretId="s", VersionId=token)["SecretString"]


def test_a_label_that_a_cancelled_rotation_left_behind_is_shown_and_abandoned(
    account: Account, secrets: Any, command: Command
) -> None:
    token, _ = stuck(account, secrets, command)
    secrets.cancel_rotate_secret(SecretId="s")
    assert token == command("status", "s")[1]["BlockedBy"]
    assert 1 == command("abandon", "s")[0]
    assert 0 == command("abandon", "s", "--yes")[0]
    assert "" == command("status", "s")[1]["BlockedBy"]
    secrets.rotate_secret(SecretId="s")


def test_whoever_is_not_allowed_learns_nothing_and_changes_nothing(
    account: Account, secrets: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = stuck(account, secrets, command)
    iam = account.client("iam")
    iam.create_user(UserName="u")
    allow = {"Effect": "Allow", "Action": ["strongroom:RotationRead"], "Resource": "*"}
    iam.put_user_policy(
        UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow})
    )
    key = iam.create_access_key(UserName="u")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    assert token == command("status", "s")[1]["VersionId"]
    for words in (("retry", "s"), ("abandon", "s", "--yes"), ("retry", "never")):
        status, said = command(*words)
        assert 1 == status and "not authorized to perform: strongroom:Rotation" in said
    assert ["AWSPENDING"] == stages(secrets, "s")[token]


def test_usage_is_told_with_status_2_and_an_absent_secret_with_1(command: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        command("retry")
    assert 2 == ended.value.code
    status, said = command("status", "never")
    assert 1 == status and "can't find the specified secret" in said
    assert (0, {"Rotations": []}) == command("status")
