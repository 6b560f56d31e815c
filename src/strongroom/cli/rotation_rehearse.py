"""``strongroom rotation rehearse``: prove before the schedule is armed that every step can succeed.

A ready-made function has a step of its own for it, run with the execution role's rights where the rotation will run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from strongroom.cli.aws import clients_of
from strongroom.cli.options import Commands, add_endpoint, command, show
from strongroom.cli.rotation_wish import TAG
from strongroom.server.parts import StartRefused

Clients = Callable[[str], Any]
Found = list[dict[str, str]]


def add(actions: Commands) -> None:
    """Declare the action."""
    made = command(
        actions,
        "rehearse",
        run,
        does="Prove that a rotation would succeed, and leave secret and target as they are.",
        example="strongroom rotation rehearse app/db",
    )
    made.add_argument("secret", help="name or ARN")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Rehearse; 1 where something would break."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  as in cli.aws

    clients = clients_of(given)
    try:
        one = clients("secretsmanager").describe_secret(SecretId=given.secret)
        function = one.get("RotationLambdaARN")
        if function is None:
            raise StartRefused(f"{one['Name']} has no rotation function: strongroom rotation enable makes one")
        findings = ask(clients, function, one["ARN"])
    except ClientError as refusal:
        raise StartRefused(f"{refusal.operation_name}: {refusal.response['Error'].get('Message', refusal)}") from None
    except BotoCoreError as error:
        raise StartRefused(str(error)) from None
    show(given, {"secret": one["ARN"], "findings": findings}, "\n".join(lines(findings)))
    return 1 if any(found["mend"] for found in findings) else 0


def ask(clients: Clients, function: str, arn: str) -> Found:
    """What the rehearsal of a secret's function finds."""
    told = clients("lambda").get_function(FunctionName=function)
    if told.get("Tags", {}).get(TAG) != arn:
        return _of_another(clients, told["Configuration"], arn)
    event = {"Step": "rehearse", "SecretId": arn, "ClientRequestToken": ""}
    answer = clients("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    words = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        said = words.get("errorMessage", "it does not say why") if isinstance(words, dict) else str(words)
        return [{"about": "function", "seen": said, "mend": "see its log: strongroom logs FUNCTION"}]
    return [{name: str(one.get(name, "")) for name in ("about", "seen", "mend")} for one in words]


def _of_another(clients: Clients, configuration: dict[str, Any], arn: str) -> Found:
    """What can be proven of a function that users made, without running their code."""
    needed = {
        "secretsmanager:DescribeSecret": arn,
        "secretsmanager:GetSecretValue": arn,
        "secretsmanager:PutSecretValue": arn,
        "secretsmanager:UpdateSecretVersionStage": arn,
        "secretsmanager:GetRandomPassword": "*",
    }
    found: Found = [
        {"about": "function", "seen": "it is not one of Strongroom's: its code is not run in a rehearsal", "mend": ""}
    ]
    iam = clients("iam")
    for action, resource in needed.items():
        told = iam.simulate_principal_policy(
            PolicySourceArn=configuration["Role"], ActionNames=[action], ResourceArns=[resource]
        )
        allowed = told["EvaluationResults"][0]["EvalDecision"] == "allowed"
        mend = "" if allowed else f"allow {action} to {configuration['Role']}, unless the function does without"
        seen = f"{action} is {'allowed' if allowed else 'denied'} by the role's own policies"
        found.append({"about": "permission", "seen": seen, "mend": mend})
    if configuration["Timeout"] < 60:
        seen = f"its timeout is {configuration['Timeout']} s"
        mend = "raise it to 60 s: a database that does not answer takes longer than 30 s to be told as such"
        found.append({"about": "timeout", "seen": seen, "mend": mend})
    return found


def lines(findings: Found) -> Iterator[str]:
    """One line for each thing looked at, and how to mend it under what would break."""
    for one in findings:
        printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in one["seen"])
        yield f"{'BREAKS' if one['mend'] else 'ok    '}  {one['about']}: {printable}"
        if one["mend"]:
            yield f"        mend: {one['mend']}"
