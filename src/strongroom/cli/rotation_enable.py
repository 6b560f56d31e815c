"""``strongroom rotation enable``: function, role and permissions for one secret, by ordinary operations.

Everything is done with the caller's own rights and told; what is there already is left or brought up to date, so the
command may be run again after a failure, with other options, or for newer drivers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from strongroom.cli import rotation_rehearse
from strongroom.cli.aws import clients_of
from strongroom.cli.drivers import HANDLER, function_zip
from strongroom.cli.options import Commands, add_endpoint, command, show
from strongroom.cli.rotation_wish import MEMORY_MB, POLICY, STATEMENT, TAG, TIMEOUT_SECONDS, TRUST, Wish, rules_of
from strongroom.rotations.engines import KINDS
from strongroom.server.parts import StartRefused

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
ROTATE = "secretsmanager RotateSecret"
Clients = Callable[[str], Any]


def add(actions: Commands) -> None:
    """Declare the action."""
    made = command(
        actions,
        "enable",
        run,
        does="Have a secret rotated by a ready-made function: it is made, rehearsed, and put on a schedule.",
        example="strongroom rotation enable app/db --engine postgres --every 30d\n"
        "  strongroom rotation enable app/db --engine mariadb --strategy alternating --superuser app/db-admin",
    )
    made.add_argument("secret", help="name or ARN")
    made.add_argument("--engine", required=True, choices=sorted(KINDS), help="what the secret opens")
    made.add_argument(
        "--strategy", choices=("single", "alternating"), default="single", help="one user, or two in turns"
    )
    made.add_argument("--superuser", metavar="SECRET", help="the secret of who may change other users' passwords")
    made.add_argument("--user", metavar="NAME", help="the IAM user whose access keys are rotated (engine iam)")
    made.add_argument("--every", metavar="TIME", default="30d", help="30d, 12h, cron(...) or rate(...); default 30d")
    made.add_argument("--window", metavar="HOURS", help="how long a rotation may be put off, such as 3h")
    made.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting of the function, such as EXCLUDE_CHARACTERS=/@ or PASSWORD_LENGTH=40",
    )
    made.add_argument("--drivers", metavar="DIR", type=Path, help="where drivers were installed, if elsewhere")
    made.add_argument("--no-rehearsal", action="store_true", help="do not try first whether each step can succeed")
    made.add_argument("--not-now", action="store_true", help="rotate when the schedule says so, not at once")
    made.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Make, rehearse, arm; 1 where the rehearsal finds something that would break."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  as in cli.aws

    clients = clients_of(given)
    try:
        wish = _wish(given, clients)
        rules = rules_of(given.every, given.window)
        code = function_zip(given.engine, given.drivers)
        done: list[dict[str, Any]] = []
        findings: list[dict[str, str]] = []
        for told, act in _steps(wish, code, clients):
            done.append(told)
            if not given.dry_run:
                told["did"] = act()
        broken = False
        if not given.dry_run and not given.no_rehearsal:
            findings = rotation_rehearse.ask(clients, wish.name, wish.arn)
            broken = any(one["mend"] for one in findings)
        told = {"call": ROTATE, "with": {"RotationRules": rules}}
        if given.not_now:
            told["with"]["RotateImmediately"] = False
        if not broken:
            done.append(told)
            if not given.dry_run:
                function = clients("lambda").get_function_configuration(FunctionName=wish.name)["FunctionArn"]
                asked = {"SecretId": wish.arn, "RotationLambdaARN": function, **told["with"]}
                told["did"] = f"version {clients('secretsmanager').rotate_secret(**asked).get('VersionId', '')}"
    except ClientError as refusal:
        raise StartRefused(f"{refusal.operation_name}: {refusal.response['Error'].get('Message', refusal)}") from None
    except (BotoCoreError, ValueError) as error:
        raise StartRefused(str(error)) from None
    answer = {"secret": wish.arn, "function": wish.name, "done": done, "findings": findings, "dry_run": given.dry_run}
    show(given, answer, "\n".join(_lines(answer, broken=broken)))
    return 1 if broken else 0


def _wish(given: argparse.Namespace, clients: Clients) -> Wish:
    kind = KINDS[given.engine]
    if given.strategy not in kind.strategies:
        raise StartRefused(f"{given.engine} has the strategy {' and '.join(kind.strategies)} alone")
    if given.strategy == "alternating" and given.superuser is None:
        raise StartRefused("alternating users need --superuser SECRET: it makes the second user")
    if given.superuser is not None and given.strategy == "single" and not kind.helped:
        raise StartRefused(f"a single user of {given.engine} changes its own password: --superuser is not used")
    if (given.engine == "iam") != (given.user is not None):
        raise StartRefused("--user NAME goes with --engine iam, and --engine iam with --user NAME")
    secrets = clients("secretsmanager")
    one = secrets.describe_secret(SecretId=given.secret)
    other = None if given.superuser is None else secrets.describe_secret(SecretId=given.superuser)
    settings = {}
    for words in given.set:
        name, sign, value = words.partition("=")
        if not sign or not name.isidentifier() or name.startswith(("AWS_", "ROTATION_ENGINE", "ROTATION_SUPERUSER")):
            raise StartRefused(f"--set {words!r} is not NAME=VALUE of a setting")
        settings[name] = value
    return Wish(
        arn=one["ARN"],
        engine=given.engine,
        strategy=given.strategy,
        superuser=None if other is None else other["ARN"],
        user=None if given.user is None else clients("iam").get_user(UserName=given.user)["User"]["Arn"],
        keys=_keys(clients, one),
        superuser_keys=() if other is None else _keys(clients, other),
        settings=settings,
    )


def _keys(clients: Clients, told: dict[str, Any]) -> tuple[str, ...]:
    """The customer key that a secret is under; AWS's own needs no permission."""
    key = told.get("KmsKeyId")
    if key is None or key.endswith("alias/aws/secretsmanager"):
        return ()
    return (clients("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"],)


def _steps(wish: Wish, code: bytes, clients: Clients) -> Iterator[tuple[dict[str, Any], Callable[[], str]]]:
    """Each thing to be made: how it is told, and what makes it and answers what it did."""
    iam, functions = clients("iam"), clients("lambda")
    policy = wish.policy()
    yield {"call": "iam CreateRole", "with": {"RoleName": wish.name}}, lambda: _role(iam, wish)
    yield (
        {"call": "iam PutRolePolicy", "with": {"RoleName": wish.name, "PolicyDocument": policy}},
        lambda: _put_policy(iam, wish, policy),
    )
    settings = {
        "Role": f"arn:aws:iam::{wish.account}:role/{wish.name}",
        "Runtime": RUNTIME,
        "Handler": HANDLER,
        "Timeout": TIMEOUT_SECONDS,
        "MemorySize": MEMORY_MB,
        "Environment": {"Variables": wish.environment},
    }
    told = {"FunctionName": wish.name, **settings, "CodeBytes": len(code)}
    yield {"call": "lambda CreateFunction", "with": told}, lambda: _function(functions, wish, settings, code)
    permission = {
        "StatementId": STATEMENT,
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceArn": wish.arn,
        "SourceAccount": wish.account,
    }
    yield {"call": "lambda AddPermission", "with": permission}, lambda: _permission(functions, wish, permission)


def _role(iam: Any, wish: Wish) -> str:
    try:
        found = iam.get_role(RoleName=wish.name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_role(
            RoleName=wish.name,
            AssumeRolePolicyDocument=json.dumps(TRUST),
            Description="Rotates one secret (strongroom rotation enable)",
            Tags=[{"Key": TAG, "Value": wish.arn}],
        )
        return "made"
    # A role of that name that was made for something else would be given the rights of this rotation.
    if {"Key": TAG, "Value": wish.arn} not in found.get("Tags", []):
        raise StartRefused(f"there is a role {wish.name} that was not made for this secret")
    return "there already"


def _put_policy(iam: Any, wish: Wish, policy: dict[str, Any]) -> str:
    iam.put_role_policy(RoleName=wish.name, PolicyName=POLICY, PolicyDocument=json.dumps(policy))
    return "put"


def _function(functions: Any, wish: Wish, settings: dict[str, Any], code: bytes) -> str:
    try:
        found = functions.get_function(FunctionName=wish.name)
    except functions.exceptions.ResourceNotFoundException:
        functions.create_function(
            FunctionName=wish.name,
            Code={"ZipFile": code},
            Description=f"Rotates {wish.engine} (strongroom rotation enable)",
            Tags={TAG: wish.arn},
            **settings,
        )
        return "made"
    if found.get("Tags", {}).get(TAG) != wish.arn:
        raise StartRefused(f"there is a function {wish.name} that was not made for this secret")
    changed = []
    held = found["Configuration"]
    if held["CodeSha256"] != base64.b64encode(hashlib.sha256(code).digest()).decode():
        functions.update_function_code(FunctionName=wish.name, ZipFile=code)
        changed.append("code")
    if any(held.get(name) != value for name, value in settings.items()):
        functions.update_function_configuration(FunctionName=wish.name, **settings)
        changed.append("configuration")
    return f"changed {' and '.join(changed)}" if changed else "there already"


def _permission(functions: Any, wish: Wish, permission: dict[str, str]) -> str:
    try:
        functions.add_permission(FunctionName=wish.name, **permission)
    except functions.exceptions.ResourceConflictException:
        return "there already"
    return "made"


def _lines(answer: dict[str, Any], *, broken: bool) -> Iterator[str]:
    for one in answer["done"]:
        if one["call"] == ROTATE:
            yield from rotation_rehearse.lines(answer["findings"])
        yield f"{one['call']}: {one.get('did', 'would be asked')}"
        if answer["dry_run"]:
            yield f"  {json.dumps(one['with'])}"
    if broken:
        yield from rotation_rehearse.lines(answer["findings"])
        yield "The schedule is not armed: mend what is marked, then run this again."
