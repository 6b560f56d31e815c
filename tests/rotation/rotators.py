"""Rotation functions of AWS's call shape, written for tests, and secrets that they rotate."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

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
    print("event", json.dumps(event))
    misbehave(event)
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


def misbehave(event):
    pass


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


POSTGRES = (
    COPYBOOK
    + """

import socket

import psycopg
from psycopg import sql

gate = os.environ.get("GATE")


def misbehave(event):
    at(event, "begin")


def at(event, moment):
    # Whoever holds the gate says whether to go on, or to die here.
    if gate:
        with socket.create_connection(("127.0.0.1", int(gate))) as peer:
            peer.sendall((event["Step"] + " " + moment).encode() + b"\\n")
            if peer.makefile().readline().strip() == "die":
                os.kill(os.getpid(), 9)


def login(found):
    try:
        return psycopg.connect(
            host=found["host"], port=found["port"], user=found["username"], password=found["password"],
            dbname=found.get("dbname", "postgres"), connect_timeout=5, autocommit=True,
        )
    except psycopg.OperationalError as error:
        print("could not log in:", error)
        return None


def create(event):
    found = json.loads(value(event, "AWSCURRENT"))
    try:
        value(event, "AWSPENDING", VersionId=event["ClientRequestToken"])
    except client.exceptions.ResourceNotFoundException:
        found["password"] = client.get_random_password(ExcludeCharacters="/@:")["RandomPassword"]
        client.put_secret_value(
            SecretId=event["SecretId"],
            ClientRequestToken=event["ClientRequestToken"],
            SecretString=json.dumps(found),
            VersionStages=["AWSPENDING"],
        )
    at(event, "end")


def set_(event):
    pending = json.loads(value(event, "AWSPENDING", VersionId=event["ClientRequestToken"]))
    connection = login(pending)
    if connection is None:
        for stage in ("AWSCURRENT", "AWSPREVIOUS"):
            try:
                connection = login(json.loads(value(event, stage)))
            except client.exceptions.ResourceNotFoundException:
                pass
            if connection is not None:
                break
        else:
            raise ValueError("Unable to log into the database with pending, current or previous")
        with connection:
            connection.execute(
                sql.SQL("ALTER USER {} PASSWORD {}").format(
                    sql.Identifier(pending["username"]), sql.Literal(pending["password"])
                )
            )
    at(event, "end")


def test(event):
    pending = json.loads(value(event, "AWSPENDING", VersionId=event["ClientRequestToken"]))
    with login(pending) as connection:
        connection.execute("SELECT now()")
    at(event, "end")


_finish = finish


def finish(event):
    _finish(event)
    at(event, "end")
"""
)
"""A user of PostgreSQL who changes the password of its own; psycopg comes from a layer."""


def psycopg_layer() -> bytes:
    """The driver as this process has it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("psycopg", "psycopg_binary", "psycopg_binary.libs", "typing_extensions"):
            found = Path(psycopg.__path__[0]).parent / name
            files = found.rglob("*") if found.is_dir() else [found.with_suffix(".py")]
            for path in files:
                if path.is_file() and path.suffix != ".pyc":
                    archive.write(path, f"python/{path.relative_to(found.parent)}")
    return made.getvalue()


def rotator(account: Account, name: str = "rotator", code: str = COPYBOOK, **more: Any) -> str:
    """A function that Secrets Manager may invoke, with the rights that its steps need; its ARN."""
    role = make_role(account, f"of-{name}", {"Action": ["secretsmanager:*", "logs:*", "kms:*"], "Resource": "*"})
    made = make_function(account, name, code, role, **{"Timeout": 30, **more})
    account.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rotates",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.id,
    )
    return str(made["FunctionArn"])


def misbehaving(*lines: str) -> str:
    """The same, but that something goes wrong: ``event`` and ``step`` are known to these lines."""
    body = "\n".join(f"    {line}" for line in ('step = event["Step"]', *lines))
    return f"{COPYBOOK}\n\ndef misbehave(event):\n{body}\n"


def seen(account: Account, name: str = "rotator") -> list[dict[str, Any]]:
    """The events that a function got, in order."""
    logs = account.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="event")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [json.loads(one["message"].partition(" ")[2]) for one in found if one["message"].startswith("event {")]


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
