"""Whatever is sent, the answer is AWS's error: never a trace, a hang, an internal error or a dead worker."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inprocess import Account, InProcess
from tests.raw import JSON_11, Reply, presigned, send, signed

OPERATIONS = (
    "CreateSecret",
    "GetSecretValue",
    "PutSecretValue",
    "ListSecrets",
    "DeleteSecret",
    "TagResource",
    "PutResourcePolicy",
    "GetRandomPassword",
    "UpdateSecretVersionStage",
    "BatchGetSecretValue",
)
MEMBERS = (
    "SecretId",
    "Name",
    "SecretString",
    "SecretBinary",
    "ClientRequestToken",
    "VersionStages",
    "Tags",
    "Filters",
    "MaxResults",
    "NextToken",
    "RecoveryWindowInDays",
    "ResourcePolicy",
    "KmsKeyId",
    "PasswordLength",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def code(reply: Reply) -> Any:
    return json.loads(reply.body).get("__type")


@pytest.fixture(scope="module")
def anybody(strongroom: InProcess) -> Account:
    return strongroom.account()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "SerializationException"),
        (b"{", "SerializationException"),
        (b"null", "SerializationException"),
        (b'"text"', "SerializationException"),
        (b"[]", "SerializationException"),
        (b'{"SecretId": "a",}', "SerializationException"),
        (b'{"SecretId": 5}', "SerializationException"),
        (b'{"SecretId": ["a"]}', "SerializationException"),
        (b'{"SecretId": {"a": 1}}', "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"a":' * 50_000, "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"SecretId": null}', "ValidationException"),
        (b'{"SecretId": ""}', "ValidationException"),
        (json.dumps({"SecretId": "a" * 3000}).encode(), "ValidationException"),
        (b'{"SecretId": "a b"}', "ValidationException"),
        (b'{"SecretId": "a", "Unknown": {"x": [1, null]}}', "ResourceNotFoundException"),
    ],
)
def test_a_bad_body_gets_its_code(anybody: Account, body: bytes, expected: str) -> None:
    reply = signed(anybody, body)
    assert (400, expected) == (reply.status, code(reply))


@pytest.mark.parametrize(
    "target",
    [
        "secretsmanager.Nothing",
        "secretsmanager.getsecretvalue",
        "Nothing.GetSecretValue",
        "secretsmanager.",
        ".",
        "secretsmanager",
        "x" * 4000,
    ],
)
def test_an_unknown_operation_is_a_400_in_json(anybody: Account, target: str) -> None:
    reply = signed(anybody, b"{}", target=target)
    assert 400 == reply.status
    assert code(reply)


@pytest.mark.parametrize(
    ("service", "path", "content_type"),
    [
        ("s3", "/bucket/key", None),
        ("dynamodb", "/", "application/x-amz-json-1.0"),
        ("lambda", "/2015-03-31/functions/", None),
        ("ec2", "/", "application/x-www-form-urlencoded"),
        ("secretsmanager", "/", "text/plain"),
        ("nothing", "/x?y=z", None),
    ],
)
def test_a_service_that_is_not_offered_is_refused_at_once(
    anybody: Account, service: str, path: str, content_type: str | None
) -> None:
    reply = signed(
        anybody,
        b"Action=DescribeInstances&Version=2016-11-15",
        service=service,
        path=path,
        target=None,
        content_type=content_type,
    )
    assert 400 <= reply.status < 500


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 400, "MissingAuthenticationTokenException"),
        ({"Authorization": "Basic abc"}, 400, None),
        ({"Authorization": "AWS4-HMAC-SHA256 nonsense"}, 400, "IncompleteSignatureException"),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0"},
            400,
            "IncompleteSignatureException",
        ),
    ],
)
def test_a_bad_signature_header_gets_its_code(
    anybody: Account, headers: dict[str, str], status: int, expected: str | None
) -> None:
    reply = send(
        anybody.url,
        "POST",
        "/",
        b"{}",
        headers | {"Content-Type": JSON_11, "X-Amz-Target": "secretsmanager.ListSecrets"},
    )
    assert status == reply.status
    assert expected is None or expected == code(reply)


def test_an_unknown_key_and_a_wrong_secret_are_told_apart_as_aws_does(anybody: Account) -> None:
    stranger = signed(anybody, b"{}", target="secretsmanager.ListSecrets", key=("AKIAIOSFODNN7EXAMPLE", "x" * 40))
    forger = signed(anybody, b"{}", target="secretsmanager.ListSecrets", key=(anybody.key_id, "x" * 40))
    assert [(400, "UnrecognizedClientException"), (400, "InvalidSignatureException")] == [
        (stranger.status, code(stranger)),
        (forger.status, code(forger)),
    ]


def test_a_query_string_signature_works_and_is_checked(anybody: Account) -> None:
    good = presigned(anybody, "Action=GetCallerIdentity&Version=2011-06-15", service="sts")
    bad = presigned(anybody, "Action=GetCallerIdentity&Version=2011-06-15", service="iam")
    assert (200, 403) == (good.status, bad.status)
    assert anybody.id.encode() in good.body


@QUIET
@given(operation=st.sampled_from(OPERATIONS), members=st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=5))
def test_members_of_any_type_are_answered_by_a_client_error_or_a_result(
    anybody: Account, operation: str, members: dict[str, Any]
) -> None:
    reply = signed(anybody, json.dumps(members).encode(), target=f"secretsmanager.{operation}")
    assert reply.status in (200, 400), reply.body


@QUIET
@given(
    body=st.binary(max_size=400),
    target=st.sampled_from(["secretsmanager.", "TrentService."]),
    operation=st.sampled_from((*OPERATIONS, "Encrypt", "Decrypt", "CreateKey")),
)
def test_bodies_of_any_bytes_are_client_errors(anybody: Account, body: bytes, target: str, operation: str) -> None:
    service = "kms" if target == "TrentService." else "secretsmanager"
    reply = signed(anybody, body, target=target + operation, service=service)
    assert reply.status in (200, 400), reply.body


@QUIET
@given(
    body=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=8),
    action=st.sampled_from(["CreateUser", "ListUsers", "PutUserPolicy", "GetCallerIdentity", "Nothing", ""]),
)
def test_forms_of_any_content_are_client_errors(anybody: Account, body: list[tuple[str, str]], action: str) -> None:
    form = urlencode([("Action", action), ("Version", "2010-05-08"), *body], errors="surrogatepass").encode()
    reply = signed(anybody, form, service="iam", target=None, content_type="application/x-www-form-urlencoded")
    assert reply.status in (200, 400, 403, 404, 409), reply.body


def test_a_stock_client_of_a_service_that_is_not_offered_is_told_so(anybody: Account) -> None:
    with pytest.raises(ClientError) as refused:
        anybody.client("s3").list_buckets()
    answer = refused.value.response
    assert (400, "UnknownOperationException") == (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"])
    assert "does not offer the service s3" in answer["Error"]["Message"]
    assert "secretsmanager" in answer["Error"]["Message"]
