"""Why a call was allowed or refused, asked over the wire, and read in the journal itself."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.local import ask
from tests.wire.test_secretsmanager_policies import allow, policy, user

from strongroom.server.parts import StartRefused

READ = "secretsmanager:GetSecretValue"


def refusal(call: Any, **params: Any) -> str:
    """The request id of a call that must be denied."""
    with pytest.raises(ClientError) as error:
        call(**params)
    assert "AccessDenied" in error.value.response["Error"]["Code"]
    return str(error.value.response["ResponseMetadata"]["RequestId"])


def explain(account: Account, request_id: str, **keys: str) -> Any:
    """The explained calls."""
    return ask(account, "GET", f"/_strongroom/explain/{request_id}", **keys)["Calls"]


@pytest.fixture
def arn(account: Account) -> str:
    """A secret of the account."""
    return str(account.client("secretsmanager").create_secret(Name="db", SecretString="x")["ARN"])


def test_a_missing_allow_is_explained_and_the_change_it_names_makes_the_call_succeed(
    account: Account, arn: str
) -> None:
    client = account.client("secretsmanager", **user(account, "ann", allow("secretsmanager:ListSecrets")))

    (told,) = explain(account, refusal(client.get_secret_value, SecretId="db"))

    assert ("implicitDeny", READ, arn) == (told["Outcome"], told["Action"], told["Resource"])
    assert told["Caller"] == f"arn:aws:iam::{account.id}:user/ann"
    assert ["identity policy inline:p"] == told["LookedAt"]
    (change,) = told["Changes"]
    document = json.dumps({"Version": "2012-10-17", "Statement": json.loads(change["Statement"])})
    account.client("iam").put_user_policy(UserName="ann", PolicyName="q", PolicyDocument=document)
    assert "x" == client.get_secret_value(SecretId="db")["SecretString"]


def test_the_denying_statement_is_named_and_lies_in_the_journal_beside_the_event(
    strongroom: InProcess, account: Account, arn: str
) -> None:
    secrets = account.client("secretsmanager")
    shut = json.loads(policy("*", READ, effect="Deny"))
    shut["Statement"][0]["Sid"] = "NobodyReads"
    secrets.put_resource_policy(SecretId="db", ResourcePolicy=json.dumps(shut))

    request_id = refusal(secrets.get_secret_value, SecretId="db")
    (told,) = explain(account, request_id)

    assert [f"Deny in resource policy {arn}, statement 0 (NobodyReads)"] == told["Statements"]
    lines = [
        orjson.loads(line)
        for path in (strongroom.settings.data / "journal").glob("*.jsonl")
        for line in path.read_bytes().splitlines()
        if request_id.encode() in line
    ]
    (recorded,) = [line for line in lines if line["event"]["requestID"] == request_id]
    assert "NobodyReads" == recorded["decision"]["matches"][0]["sid"]
    assert "decision" not in recorded["event"]


def test_an_allowed_call_names_the_statement_that_allowed_it(account: Account, arn: str) -> None:
    answer = account.client("secretsmanager").describe_secret(SecretId=arn)

    (told,) = explain(account, answer["ResponseMetadata"]["RequestId"])

    assert ("allowed", "Success") == (told["Outcome"], told["Answer"])
    assert ["Allow in identity policy arn:aws:iam::aws:policy/AdministratorAccess, statement 0"] == [
        one.partition(" (")[0] for one in told["Statements"]
    ]


def test_what_was_done_on_behalf_is_explained_with_the_call(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    account.client("secretsmanager").create_secret(Name="k", SecretString="x", KmsKeyId=key)
    client = account.client("secretsmanager", **user(account, "ann", allow(READ)))

    calls = explain(account, refusal(client.get_secret_value, SecretId="k"))

    assert {(READ, "allowed"), ("kms:Decrypt", "implicitDeny")} == {(one["Action"], one["Outcome"]) for one in calls}


def test_only_who_may_explain_is_told_and_only_about_the_own_account(
    strongroom: InProcess, account: Account, arn: str
) -> None:
    keys = user(account, "ann")
    request_id = refusal(account.client("secretsmanager", **keys).get_secret_value, SecretId=arn)

    with pytest.raises(StartRefused, match="strongroom:Explain"):
        explain(account, request_id, **keys)
    with pytest.raises(StartRefused, match="No call of this account"):
        explain(strongroom.account(), request_id)


def test_of_another_accounts_policy_nothing_but_the_kind_is_told(
    strongroom: InProcess, account: Account, arn: str
) -> None:
    shut = json.loads(policy("*", READ, effect="Deny"))
    shut["Statement"][0]["Sid"] = "Private"
    account.client("secretsmanager").put_resource_policy(SecretId="db", ResourcePolicy=json.dumps(shut))
    other = strongroom.account()

    (told,) = explain(other, refusal(other.client("secretsmanager").get_secret_value, SecretId=arn))

    assert ["Deny in the resource policy of another account"] == told["Statements"]
    assert "Private" not in json.dumps(told)
