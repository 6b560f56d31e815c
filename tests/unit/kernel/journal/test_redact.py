"""No record holds a secret: canaries in every place where a model, or our own list, says that one may be."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom.kernel.journal.redact import (
    FLOOR,
    HIDDEN,
    MAX_STRING_CHARS,
    request_parameters,
    response_elements,
    spelling,
)
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.shapes import Member, OperationModel, Shape

CANARY = "canary-3f9a"
SERVICES = ("secretsmanager", "kms", "iam", "sts", "lambda", "ssm")
OPERATIONS = [
    pytest.param(operation, id=f"{service}.{name}")
    for service in SERVICES
    for name, operation in CATALOGUE.service(service).operations.items()
]
MOMENT = datetime(2018, 5, 3, 17, 51, 2, tzinfo=UTC)


def filled(shape: Shape, depth: int = 0) -> Any:
    """A value of a shape: a canary wherever nothing must be shown, every other text ``visible``."""
    if shape.sensitive or shape.document:
        return CANARY.encode() if shape.type_name == "blob" else sensitive(shape, depth)
    if shape.type_name == "structure":
        members = {} if depth > 6 else shape.members
        return {name: member_of(shape, name, member, depth) for name, member in members.items()}
    if shape.member is not None:
        return [filled(shape.member.shape, depth + 1)]
    if shape.value is not None:
        return {"visible-key": filled(shape.value.shape, depth + 1)}
    plain = {
        "string": "visible",
        "blob": CANARY.encode(),
        "timestamp": MOMENT,
        "boolean": True,
        "float": 1.5,
        "double": 1.5,
    }
    return plain.get(shape.type_name, 7)


def sensitive(shape: Shape, depth: int) -> Any:
    """A canary in the form of its shape."""
    if shape.type_name == "structure":
        return dict.fromkeys(shape.members, CANARY)
    if shape.member is not None:
        return [CANARY]
    if shape.value is not None:
        return {CANARY: CANARY}
    return CANARY


def member_of(shape: Shape, name: str, member: Member, depth: int) -> Any:
    """One member's value."""
    if name in FLOOR[""] or name in FLOOR.get(shape.service, ()):
        return CANARY.encode() if member.shape.type_name == "blob" else sensitive(member.shape, depth)
    return filled(member.shape, depth + 1)


def spellings() -> Iterator[str]:
    """The canary as it could turn up."""
    raw = CANARY.encode()
    yield from (CANARY, raw.hex(), base64.b64encode(raw).decode().rstrip("="), repr(raw))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_sensitive_member_of_any_operation_reaches_a_record(operation: OperationModel) -> None:
    params = filled(operation.input) if operation.input else {}
    answer = filled(operation.output) if operation.output else {}
    told = json.dumps(
        [
            request_parameters(params, operation),
            response_elements(answer, operation, tuple(answer)),
        ]
    )

    assert [] == [spelling for spelling in spellings() if spelling in told]
    assert ("visible" in repr(params)) == ("visible" in json.dumps(request_parameters(params, operation)))


@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("secretsmanager", "CreateSecret", "SecretString"),
        ("secretsmanager", "CreateSecret", "SecretBinary"),
        ("secretsmanager", "PutSecretValue", "RotationToken"),
        ("kms", "Encrypt", "Plaintext"),
        ("kms", "Decrypt", "CiphertextBlob"),
        ("kms", "ImportKeyMaterial", "EncryptedKeyMaterial"),
        ("kms", "ImportKeyMaterial", "ImportToken"),
        ("kms", "Decrypt", "GrantTokens"),
        ("kms", "Sign", "Message"),
        ("iam", "ChangePassword", "NewPassword"),
        ("iam", "UploadServerCertificate", "PrivateKey"),
        ("iam", "EnableMFADevice", "AuthenticationCode1"),
        ("sts", "AssumeRole", "TokenCode"),
        ("sts", "AssumeRoleWithWebIdentity", "WebIdentityToken"),
    ],
)
def test_what_must_stay_out_is_left_out_altogether(service: str, operation: str, member: str) -> None:
    model = CATALOGUE.operation(service, operation)
    assert model.input is not None
    assert member in model.input.members

    assert spelling(member) not in (request_parameters(filled(model.input), model) or {})


def test_session_tokens_and_secret_keys_are_left_out_of_credentials() -> None:
    model = CATALOGUE.operation("sts", "AssumeRole")
    credentials = {
        "AccessKeyId": "ASIA",
        "SecretAccessKey": CANARY,
        "SessionToken": CANARY,
        "Expiration": MOMENT,
    }
    told = response_elements({"Credentials": credentials}, model, ("Credentials",))

    assert {"credentials": {"accessKeyId": "ASIA", "expiration": "May 3, 2018 5:51:02 PM"}} == told


def test_only_members_that_the_room_shows_are_repeated() -> None:
    model = CATALOGUE.operation("secretsmanager", "CreateSecret")
    answer = {"ARN": "a", "Name": "n", "VersionId": "v"}

    assert {"arn": "a"} == response_elements(answer, model, ("ARN", "ReplicationStatus"))
    assert response_elements(answer, model, ()) is None
    assert response_elements(None, model, ("ARN",)) is None


def test_members_that_no_model_knows_are_not_shown() -> None:
    model = CATALOGUE.operation("secretsmanager", "GetSecretValue")

    assert {"secretId": "db"} == request_parameters({"SecretId": "db", "Unknown": CANARY}, model)
    assert request_parameters({"SecretId": "db"}, None) is None
    assert request_parameters({}, model) is None


def test_nested_lists_maps_and_numbers_are_shown_in_camel_case() -> None:
    model = CATALOGUE.operation("secretsmanager", "ListSecrets")
    params = {"MaxResults": 5, "Filters": [{"Key": "name", "Values": ["db"]}]}

    assert {"maxResults": 5, "filters": [{"key": "name", "values": ["db"]}]} == request_parameters(params, model)


def test_a_text_too_long_for_a_record_is_cut_with_a_mark() -> None:
    model = CATALOGUE.operation("secretsmanager", "PutResourcePolicy")
    told = request_parameters({"ResourcePolicy": "x" * 50_000}, model)

    assert {"resourcePolicy": "x" * MAX_STRING_CHARS + "... (cut: 50000 characters)"} == told


def test_a_value_that_is_not_of_its_shape_is_hidden() -> None:
    model = CATALOGUE.operation("secretsmanager", "ListSecrets")

    assert {"nextToken": HIDDEN, "maxResults": HIDDEN} == request_parameters(
        {"NextToken": CANARY.encode(), "MaxResults": CANARY, "SortOrder": None}, model
    )


@pytest.mark.parametrize(
    ("member", "spelt"),
    [
        ("SecretId", "secretId"),
        ("ARN", "arn"),
        ("KMSKeyId", "kMSKeyId"),
        ("MFADevice", "mFADevice"),
        ("", ""),
    ],
)
def test_names_begin_with_a_small_letter(member: str, spelt: str) -> None:
    assert spelt == spelling(member)


def test_a_null_in_a_list_that_validation_refuses_is_recorded_as_null() -> None:
    model = CATALOGUE.operation("secretsmanager", "TagResource")
    params = {"SecretId": "a", "Tags": [None, {"Key": "k", "Value": None}]}
    assert {"secretId": "a", "tags": [None, {"key": "k"}]} == request_parameters(params, model)
