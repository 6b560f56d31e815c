"""Rotation functions of AWS's call shape, written for tests, and secrets that they rotate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.functions.packing import make_function, make_role
from tests.inprocess import Account

SECONDS = 60.0
"""How long a test waits for what must come."""

COPYBOOK = """
import json
import os

import boto3
from botocore.config import Config

client = boto3.client("secretsmanager", config=Config(retries={"total_max_attempts": 2}))


def handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    print("step", step)
    told = client.describe_secret(SecretId=arn)
    if not told.get("RotationEnabled"):
        raise ValueError("rotation is not enabled")
    versions = told["VersionIdsToStages"]
    if token not in versions:
        raise ValueError("the token is not among the versions")
    if "AWSCURRENT" in versions[token]:
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError("the version is not pending")
    {"createSecret": create, "setSecret": set_, "testSecret": test, "finishSecret": finish}[step](event)


def value(event, stage, **more):
    return client.get_secret_value(SecretId=event["SecretId"], VersionStage=stage, **more)["SecretString"]


def create(event):
    value(event, "AWSCURRENT")
    try:
        value(event, "AWSPENDING", VersionId=event["ClientRequestToken"])
    except client.exceptions.ResourceNotFoundException:
        made = client.get_random_password(ExcludeCharacters="/@\\"'\\\\")["RandomPassword"]
        client.put_secret_value(
            SecretId=event["SecretId"],
            ClientRequestToken=event["ClientRequestToken"],
            SecretString=made,
            VersionStages=["AWSPENDING"],
        )


def set_(event):
    value(event, "AWSPENDING", VersionId=event["ClientRequestToken"])


def test(event):
    value(event, "AWSPENDING", VersionId=event["ClientRequestToken"])


def finish(event):
    versions = client.describe_secret(SecretId=event["SecretId"])["VersionIdsToStages"]
    (current,) = [version for version, stages in versions.items() if "AWSCURRENT" in stages]
    client.update_secret_version_stage(
        SecretId=event["SecretId"],
        VersionStage="AWSCURRENT",
        MoveToVersionId=event["ClientRequestToken"],
        RemoveFromVersionId=current,
    )
"""
"""The four steps as AWS's documentation tells them, for a bare value and no target."""


def rotator(account: Account, name: str = "rotator", code: str = COPYBOOK, **more: Any) -> str:
    """A function that Secrets Manager may invoke, with the rights that its steps need; its ARN."""
    role = make_role(account, f"of-{name}", {"Action": "secretsmanager:*", "Resource": "*"})
    made = make_function(account, name, code, role, **{"Timeout": 30, **more})
    account.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rotates",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.id,
    )
    return str(made["FunctionArn"])


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Wait until something is so, and answer it."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not in {seconds:.0f} seconds: {what}"
        time.sleep(0.05)


def stages(secrets: Any, name: str) -> dict[str, list[str]]:
    """The labels of each version that has any."""
    found: dict[str, list[str]] = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    return found


def rotated(secrets: Any, name: str, version_id: str) -> Any:
    """DescribeSecret once a rotation has succeeded."""

    def done() -> Any:
        told = secrets.describe_secret(SecretId=name)
        held = told["VersionIdsToStages"].get(version_id, [])
        return told if "AWSCURRENT" in held and "LastRotatedDate" in told and "AWSPENDING" not in held else None

    return until(done, f"{name} rotated to {version_id}")
