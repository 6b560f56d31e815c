"""Zips of functions, roles for them, and what comes back, for tests."""

from __future__ import annotations

import base64
import io
import json
import sys
import zipfile
from dataclasses import dataclass
from typing import Any

from tests.inprocess import Account

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
ECHO = "def handler(event, context):\n    return event\n"


def zipped(files: dict[str, str]) -> bytes:
    """A zip of text files; those ending in ``.sh`` may be executed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            archive.writestr(entry, text)
    return made.getvalue()


@dataclass(frozen=True)
class Result:
    """What Invoke answered."""

    value: Any
    error: str | None
    log: str


def invoke(client: Any, name: str, event: Any = None, **more: Any) -> Result:
    """Invoke with its log."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail", **more)
    log = base64.b64decode(answer.get("LogResult", "")).decode()
    return Result(json.loads(answer["Payload"].read()), answer.get("FunctionError"), log)


def make_role(account: Account, name: str = "runs", allow: dict[str, Any] | None = None) -> str:
    """A role that Lambda may assume, with one statement of its own; its ARN."""
    iam = account.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    if allow is not None:
        document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", **allow}}
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    return str(role)


def make_function(account: Account, name: str, code: str, role: str | None = None, **more: Any) -> Any:
    """A function of one file; what CreateFunction answered."""
    given = {"Runtime": PYTHON, "Handler": "app.handler", "Timeout": 10} | more
    return account.client("lambda").create_function(
        FunctionName=name,
        Role=role or make_role(account, f"of-{name}"),
        Code={"ZipFile": zipped({"app.py": code})},
        **given,
    )
