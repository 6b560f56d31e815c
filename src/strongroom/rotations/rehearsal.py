"""The rehearsal: what can be proven before the schedule is armed, with secret and target left as they are.

It runs inside the function, with the execution role's own credentials, so a permission that is missing here is missing
in the rotation. Calls that write are made so that they can change nothing: AWS decides before it looks.
Source: facts aws-observed; facts rotation, section 5 (2, 8, 9).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.rotations.contract import Finding, Plan
from strongroom.rotations.errors import BadSecret, Refused, RotationError, Unreachable, said
from strongroom.rotations.secret import CURRENT, PENDING, PREVIOUS, Secret

_NO_VERSION = "00000000-0000-0000-0000-000000000000"


def rehearse(secret: Secret, plan: Plan) -> list[Finding]:
    """Everything that was looked at; a finding with ``mend`` is one that would break a rotation."""
    found = _permissions(secret)
    if any(one.mend for one in found):
        return found
    began = time.monotonic()
    try:
        found += plan.rehearse(secret.current(), secret.read(PREVIOUS))
    except Exception as error:  # noqa: BLE001  whatever breaks here would break the rotation
        found.append(Finding("target", said(error), _mend(error)))
    else:
        found.append(Finding("latency", f"the rehearsal took {1000 * (time.monotonic() - began):.0f} ms"))
    return found


def _permissions(secret: Secret) -> list[Finding]:
    client = secret.client
    current: dict[str, str] = {}
    described: dict[str, Any] = {}

    def read() -> None:
        told = client.get_secret_value(SecretId=secret.arn, VersionStage=CURRENT)
        if "SecretString" in told:
            current.update(version=told["VersionId"], text=told["SecretString"])

    def write() -> None:
        # The same token with the same value stores nothing, and is allowed or refused as a new value would be.
        client.put_secret_value(
            SecretId=secret.arn, ClientRequestToken=current["version"], SecretString=current["text"]
        )

    def move() -> None:
        # No version has this id: a call that is allowed is refused for that alone.
        client.update_secret_version_stage(SecretId=secret.arn, VersionStage=PENDING, RemoveFromVersionId=_NO_VERSION)

    calls: dict[str, Callable[[], object]] = {
        "secretsmanager:DescribeSecret": lambda: described.update(client.describe_secret(SecretId=secret.arn)),
        "secretsmanager:GetSecretValue": read,
        "secretsmanager:PutSecretValue": write,
        "secretsmanager:UpdateSecretVersionStage": move,
        "secretsmanager:GetRandomPassword": client.get_random_password,
    }
    found = []
    for action, call in calls.items():
        if action == "secretsmanager:PutSecretValue" and not current:
            continue
        try:
            call()
        except client.exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if "AccessDenied" in code:
                mend = f"allow {action} (or the KMS action that it names) to the function's role: enable again"
                found.append(Finding("permission", f"{action} is denied: {said(error)}", mend))
                continue
            if action == "secretsmanager:GetSecretValue":
                found.append(Finding("value", said(error), "store a first value with put-secret-value"))
                continue
        found.append(Finding("permission", f"{action} is allowed"))
    return found + _key(described)


def _key(told: Mapping[str, Any]) -> list[Finding]:
    """What cannot be shown of a customer's key: only a value that is stored asks for a new data key."""
    key = told.get("KmsKeyId")
    if key is None or key.endswith("alias/aws/secretsmanager"):
        return []
    return [Finding("permission", f"kms:GenerateDataKey on {key} cannot be tried without storing a value")]


def _mend(error: Exception) -> str:
    if isinstance(error, Unreachable):
        return "check host, port, network and TLS of the target, from the machine that runs functions"
    if isinstance(error, Refused):
        return "store the password that the target takes now with put-secret-value, then rehearse again"
    if isinstance(error, BadSecret):
        return "write the secret's value as the page about rotation says"
    if isinstance(error, RotationError):
        return "see the target's own words"
    return "see the function's log: strongroom logs FUNCTION"
