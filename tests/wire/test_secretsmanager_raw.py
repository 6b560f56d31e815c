"""What no SDK sends: missing tokens, and the exact bytes of errors and answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.inprocess import Account
from tests.raw import signed
from tests.wire.test_secretsmanager_life import GONE, refused

NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."


def ask(account: Account, operation: str, **params: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of one raw call."""
    reply = signed(account, json.dumps(params).encode(), target=f"secretsmanager.{operation}")
    return reply.status, json.loads(reply.body or b"{}")


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateSecret", {"Name": "new", "SecretString": "x"}),
        ("UpdateSecret", {"SecretId": "never", "SecretString": "x"}),
        ("UpdateSecret", {"SecretId": "never", "Description": "x"}),
        ("PutSecretValue", {"SecretId": "never", "SecretString": "x"}),
    ],
)
def test_a_missing_token_is_told_before_a_missing_secret(
    account: Account, operation: str, params: dict[str, Any]
) -> None:
    """Source: facts aws-observed, "error shape"."""
    assert (400, {"__type": "InvalidRequestException", "Message": NO_TOKEN}) == ask(account, operation, **params)


def test_an_error_has_a_bare_code_and_a_capital_message(account: Account) -> None:
    assert (400, {"__type": GONE[0], "Message": GONE[1]}) == ask(account, "GetSecretValue", SecretId="never")


def test_moments_are_numbers_with_milliseconds_and_bytes_are_base64(account: Account) -> None:
    token = "t" * 32
    assert 200 == ask(account, "CreateSecret", Name="b", SecretBinary="AAH/", ClientRequestToken=token)[0]
    reply = signed(account, b'{"SecretId":"b"}', target="secretsmanager.GetSecretValue")
    assert "application/x-amz-json-1.1" == reply.headers["content-type"]
    assert re.search(rb'"CreatedDate":\d{10}\.\d{1,3}[,}]', reply.body)
    assert ("AAH/", token) == (json.loads(reply.body)["SecretBinary"], json.loads(reply.body)["VersionId"])


def test_tagging_answers_nothing(account: Account) -> None:
    ask(account, "CreateSecret", Name="t", ClientRequestToken="t" * 32)
    assert (200, {}) == ask(account, "TagResource", SecretId="t", Tags=[{"Key": "a", "Value": "b"}])


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "Value null at 'secretId' failed to satisfy constraint: Member must not be null"),
        ({"SecretId": ""}, "Member must have length greater than or equal to 1"),
        ({"SecretId": "x", "VersionId": "short"}, "Member must have length greater than or equal to 32"),
    ],
)
def test_what_the_model_forbids_is_a_validation_error(account: Account, params: dict[str, Any], says: str) -> None:
    status, body = ask(account, "GetSecretValue", **params)
    assert (400, "ValidationException") == (status, body["__type"])
    assert says in "".join(body.values())


def test_an_arn_of_another_region_is_not_found_here(account: Account) -> None:
    east, west = (account.client("secretsmanager", region=region) for region in ("us-east-1", "eu-west-1"))
    arn = east.create_secret(Name="r", SecretString="x")["ARN"]
    assert GONE == refused(west.get_secret_value, SecretId=arn)


def test_an_operation_that_is_not_offered_says_why_and_is_not_retried(account: Account) -> None:
    status, body = ask(account, "ListResourcePolicies", SecretId="x")
    assert 400 == status
    assert "a secret has one resource policy here" in "".join(str(value) for value in body.values())


def test_no_error_repeats_a_value(account: Account) -> None:
    canary = "canary-3f1c"
    for operation, params in (
        ("CreateSecret", {"Name": "a b", "SecretString": canary}),
        ("CreateSecret", {"Name": "c", "SecretString": canary * 9999}),
        ("CreateSecret", {"Name": "c", "SecretString": {"x": canary}}),
        ("PutSecretValue", {"SecretId": "never", "SecretString": canary, "ClientRequestToken": "t" * 32}),
        ("PutSecretValue", {"SecretId": "never", "SecretBinary": canary, "ClientRequestToken": "t" * 32}),
    ):
        status, body = ask(account, operation, **params)
        assert (400, False) == (status, canary in json.dumps(body)), operation
