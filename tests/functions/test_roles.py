"""What a function may do is what its role may, and nobody hands it a role that is not theirs to give.

Source: issue 6, point 1; IAM User Guide, "Grant a user permissions to pass a role to an AWS service".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functions.packing import ECHO, PYTHON, TRUST, invoke, make_function, make_role, zipped
from tests.functions.test_invoke import told
from tests.inprocess import Account, InProcess

READS = {"Action": "secretsmanager:GetSecretValue", "Resource": "*"}
READER = """
import boto3
client = boto3.client("secretsmanager")
value = client.get_secret_value(SecretId="db")["SecretString"]
def handler(event, context):
    return value
"""
NOT_ASSUMABLE = ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")


def limited(account: Account, *statements: dict[str, Any]) -> Any:
    """A client of Lambda for a user with just these statements."""
    iam = account.client("iam")
    iam.create_user(UserName="limited")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    iam.put_user_policy(UserName="limited", PolicyName="own", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="limited")["AccessKey"]
    return account.client("lambda", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def making(role: str, name: str = "f") -> dict[str, Any]:
    """The parameters of CreateFunction."""
    return {
        "FunctionName": name,
        "Role": role,
        "Runtime": PYTHON,
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped({"app.py": ECHO})},
    }


def test_a_users_own_function_reads_a_secret_at_init_by_its_role(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="opens the door")
    make_function(account, "f", READER, make_role(account, "reader", READS))
    assert "opens the door" == invoke(account.client("lambda"), "f").value


def test_without_get_secret_value_the_function_is_denied_as_itself(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="opens the door")
    make_function(account, "f", READER, make_role(account, "reader"))
    done = invoke(account.client("lambda"), "f")
    assert ("Unhandled", "ClientError") == (done.error, done.value["errorType"])
    assert f"arn:aws:sts::{account.id}:assumed-role/reader/f is not authorized" in done.value["errorMessage"]


def test_a_statement_may_ask_which_function_it_is(account: Account) -> None:
    """Source: Lambda Developer Guide, lambda:SourceFunctionArn: only one function of a role may read."""
    account.client("secretsmanager").create_secret(Name="db", SecretString="opens the door")
    asked = {"ArnEquals": {"lambda:SourceFunctionArn": f"arn:aws:lambda:us-east-1:{account.id}:function:reader"}}
    role = make_role(
        account, "shared", {"Action": "secretsmanager:GetSecretValue", "Resource": "*", "Condition": asked}
    )
    make_function(account, "reader", READER, role)
    make_function(account, "other", READER, role)
    assert "opens the door" == invoke(account.client("lambda"), "reader").value
    assert "AccessDeniedException" in invoke(account.client("lambda"), "other").value["errorMessage"]


def test_without_kms_decrypt_on_a_customer_key_the_function_is_denied(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    account.client("secretsmanager").create_secret(Name="db", SecretString="opens the door", KmsKeyId=key)
    role = make_role(account, "reader", READS)
    make_function(account, "f", READER, role)
    assert "Access to KMS is not allowed" in invoke(account.client("lambda"), "f").value["errorMessage"]

    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}}
    account.client("iam").put_role_policy(RoleName="reader", PolicyName="key", PolicyDocument=json.dumps(document))
    assert "opens the door" == invoke(account.client("lambda"), "f").value


def test_making_a_function_needs_pass_role_on_its_role_for_lambda(account: Account) -> None:
    role = make_role(account)
    client = limited(account, {"Action": "lambda:*", "Resource": "*"})
    code, text = told(client.create_function, **making(role))
    assert ("AccessDeniedException", True) == (code, "is not authorized to perform: iam:PassRole" in text)


def test_pass_role_for_another_service_does_not_pass_it_to_lambda(account: Account) -> None:
    role = make_role(account)
    passing = {"Action": "iam:PassRole", "Resource": role}
    client = limited(
        account,
        {"Action": "lambda:*", "Resource": "*"},
        {**passing, "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
    )
    assert "AccessDeniedException" == told(client.create_function, **making(role))[0]


def test_pass_role_for_lambda_on_this_role_is_enough(account: Account) -> None:
    role = make_role(account)
    passing = {"Action": "iam:PassRole", "Resource": role}
    client = limited(
        account,
        {"Action": "lambda:*", "Resource": "*"},
        {**passing, "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
    )
    assert role == client.create_function(**making(role))["Role"]


def test_changing_a_functions_role_needs_pass_role_on_the_new_one(account: Account) -> None:
    mine, powerful = make_role(account, "mine"), make_role(account, "powerful", {"Action": "*", "Resource": "*"})
    make_function(account, "f", ECHO, mine)
    client = limited(account, {"Action": "lambda:*", "Resource": "*"}, {"Action": "iam:PassRole", "Resource": mine})
    code, _ = told(client.update_function_configuration, FunctionName="f", Role=powerful)
    assert ("AccessDeniedException", mine) == (code, client.get_function_configuration(FunctionName="f")["Role"])


def test_a_role_of_another_account_is_never_passed(account: Account, strongroom: InProcess) -> None:
    theirs = make_role(strongroom.account())
    assert ("AccessDeniedException", "Cross-account pass role is not allowed.") == told(
        account.client("lambda").create_function, **making(theirs)
    )


@pytest.mark.parametrize("service", ["ec2.amazonaws.com", "secretsmanager.amazonaws.com"])
def test_a_role_that_does_not_trust_lambda_is_refused(account: Account, service: str) -> None:
    trust = json.loads(json.dumps(TRUST).replace("lambda.amazonaws.com", service))
    role = account.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    assert NOT_ASSUMABLE == told(account.client("lambda").create_function, **making(role))


def test_a_role_that_is_not_there_is_refused_alike(account: Account) -> None:
    role = f"arn:aws:iam::{account.id}:role/never"
    assert NOT_ASSUMABLE == told(account.client("lambda").create_function, **making(role))


def test_a_role_that_no_longer_trusts_lambda_starts_no_process(account: Account) -> None:
    make_function(account, "f", ECHO, make_role(account, "r"))
    trust = json.dumps(TRUST).replace("lambda.amazonaws.com", "ec2.amazonaws.com")
    account.client("iam").update_assume_role_policy(RoleName="r", PolicyDocument=trust)
    code, text = told(account.client("lambda").invoke, FunctionName="f")
    assert ("AccessDeniedException", NOT_ASSUMABLE[1]) == (code, text)


def test_a_role_that_is_deleted_takes_its_running_functions_rights_with_it(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x")
    code = READER.replace("return value", 'return client.get_secret_value(SecretId="db")["SecretString"]')
    make_function(account, "f", code, make_role(account, "reader", READS))
    client, iam = account.client("lambda"), account.client("iam")
    assert "x" == invoke(client, "f").value
    iam.delete_role_policy(RoleName="reader", PolicyName="own")
    iam.delete_role(RoleName="reader")
    assert "Unhandled" == invoke(client, "f").error


def test_who_may_not_invoke_is_denied(account: Account) -> None:
    make_function(account, "f", ECHO)
    client = limited(account, {"Action": "lambda:GetFunction", "Resource": "*"})
    code, text = told(client.invoke, FunctionName="f")
    assert "AccessDeniedException" == code
    arn = f"arn:aws:lambda:us-east-1:{account.id}:function:f"
    assert text.startswith(
        f"User: arn:aws:iam::{account.id}:user/limited is not authorized to perform: lambda:InvokeFunction "
        f"on resource: {arn}"
    )


def test_another_account_invokes_by_the_functions_policy_and_its_own_rights(
    account: Account, strongroom: InProcess
) -> None:
    arn = make_function(account, "f", ECHO)["FunctionArn"]
    other = strongroom.account()
    with pytest.raises(ClientError, match="AccessDenied"):
        invoke(other.client("lambda"), arn)
    account.client("lambda").add_permission(
        FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=other.id
    )
    assert 5 == invoke(other.client("lambda"), arn, 5).value
    account.client("lambda").remove_permission(FunctionName="f", StatementId="s")
    with pytest.raises(ClientError, match="AccessDenied"):
        invoke(other.client("lambda"), arn)


def rotating(account: Account) -> Any:
    """RotateSecret's parameters beside the function: only the configuration is tried here."""
    return {"SecretId": "db", "RotateImmediately": False, "RotationRules": {"AutomaticallyAfterDays": 30}}


def test_secrets_manager_invokes_by_the_functions_policy_alone(account: Account) -> None:
    """Source: facts lambda-and-others, section 1.4, "Missing permission for rotation"."""
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    function = make_function(account, "f", ECHO)["FunctionArn"]
    code, text = told(secrets.rotate_secret, RotationLambdaARN=function, **rotating(account))
    assert "AccessDeniedException" == code
    assert text.startswith("Secrets Manager cannot invoke the specified Lambda function.")

    client = account.client("lambda")
    client.add_permission(
        FunctionName="f",
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.id,
        SourceArn=arn,
    )
    assert arn == secrets.rotate_secret(RotationLambdaARN=function, **rotating(account))["ARN"]
