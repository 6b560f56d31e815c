"""Every alert rule of the operator's file from end to end, and what ``strongroom webhooks`` and ``usage`` say after."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment
from tests.functions.packing import PYTHON, TRUST, zipped
from tests.receivers import Delivery, Receiver

RULES = """
[alerts]
rotation_failed = true
key_deletion_scheduled = true
pending_deletion_read = true
new_reader = true
denials_a_minute = 5
"""
ALL = {"rotation_failed", "key_deletion_scheduled", "pending_deletion_read", "new_reader", "denials_a_minute"}
FAILS = "def handler(event, context):\n    raise RuntimeError('canary-of-a-function')\n"


def begun(data: Path, receiver: Receiver, rules: str, **more: Any) -> Deployment:
    """A server with a webhook, not started yet."""
    data.mkdir(mode=0o700)
    (data / "events.toml").write_text(receiver.section(**more) + rules)
    return Deployment(data, "--workers", "1", "--tls", "off")


def known(server: Deployment) -> dict[str, Any]:
    """What is told of the one webhook, once somebody delivers to it: it begins with what happens from then."""
    return until(server, lambda one: True)


def until(server: Deployment, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What ``strongroom webhooks`` tells as JSON once that is so."""
    end = time.monotonic() + 120
    while True:
        told = json.loads(server.cli("webhooks", "--format", "json", check=False).stdout)["Webhooks"]
        if told and done(told[0]):
            found: dict[str, Any] = told[0]
            return found
        assert time.monotonic() < end, told
        threading.Event().wait(0.1)


def fail_a_rotation(server: Deployment) -> str:
    """Have a rotation fail; the secret's ARN."""
    role = server.client("iam").create_role(RoleName="rotator", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    lambdas = server.client("lambda")
    function = lambdas.create_function(
        FunctionName="rotator", Role=role["Arn"], Code={"ZipFile": zipped({"app.py": FAILS})},
        Runtime=PYTHON, Handler="app.handler", Timeout=10,
    )["FunctionArn"]  # fmt: skip
    lambdas.add_permission(
        FunctionName="rotator",
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    secrets = server.client("secretsmanager")
    arn: str = secrets.create_secret(Name="rotated", SecretString="canary-rotated")["ARN"]
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30})
    return arn


def test_each_alert_rule_is_told_from_end_to_end_and_the_commands_tell_of_it(tmp_path: Path) -> None:
    with Receiver(tmp_path / "receiver") as receiver, begun(tmp_path / "data", receiver, RULES, names=["No"]) as server:
        known(server)
        secrets, kms = server.client("secretsmanager"), server.client("kms")
        rotated = fail_a_rotation(server)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        secrets.create_secret(Name="gone", SecretString="canary-gone")
        secrets.delete_secret(SecretId="gone", RecoveryWindowInDays=7)
        with pytest.raises(ClientError, match="marked for deletion"):
            secrets.get_secret_value(SecretId="gone")
        tags = [{"Key": "team", "Value": "red"}]
        read = secrets.create_secret(Name="read", SecretString="canary-read", Tags=tags)["ARN"]
        for _ in range(3):
            secrets.get_secret_value(SecretId="read")
        deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
        iam = server.client("iam")
        iam.create_user(UserName="weak")
        iam.put_user_policy(UserName="weak", PolicyName="none", PolicyDocument=json.dumps(deny))
        made = iam.create_access_key(UserName="weak")["AccessKey"]
        weak = server.client(
            "secretsmanager",
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
        )
        for _ in range(12):  # two minutes may have their share
            with pytest.raises(ClientError, match="AccessDenied"):
                weak.list_secrets()

        receiver.wait_for(lambda r: set(r.names()) >= ALL, seconds=120)

        first = {name: next(one for one in receiver.taken if one.name == name) for name in ALL}
        assert [read] == [one.event["detail"]["secret"] for one in receiver.taken if one.name == "new_reader"]
        about = {name: json.dumps(one.event["detail"]) for name, one in first.items()}
        assert rotated in about["rotation_failed"]
        assert key in about["key_deletion_scheduled"]
        assert "gone" in about["pending_deletion_read"]
        assert first["denials_a_minute"].event["detail"]["denials"] >= 5
        once = ("key_deletion_scheduled", "pending_deletion_read", "new_reader")
        assert [1, 1, 1] == [receiver.names().count(name) for name in once]
        assert len(receiver.taken) == len({one.id for one in receiver.taken}), "nothing is told twice"
        assert all(one.is_signed() for one in receiver.taken)
        assert b"canary" not in b"".join(one.raw for one in receiver.seen)

        told = until(server, lambda one: one["Delivered"] == len(receiver.taken) and not one["Behind"])
        assert ("one", 0, 0, 0) == (told["Name"], told["Dead"], told["Missed"], told["Attempt"])
        said = server.cli("webhooks")
        assert f"one: {told['Delivered']} delivered, 0 events behind\n" == said.stdout

        usage = json.loads(server.cli("usage", "--tag", "team", "--format", "json").stdout)
        assert {"Name": "red", "Calls": 3} in [one | {"Calls": 3} for one in usage["ByTag"] if one["Calls"] >= 3]
        lines = server.cli("usage", "--tag", "team").stdout.splitlines()
        assert ["secrets", "calls", "KMS", "at"] == [line.split()[0] for line in lines[:4]]
        assert any(line.split()[1:] == ["red"] for line in lines[lines.index("by tag team:") :])
        assert any(line.endswith(":user/admin") for line in lines)
        assert "canary" not in "\n".join(lines)


def test_the_months_of_usage_are_asked_for_by_name(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1", "--tls", "off") as server:
        told = json.loads(server.cli("usage", "--month", "2001-01", "--format", "json").stdout)
        assert (0, []) == (told["Calls"], told["ByPrincipal"])
        refused = server.cli("usage", "--month", "yesterday", check=False)
        assert (1, "") == (refused.returncode, refused.stdout)
        assert "Traceback" not in refused.stderr
        nothing = server.cli("webhooks")
        assert "no webhook has been delivered to yet\n" == nothing.stdout


def test_webhooks_shows_a_failing_receiver_and_then_its_dead_letter(tmp_path: Path) -> None:
    refuses = threading.Event()
    refuses.set()

    def answer(_: Delivery) -> int:
        return 400 if refuses.is_set() else 200

    with (
        Receiver(tmp_path / "receiver", answer) as receiver,
        begun(tmp_path / "data", receiver, "", names=["CreateSecret"]) as server,
    ):
        known(server)
        server.client("secretsmanager").create_secret(Name="canary-of-a-name", SecretString="canary")
        until(server, lambda one: one["Attempt"] > 0)
        failing = server.cli("webhooks", check=False).stdout
        assert "failed: it was answered with status 400" in failing or "dead letters" in failing
        dead = until(server, lambda one: one["Dead"] == 1)
        refuses.clear()
        server.client("secretsmanager").create_secret(Name="next", SecretString="canary")
        receiver.wait_for(lambda r: bool(r.taken))
        said = server.cli("webhooks", check=False)
        assert 1 == said.returncode, "events were lost"
        assert "  1 dead letters, the newest of them:" in said.stdout
        number = dead["DeadLetters"][0]["Number"]
        assert f"    event {number}: it was answered with status 400" in said.stdout
        assert ["next"] == [one.event["detail"]["requestParameters"]["name"] for one in receiver.taken]
        assert "canary" not in said.stdout
