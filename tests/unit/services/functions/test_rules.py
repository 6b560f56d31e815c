"""Names, environments, zips and statements of functions: pure rules."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.services.functions import errors
from strongroom.services.functions.rules.code import check_zip, fingerprint
from strongroom.services.functions.rules.environment import check_environment
from strongroom.services.functions.rules.identifiers import read_function
from strongroom.services.functions.rules.statements import principal_of, statement_of

HOME = {"account": "123456789012", "region": "us-east-1"}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("given_name", "qualifier", "arn"),
    [
        ("f", None, ARN),
        ("f", "live", f"{ARN}:live"),
        ("f:7", None, f"{ARN}:7"),
        ("f:$LATEST", "$LATEST", f"{ARN}:$LATEST"),
        ("210987654321:f", None, ARN.replace("123456789012", "210987654321")),
        ("210987654321:function:f:1", None, ARN.replace("123456789012", "210987654321") + ":1"),
        (ARN, "2", f"{ARN}:2"),
    ],
)
def test_each_form_means_one_arn(given_name: str, qualifier: str | None, arn: str) -> None:
    assert arn == read_function(given_name, qualifier, **HOME).arn


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "f:a:b", "arn:aws:iam::123456789012:role/f", "f\n"])
def test_what_has_no_known_form_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidParameterValueException):
        read_function(name, None, **HOME)


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_any_name_is_read_or_refused(name: str) -> None:
    try:
        found = read_function(name, None, **HOME)
    except errors.LambdaError:
        return
    assert found.name in name


@pytest.mark.parametrize(
    "key", ["_HANDLER", "AWS_REGION", "AWS_LAMBDA_ANYTHING", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT"]
)
def test_reserved_variables_are_refused_by_name(key: str) -> None:
    with pytest.raises(errors.InvalidParameterValueException, match=f"Reserved keys used in this request: {key}$"):
        check_environment({key: "x"})


@pytest.mark.parametrize(
    "variables",
    [{"1A": "x"}, {"A": "x"}, {"A-B": "x"}, {"AB": "x\0y"}, {"AB": "x" * 4095}, {"AB": "\N{EURO SIGN}" * 1400}],
)
def test_variables_that_cannot_be_set_are_refused_without_their_values(variables: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidParameterValueException) as caught:
        check_environment(variables)
    assert not any(value in str(caught.value) for value in variables.values() if len(value) > 1)


def test_four_kilobytes_of_variables_are_taken_and_no_byte_more() -> None:
    check_environment({"AB": "x" * 4094})
    with pytest.raises(errors.InvalidParameterValueException, match="exceeded the 4KB limit"):
        check_environment({"AB": "x" * 4095})


@pytest.mark.parametrize("packed", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_or_an_empty_one_is_refused(packed: bytes) -> None:
    with pytest.raises(errors.InvalidParameterValueException, match="Could not unzip uploaded file"):
        check_zip(packed)


def test_a_zip_says_how_large_it_becomes() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1000))
        archive.writestr("b", bytes(24))
    assert 1024 == check_zip(made.getvalue())
    assert 44 == len(fingerprint(made.getvalue()))


@settings(max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 100))
def test_a_zip_that_was_changed_is_read_or_refused(noise: bytes, at: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", "x = 1")
    whole = made.getvalue()
    try:
        assert check_zip(whole[:at] + noise + whole[at + len(noise) :]) >= 0
    except errors.LambdaError as refusal:
        assert "unzip" in str(refusal).lower()


@pytest.mark.parametrize(
    ("given_one", "principal"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/x", {"AWS": "arn:aws:iam::123456789012:role/x"}),
        ("secretsmanager.amazonaws.com", {"Service": "secretsmanager.amazonaws.com"}),
    ],
)
def test_a_principal_is_read_by_its_form(given_one: str, principal: object) -> None:
    assert principal == principal_of(given_one)


@pytest.mark.parametrize(
    "given_one", ["nobody", "12345678901", "arn:aws:s3:::b", "amazonaws.com", "EVIL.amazonaws.com\n"]
)
def test_what_names_nobody_is_refused(given_one: str) -> None:
    with pytest.raises(errors.InvalidParameterValueException, match="The provided principal was invalid"):
        principal_of(given_one)


def test_a_statement_without_a_source_has_no_condition() -> None:
    made = statement_of({"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}, ARN)
    assert "Condition" not in json.loads(json.dumps(made))
