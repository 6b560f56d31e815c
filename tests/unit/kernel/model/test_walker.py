"""The walker: every constraint of the model, in AWS's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE, compile_service
from strongroom.kernel.model.shapes import Shape
from strongroom.kernel.model.walker import MAX_VIOLATIONS, validate

ARN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


def told(shape: Shape | None, params: dict[str, Any]) -> str:
    """The text of the refusal."""
    with pytest.raises(Refusal) as caught:
        validate(shape, params)
    assert Kind.VALIDATION is caught.value.kind
    assert caught.value.message is not None
    return caught.value.message


def broken(service: str, operation: str, **params: Any) -> str:
    """The one violation of an operation's parameters, without the count before it."""
    message = told(CATALOGUE.operation(service, operation).input, params)
    head, _, violation = message.partition(": ")
    assert "1 validation error detected" == head
    return violation


def toy(shapes: dict[str, Any], name: str) -> Shape:
    metadata = {"apiVersion": "2026-01-01", "endpointPrefix": "toy", "protocol": "json"}
    return compile_service("toy", {"metadata": metadata, "operations": {}, "shapes": shapes}).shapes[name]


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        (
            "secretsmanager",
            "GetSecretValue",
            {},
            "Value null at 'secretId' failed to satisfy constraint: Member must not be null",
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": ""},
            ("Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ),
        (
            "secretsmanager",
            "ListSecrets",
            {"MaxResults": 101},
            (
                "Value '101' at 'maxResults' failed to satisfy constraint: "
                "Member must have value less than or equal to 100"
            ),
        ),
        (
            "secretsmanager",
            "ListSecrets",
            {"MaxResults": 0},
            (
                "Value '0' at 'maxResults' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            "secretsmanager",
            "ListSecrets",
            {"SortOrder": "up"},
            ("Value 'up' at 'sortOrder' failed to satisfy constraint: Member must satisfy enum value set: [asc, desc]"),
        ),
        (
            "secretsmanager",
            "TagResource",
            {"SecretId": "a", "Tags": [{"Key": "a"}, {"Key": "b" * 129}]},
            (
                f"Value '{'b' * 129}' at 'tags.2.member.key' failed to satisfy constraint: "
                "Member must have length less than or equal to 128"
            ),
        ),
        (
            "secretsmanager",
            "CreateSecret",
            {"Name": "a", "SecretString": "x" * 65537},
            (
                "Value at 'secretString' failed to satisfy constraint: "
                "Member must have length less than or equal to 65536"
            ),
        ),
        (
            "secretsmanager",
            "CreateSecret",
            {"Name": "a", "SecretBinary": b""},
            (
                "Value at 'secretBinary' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        (
            "kms",
            "Decrypt",
            {"CiphertextBlob": b"x" * 6145},
            (
                "Value at 'ciphertextBlob' failed to satisfy constraint: "
                "Member must have length less than or equal to 6144"
            ),
        ),
        (
            "kms",
            "Encrypt",
            {"KeyId": "k", "Plaintext": b"x" * 4097},
            ("Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"),
        ),
        (
            "kms",
            "GenerateRandom",
            {"NumberOfBytes": 1025},
            (
                "Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
                "Member must have value less than or equal to 1024"
            ),
        ),
        (
            "kms",
            "TagResource",
            {"KeyId": "k", "Tags": [{"TagKey": "", "TagValue": "v"}]},
            (
                "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        (
            "kms",
            "Decrypt",
            {"CiphertextBlob": b"x", "GrantTokens": ["", "b"]},
            (
                "Value '[, b]' at 'grantTokens' failed to satisfy constraint: "
                "Member must satisfy constraint: "
                "[Member must have length less than or equal to 8192, "
                "Member must have length greater than or equal to 1]"
            ),
        ),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": "a" * 20, "RoleSessionName": "a b"},
            (
                r"Value 'a b' at 'roleSessionName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: [\w+=,.@-]*"
            ),
        ),
        (
            "iam",
            "CreateUser",
            {"UserName": "a", "Tags": [{"Key": "k"}]},
            "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Role": "me"},
            (
                f"Value 'me' at 'role' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {ARN}"
            ),
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "KMSKeyArn": "k"},
            (
                "Value 'k' at 'kMSKeyArn' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"
            ),
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "VpcConfig": {"SubnetIds": ["subnet-1", "net-2"]}},
            (
                "Value '[subnet-1, net-2]' at 'vpcConfig.subnetIds' failed to satisfy constraint: "
                "Member must satisfy constraint: [Member must have length less than or equal to 1024, "
                "Member must have length greater than or equal to 0, "
                "Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"
            ),
        ),
        (
            "lambda",
            "TagResource",
            {"Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "Tags": {"k": "v" * 257}},
            (
                f"Value '{{k={'v' * 257}}}' at 'tags' failed to satisfy constraint: "
                "Map value must satisfy constraint: "
                "[Member must have length less than or equal to 256, "
                "Member must have length greater than or equal to 0, "
                r"Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]"
            ),
        ),
    ],
)
def test_a_violation_is_told_in_aws_s_words(
    service: str, operation: str, params: dict[str, Any], expected: str
) -> None:
    """Source: facts of Secrets Manager, 1.6; of KMS, section 1; aws-observed, constraint errors."""
    assert expected == broken(service, operation, **params)


def test_all_violations_are_told_at_once_in_the_order_of_the_model() -> None:
    shape = CATALOGUE.operation("secretsmanager", "UpdateSecretVersionStage").input
    assert (
        "2 validation errors detected: "
        "Value null at 'secretId' failed to satisfy constraint: Member must not be null; "
        "Value '' at 'versionStage' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    ) == told(shape, {"VersionStage": ""})


def test_one_value_may_break_several_constraints() -> None:
    shape = CATALOGUE.operation("sts", "AssumeRole").input
    message = told(shape, {"RoleArn": "a" * 20, "RoleSessionName": "?"})
    assert message.startswith("2 validation errors detected: Value '?' at 'roleSessionName'")


def test_null_elements_are_told_with_their_place() -> None:
    shape = CATALOGUE.operation("kms", "Decrypt").input
    assert "Value null at 'grantTokens.2.member'" in told(shape, {"CiphertextBlob": b"x", "GrantTokens": ["a", None]})


def test_null_values_of_maps_are_refused() -> None:
    shape = CATALOGUE.operation("kms", "Decrypt").input
    assert "at 'encryptionContext'" in told(shape, {"CiphertextBlob": b"x", "EncryptionContext": {"a": None}})


def test_lengths_are_counted_in_characters() -> None:
    """Our choice: code points, as Smithy says; 128 keys of a tag may lie outside of the basic plane."""
    shape = CATALOGUE.operation("secretsmanager", "TagResource").input
    validate(shape, {"SecretId": "a", "Tags": [{"Key": "\U0001f511" * 128}]})


def test_nothing_inside_a_sensitive_shape_is_repeated() -> None:
    shapes = {
        "In": {
            "type": "structure",
            "members": {"Card": {"shape": "Card"}, "Pins": {"shape": "Pins"}, "ByName": {"shape": "ByName"}},
        },
        "Card": {"type": "structure", "sensitive": True, "members": {"Number": {"shape": "Text"}}},
        "Text": {"type": "string", "max": 3},
        "Pin": {"type": "string", "max": 3, "sensitive": True},
        "Pins": {"type": "list", "member": {"shape": "Pin"}, "max": 1},
        "ByName": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Pin"}, "max": 1},
    }
    params = {"Card": {"Number": "4111"}, "Pins": ["4111", "x"], "ByName": {"a": "4111", "b": "x"}}
    message = told(toy(shapes, "In"), params)
    assert message.startswith("5 validation errors detected: Value at 'card.number'")
    assert "4111" not in message


def test_a_shape_used_openly_and_inside_a_sensitive_one_is_hidden_only_there() -> None:
    shapes = {
        "In": {"type": "structure", "members": {"Card": {"shape": "Card"}, "Note": {"shape": "Text"}}},
        "Card": {"type": "structure", "sensitive": True, "members": {"Number": {"shape": "Text"}}},
        "Text": {"type": "string", "max": 3},
    }
    message = told(toy(shapes, "In"), {"Card": {"Number": "4111"}, "Note": "open"})
    assert "Value at 'card.number'" in message
    assert "Value 'open' at 'note'" in message


def test_recursive_shapes_are_walked_to_their_ends() -> None:
    shapes = {
        "Tree": {"type": "structure", "members": {"Name": {"shape": "Name"}, "Branches": {"shape": "Trees"}}},
        "Trees": {"type": "list", "member": {"shape": "Tree"}},
        "Name": {"type": "string", "max": 1},
    }
    shape = toy(shapes, "Tree")
    assert (
        "1 validation error detected: Value 'ab' at 'branches.1.member.branches.2.member.name' "
        "failed to satisfy constraint: Member must have length less than or equal to 1"
    ) == told(shape, {"Branches": [{"Branches": [{"Name": "a"}, {"Name": "ab"}]}]})


def test_a_large_bound_is_printed_in_full() -> None:
    shape = CATALOGUE.operation("iam", "UploadServerCertificate").input
    params = {"ServerCertificateName": "a", "CertificateBody": "b", "PrivateKey": "c"}
    assert "less than or equal to 2097152" in told(shape, params | {"CertificateChain": "x" * 2097153})


def test_the_number_of_violations_told_is_bounded() -> None:
    shape = CATALOGUE.operation("secretsmanager", "TagResource").input
    message = told(shape, {"SecretId": "a", "Tags": [{"Key": ""}] * 5000})
    assert message.startswith(f"{MAX_VIOLATIONS} validation errors detected: ")
    assert len(message) < 20_000


def test_a_very_long_value_is_not_repeated() -> None:
    shape = CATALOGUE.operation("secretsmanager", "GetSecretValue").input
    assert "Value at 'secretId'" in told(shape, {"SecretId": "x" * 100_000})


def test_an_operation_without_input_has_nothing_to_refuse() -> None:
    validate(None, {"Anything": 1})


def test_good_parameters_pass() -> None:
    validate(
        CATALOGUE.operation("iam", "CreateUser").input,
        {"UserName": "a", "Path": "/x/", "Tags": [{"Key": "k", "Value": ""}]},
    )
    validate(
        CATALOGUE.operation("kms", "ImportKeyMaterial").input,
        {
            "KeyId": "k",
            "ImportToken": b"t",
            "EncryptedKeyMaterial": b"m",
            "ValidTo": datetime(2030, 1, 1, tzinfo=UTC),
        },
    )


@settings(max_examples=100, deadline=None)
@given(st.text("ab/", max_size=70), st.integers(-5, 200))
def test_a_name_passes_exactly_when_its_limits_say_so(text: str, number: int) -> None:
    """The closure agrees with the limits as the model states them."""
    shape = CATALOGUE.operation("secretsmanager", "ListSecretVersionIds").input
    right = 1 <= len(text) <= 2048 and 1 <= number <= 100
    try:
        validate(shape, {"SecretId": text, "MaxResults": number})
    except Refusal:
        assert not right
    else:
        assert right
