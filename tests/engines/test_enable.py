"""``strongroom rotation enable`` and ``rehearse``: what they make, with whose rights, and what they refuse."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from strongroom.cli.drivers import function_zip
from strongroom.rotations.engines import KINDS
from tests.engines.rotating import Rotating
from tests.functions.packing import make_function, make_role
from tests.inprocess import Account


def made(account: Account) -> tuple[list[str], list[str]]:
    """The names of the account's roles and functions."""
    roles = [one["RoleName"] for one in account.client("iam").list_roles()["Roles"]]
    return roles, [one["FunctionName"] for one in account.client("lambda").list_functions()["Functions"]]


def test_a_dry_run_tells_everything_and_does_nothing(rotating: Rotating, capsys: Any) -> None:
    arn = rotating.make("team/token+x", "first")
    assert 0 == rotating.cli("enable", "team/token+x", "--engine", "password", "--dry-run", "--format", "json")
    told = json.loads(capsys.readouterr().out)
    assert [
        "iam CreateRole",
        "iam PutRolePolicy",
        "lambda CreateFunction",
        "lambda AddPermission",
        "secretsmanager RotateSecret",
    ] == [one["call"] for one in told["done"]]
    assert {"AutomaticallyAfterDays": 30} == told["done"][-1]["with"]["RotationRules"]
    assert (f"rotates-team-token-x-{arn[-6:]}", []) == (told["function"], told["findings"])
    assert ([], []) == made(rotating.account)
    assert "RotationEnabled" not in rotating.secrets.describe_secret(SecretId=arn)


def test_it_may_be_run_again_and_changes_only_what_is_different(rotating: Rotating, capsys: Any) -> None:
    rotating.make("token", "first")
    assert rotating.secrets.get_secret_value(SecretId="token")["SecretString"] == "first"
    assert 0 == rotating.cli("enable", "token", "--engine", "password", "--not-now")
    before = made(rotating.account)
    capsys.readouterr()
    assert 0 == rotating.cli("enable", "token", "--engine", "password", "--set", "PASSWORD_LENGTH=50", "--not-now")
    out = capsys.readouterr().out
    assert before == made(rotating.account)
    assert [True] * 3 == [
        line in out
        for line in (
            "iam CreateRole: there already",
            "lambda CreateFunction: changed configuration",
            "lambda AddPermission: there already",
        )
    ]
    assert "passwords of 50 characters are made" in out


def test_the_role_may_rotate_this_secret_and_read_no_other(rotating: Rotating) -> None:
    arn = rotating.make("own", "first")
    other = rotating.make("other", "first")
    assert 0 == rotating.cli("enable", "own", "--engine", "password", "--not-now")
    iam = rotating.account.client("iam")
    (role,) = (one["Arn"] for one in iam.list_roles()["Roles"])

    def decision(action: str, resource: str) -> str:
        told = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource])
        return str(told["EvaluationResults"][0]["EvalDecision"])

    for action in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DescribeSecret"):
        assert ["allowed", "implicitDeny"] == [decision(f"secretsmanager:{action}", one) for one in (arn, other)]
    for action in ("secretsmanager:DeleteSecret", "secretsmanager:RotateSecret", "iam:CreateAccessKey", "kms:Decrypt"):
        assert "implicitDeny" == decision(action, arn)


def test_only_this_secrets_rotation_may_run_the_function(rotating: Rotating) -> None:
    rotating.make("own", "first")
    rotating.make("other", "first")
    assert 0 == rotating.cli("enable", "own", "--engine", "password", "--not-now")
    function = rotating.secrets.describe_secret(SecretId="own")["RotationLambdaARN"]
    with pytest.raises(rotating.secrets.exceptions.ClientError, match="cannot invoke the specified Lambda function"):
        rotating.secrets.rotate_secret(SecretId="other", RotationLambdaARN=function)


@pytest.mark.parametrize("what", ["role", "function"])
def test_what_was_made_for_something_else_is_left_alone(rotating: Rotating, capsys: Any, what: str) -> None:
    arn = rotating.make("s", "first")
    name = f"rotates-s-{arn[-6:]}"
    if what == "role":
        make_role(rotating.account, name)
    else:
        make_function(rotating.account, name, "def handler(e, c):\n    return 1\n")
    assert 1 == rotating.cli("enable", "s", "--engine", "password")
    assert f"there is a {what} {name} that was not made for this secret" in capsys.readouterr().err
    assert "RotationEnabled" not in rotating.secrets.describe_secret(SecretId=arn)


def test_who_may_not_make_a_role_gets_nothing_by_it(
    rotating: Rotating, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    rotating.make("s", "first")
    iam = rotating.account.client("iam")
    iam.create_user(UserName="some")
    allow = {"Effect": "Allow", "Action": ["secretsmanager:*", "lambda:*", "iam:Get*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    iam.put_user_policy(UserName="some", PolicyName="own", PolicyDocument=document)
    keys = iam.create_access_key(UserName="some")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    assert 1 == rotating.cli("enable", "s", "--engine", "password")
    assert "is not authorized to perform: iam:CreateRole" in capsys.readouterr().err
    assert ([], []) == made(rotating.account)


def test_a_customer_key_is_used_through_secrets_manager_alone(rotating: Rotating, capsys: Any) -> None:
    key = rotating.account.client("kms").create_key()["KeyMetadata"]["Arn"]
    rotating.make("s", "first", KmsKeyId=key)
    rotating.enable_bare("s")
    assert "first" != rotating.secrets.get_secret_value(SecretId="s")["SecretString"]
    (role,) = made(rotating.account)[0]
    policy = rotating.account.client("iam").get_role_policy(RoleName=role, PolicyName="rotation")["PolicyDocument"]
    (own,) = [one for one in policy["Statement"] if one["Resource"] == key]
    assert ["kms:Decrypt", "kms:GenerateDataKey"] == own["Action"]
    assert {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}} == own["Condition"]


def test_a_permission_that_went_is_found_and_the_schedule_is_not_armed(rotating: Rotating, capsys: Any) -> None:
    rotating.make("s", "first")
    assert 0 == rotating.cli("enable", "s", "--engine", "password", "--not-now")
    (role,) = made(rotating.account)[0]
    iam = rotating.account.client("iam")
    deny = {"Effect": "Deny", "Action": ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": deny | {"Resource": "*"}})
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
    capsys.readouterr()
    assert 1 == rotating.cli("rehearse", "s")
    out = capsys.readouterr().out
    assert 2 == out.count("BREAKS")
    assert "secretsmanager:PutSecretValue is denied" in out
    assert "mend: allow secretsmanager:UpdateSecretVersionStage" in out
    assert 1 == rotating.cli("enable", "s", "--engine", "password", "--every", "4h")
    assert "The schedule is not armed" in capsys.readouterr().out


def test_a_secret_that_the_engine_cannot_use_is_found(rotating: Rotating, capsys: Any) -> None:
    rotating.make("s", {"engine": "postgres", "host": "127.0.0.1", "username": "u"})
    assert 1 == rotating.cli("enable", "s", "--engine", "postgres")
    assert "password key is missing from secret JSON" in capsys.readouterr().out


def test_of_a_users_own_function_is_told_what_can_be_known_without_running_it(rotating: Rotating, capsys: Any) -> None:
    rotating.make("s", "first")
    role = make_role(rotating.account, "weak", {"Action": "secretsmanager:Describe*", "Resource": "*"})
    make_function(rotating.account, "own", "raise SystemExit('it must not be run')\n", role)
    client = rotating.account.client("lambda")
    client.add_permission(
        FunctionName="own", StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    arn = client.get_function_configuration(FunctionName="own")["FunctionArn"]
    rotating.secrets.rotate_secret(
        SecretId="s",
        RotationLambdaARN=arn,
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )
    assert 1 == rotating.cli("rehearse", "s")
    out = capsys.readouterr().out
    assert "its code is not run in a rehearsal" in out
    assert "secretsmanager:DescribeSecret is allowed" in out
    assert "secretsmanager:PutSecretValue is denied" in out
    assert "its timeout is 10 s" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engine", "redis", "--strategy", "alternating"], "redis has the strategy single alone"),
        (["--engine", "postgres", "--strategy", "alternating"], "alternating users need --superuser"),
        (["--engine", "ldap", "--superuser", "s"], "--superuser is not used"),
        (["--engine", "iam"], "--engine iam with --user NAME"),
        (["--engine", "password", "--every", "soon"], "'soon' is not like 30d"),
        (["--engine", "password", "--set", "AWS_REGION=x"], "is not NAME=VALUE of a setting"),
        (["--engine", "password", "--set", "ROTATION_ENGINE=iam"], "is not NAME=VALUE of a setting"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    rotating: Rotating, capsys: Any, words: list[str], told: str
) -> None:
    rotating.make("s", "first")
    assert 1 == rotating.cli("enable", "s", *words)
    assert told in capsys.readouterr().err
    assert ([], []) == made(rotating.account)


@pytest.mark.parametrize("engine", sorted(KINDS))
def test_a_functions_zip_has_our_code_and_its_own_drivers_alone(engine: str) -> None:
    with zipfile.ZipFile(io.BytesIO(function_zip(engine))) as archive:
        names = archive.namelist()
    assert f"strongroom/rotations/engines/{KINDS[engine].module}.py" in names
    tops = {name.partition("/")[0].partition(".")[0].partition("-")[0] for name in names}
    known = {
        "postgres": {"psycopg", "psycopg_binary"},
        "redshift": {"psycopg", "psycopg_binary"},
        "mysql": {"pymysql"},
        "mariadb": {"pymysql"},
        "redis": {"redis"},
        "ldap": {"ldap3", "pyasn1"},
        "ssh": {"paramiko", "cryptography", "bcrypt", "nacl", "invoke", "cffi", "_cffi_backend", "pynacl", "pycparser"},
    }
    assert {"strongroom"} | known.get(engine, set()) == tops - {"typing_extensions"}
    assert not [name for name in names if "strongroom/" in name and "rotations" not in name and "__init__" not in name]
