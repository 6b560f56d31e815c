"""JSON 1.1: every text that a misfit is refused with, and what is accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.wire import Mould, Moulded, json11
from strongroom.kernel.wire.json_values import MAX_NESTING
from strongroom.kernel.wire.scalars import AnswerMismatch

INTEGER = ("secretsmanager", "ListSecrets", "MaxResults")
STRING = ("secretsmanager", "GetSecretValue", "SecretId")
BOOLEAN = ("secretsmanager", "ListSecrets", "IncludePlannedDeletion")
LIST = ("secretsmanager", "TagResource", "Tags")
STRUCTURE = ("secretsmanager", "RotateSecret", "RotationRules")
MAP = ("kms", "Decrypt", "EncryptionContext")
BLOB = ("kms", "Decrypt", "CiphertextBlob")
TIMESTAMP = ("kms", "ImportKeyMaterial", "ValidTo")


def read(service: str, operation: str, body: bytes) -> dict[str, Any]:
    return json11.read(CATALOGUE.operation(service, operation), body)


def text_of(service: str, operation: str, body: bytes) -> str | None:
    """The text of the refusal that a body gets."""
    with pytest.raises(Refusal) as caught:
        read(service, operation, body)
    assert Kind.SERIALIZATION is caught.value.kind
    return caught.value.message


@pytest.mark.parametrize(
    ("where", "given_json", "expected"),
    [
        (INTEGER, '"1"', "STRING_VALUE can not be converted to an Integer"),
        (INTEGER, "true", "TRUE_VALUE can not be converted to an Integer"),
        (INTEGER, "3000000000", "NUMBER_VALUE can not be converted to an Integer"),
        (INTEGER, "1e300", "NUMBER_VALUE can not be converted to an Integer"),
        (INTEGER, "[]", "Start of list found where not expected"),
        (INTEGER, "{}", "Start of structure or map found where not expected."),
        (STRING, "1", "NUMBER_VALUE can not be converted to a String"),
        (STRING, "1.5", "NUMBER_VALUE can not be converted to a String"),
        (STRING, "true", "TRUE_VALUE can not be converted to a String"),
        (STRING, "false", "FALSE_VALUE can not be converted to a String"),
        (STRING, "[]", "Start of list found where not expected"),
        (STRING, "{}", "Start of structure or map found where not expected."),
        (BOOLEAN, '"true"', "STRING_VALUE can not be converted to a Boolean"),
        (BOOLEAN, "1", "NUMBER_VALUE can not be converted to a Boolean"),
        (LIST, '"a"', "Expected list or null"),
        (LIST, "{}", "Start of structure or map found where not expected."),
        (LIST, '["a"]', "Expected null"),
        (LIST, '[{"Key": 1}]', "NUMBER_VALUE can not be converted to a String"),
        (STRUCTURE, '"a"', "Expected null"),
        (STRUCTURE, "7", "Expected null"),
        (STRUCTURE, "[]", "Start of list found where not expected"),
        (MAP, '"a"', "Expected map or null"),
        (MAP, '{"a": 1}', "NUMBER_VALUE can not be converted to a String"),
        (BLOB, '"a"', "STRING_VALUE can not be converted to a Blob"),
        (BLOB, '"AAE"', "STRING_VALUE can not be converted to a Blob"),
        (BLOB, '"AA E="', "STRING_VALUE can not be converted to a Blob"),
        (BLOB, '"ÄÄÄÄ"', "STRING_VALUE can not be converted to a Blob"),
        (BLOB, "1", "NUMBER_VALUE can not be converted to a Blob"),
        (TIMESTAMP, '"soon"', "STRING_VALUE can not be converted to milliseconds since epoch"),
        (TIMESTAMP, "1e18", "NUMBER_VALUE can not be converted to milliseconds since epoch"),
    ],
)
def test_a_misfit_is_refused_with_aws_s_text(where: tuple[str, str, str], given_json: str, expected: str) -> None:
    """Source: facts of Secrets Manager, 1.5."""
    service, operation, member = where
    assert expected == text_of(service, operation, f'{{"{member}": {given_json}}}'.encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"null", None),
        (b'"text"', None),
        (b"7", None),
        (b"true", None),
        (b"{", None),
        (b'{"SecretId": "a",}', None),
        (b'{"SecretId": "a"} ', "fine"),
        (b'{"SecretId": "\xff"}', None),
        (b'{"SecretId": "\\ud800"}', None),
        (b'{"SecretId": NaN}', None),
        (b"[" * 100_000, None),
        (b"[]", "Start of list found where not expected"),
        (b'["a"]', "Start of list found where not expected"),
    ],
)
def test_a_body_that_is_no_object_is_refused_as_measured(body: bytes, expected: str | None) -> None:
    """Source: facts of Secrets Manager, 1.5."""
    if expected == "fine":
        assert {"SecretId": "a"} == read("secretsmanager", "GetSecretValue", body)
    else:
        assert expected == text_of("secretsmanager", "GetSecretValue", body)


def test_an_operation_that_takes_nothing_still_wants_an_object() -> None:
    model = CATALOGUE.service("secretsmanager").operations["GetRandomPassword"]
    assert {} == json11.read(model, b"{}")
    assert text_of("secretsmanager", "GetRandomPassword", b"") is None


@pytest.mark.parametrize(
    ("where", "given_json", "expected"),
    [
        (INTEGER, "7.9", 7),  # decimals are cut off, as measured
        (INTEGER, "-0.0", 0),
        (STRING, '"a\\u0000b"', "a\x00b"),
        (BLOB, '"AAE="', b"\x00\x01"),
        (BLOB, '""', b""),
        (TIMESTAMP, "1523477145.713", datetime(2018, 4, 11, 20, 5, 45, 713000, tzinfo=UTC)),
        (TIMESTAMP, "1.523477145713E9", datetime(2018, 4, 11, 20, 5, 45, 713000, tzinfo=UTC)),
        (LIST, '[null, {"Key": null, "Value": ""}]', [None, {"Value": ""}]),
        (STRUCTURE, '{"Duration": "3h", "Unknown": [1]}', {"Duration": "3h"}),
        (MAP, '{"a": "b", "": null}', {"a": "b", "": None}),
    ],
)
def test_what_fits_is_read(where: tuple[str, str, str], given_json: str, expected: Any) -> None:
    service, operation, member = where
    assert {member: expected} == read(service, operation, f'{{"{member}": {given_json}}}'.encode())


def test_null_is_the_same_as_absent_and_unknown_members_are_ignored() -> None:
    body = b'{"SecretId": null, "Unknown": {"deep": [1]}, "VersionId": "v", "secretid": "x"}'
    assert {"VersionId": "v"} == read("secretsmanager", "GetSecretValue", body)


def test_the_last_of_two_equal_names_counts() -> None:
    """Our choice: as JSON readers do; the signature covers the whole body."""
    assert {"SecretId": "b"} == read("secretsmanager", "GetSecretValue", b'{"SecretId":"a","SecretId":"b"}')


def test_a_recursive_shape_is_read_to_a_bounded_depth() -> None:
    def aggregators(levels: int) -> bytes:
        inner: list[Any] = []
        for _ in range(levels):
            inner = [{"Expression": "e", "Aggregators": inner}]
        return orjson.dumps({"Aggregators": inner})

    assert read("ssm", "GetInventory", aggregators(10))["Aggregators"][0]["Expression"] == "e"
    assert text_of("ssm", "GetInventory", aggregators(MAX_NESTING)) is None


def test_an_answer_is_written_with_epoch_seconds_and_base64() -> None:
    operation = CATALOGUE.operation("secretsmanager", "GetSecretValue")
    answer = {
        "Name": "db",
        "SecretBinary": b"\x00\x01",
        "SecretString": None,
        "VersionStages": ("AWSCURRENT",),
        "CreatedDate": datetime(2018, 4, 11, 20, 5, 45, 713999, tzinfo=UTC),
    }
    assert (
        b'{"Name":"db","SecretBinary":"AAE=","VersionStages":["AWSCURRENT"],"CreatedDate":1523477145.714}'
    ) == json11.write(operation, answer)


@given(text=st.text(max_size=40), name=st.text(max_size=20), stages=st.lists(st.text(max_size=8), max_size=3))
@example(text='a"\\\n%b', name="unlike0", stages=[])
@settings(max_examples=50)
def test_a_framed_answer_is_the_answer_written_anew(text: str, name: str, stages: list[str]) -> None:
    operation = CATALOGUE.operation("secretsmanager", "GetSecretValue")
    first = {"Name": name, "SecretString": "another", "VersionStages": stages, "CreatedDate": datetime.now(UTC)}
    again = {**first, "SecretString": text}
    frame = json11.frame(operation, first, {"SecretString"}, "8c7f-unlike")

    assert json11.write(operation, again) == frame.filled(again)


def test_a_frame_has_a_gap_for_each_member_that_changes_in_the_order_of_the_answer() -> None:
    operation = CATALOGUE.operation("kms", "GenerateDataKey")
    first = {"CiphertextBlob": b"\x01", "KeyId": "arn", "KeyMaterialId": "0" * 64, "Plaintext": b"\x02"}
    frame = json11.frame(operation, first, {"Plaintext", "CiphertextBlob"}, "unlike")
    again = {**first, "CiphertextBlob": b"\x03", "Plaintext": b"\x04"}

    assert json11.write(operation, again) == frame.filled(again)


@pytest.mark.parametrize("value", [b"bytes", 1, None])
def test_what_does_not_fit_its_member_does_not_fit_the_frame(value: Any) -> None:
    operation = CATALOGUE.operation("secretsmanager", "GetSecretValue")
    frame = json11.frame(operation, {"Name": "n", "SecretString": "s"}, {"SecretString"}, "unlike")
    with pytest.raises(AnswerMismatch):
        frame.filled({"Name": "n", "SecretString": value})


def test_an_operation_without_output_answers_with_an_empty_body() -> None:
    assert b"" == json11.write(CATALOGUE.operation("secretsmanager", "TagResource"), {})


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("TagResource", {"ARN": "a"}),
        ("GetSecretValue", {"Unknown": "a"}),
        ("GetSecretValue", {"Name": 1}),
        ("GetSecretValue", {"Name": b"bytes"}),
        ("GetSecretValue", {"SecretBinary": "text"}),
        ("GetSecretValue", {"VersionStages": "AWSCURRENT"}),
        ("GetSecretValue", {"CreatedDate": "2026-01-01"}),
        ("GetSecretValue", {"CreatedDate": datetime(2026, 1, 1)}),  # noqa: DTZ001  that is the point
        ("DescribeSecret", {"RotationEnabled": 1}),
        ("DescribeSecret", {"RotationRules": {"AutomaticallyAfterDays": True}}),
        ("DescribeSecret", {"VersionIdsToStages": [("a", "b")]}),
        ("DescribeSecret", {"RotationRules": ["a"]}),
    ],
)
def test_an_answer_that_does_not_fit_its_shape_is_a_bug_told_without_values(
    operation: str, answer: dict[str, Any]
) -> None:
    with pytest.raises(AnswerMismatch) as caught:
        json11.write(CATALOGUE.operation("secretsmanager", operation), answer)
    assert "2026" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab\x00é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Key", "Value", "x"]), inner),
    max_leaves=8,
)
MEMBERS = sorted({member for _, _, member in (INTEGER, STRING, BOOLEAN, LIST, STRUCTURE, MAP, BLOB, TIMESTAMP)})


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*MEMBERS, "Name", "Filters", "Policy"]), JSON))
def test_no_json_raises_anything_but_the_refusal(value: dict[str, Any]) -> None:
    try:
        body = orjson.dumps(value)
    except TypeError:  # an integer that JSON writers refuse
        return
    for service, name in [(where[0], where[1]) for where in (INTEGER, STRING, LIST, STRUCTURE, MAP, TIMESTAMP)]:
        try:
            params = read(service, name, body)
        except Refusal as refusal:
            assert Kind.SERIALIZATION is refusal.kind
        else:
            assert set(params) <= set(value)


@settings(max_examples=150, deadline=None)
@example(b'{"SecretId":')
@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_the_refusal(body: bytes) -> None:
    try:
        assert isinstance(read("secretsmanager", "GetSecretValue", body), dict)
    except Refusal as refusal:
        assert Kind.SERIALIZATION is refusal.kind


WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENTRY: dict[str, Any] = {"ARN": "a", "Name": 'quo"ted', "CreatedDate": WHEN, "VersionStages": ["AWSCURRENT"]}


@pytest.mark.parametrize(
    ("stays", "made"),
    [
        (ENTRY, {"SecretString": 'v"\u00e9'}),
        (ENTRY, {"SecretBinary": b"\x00\xff"}),
        (ENTRY, {"SecretString": "v", "VersionId": "1"}),
        (ENTRY, {}),
        ({}, {"SecretString": "v"}),
        ({}, {}),
    ],
)
def test_a_moulded_structure_is_written_as_a_plain_one_each_time(stays: dict[str, Any], made: dict[str, Any]) -> None:
    operation, mould = CATALOGUE.service("secretsmanager").operations["BatchGetSecretValue"], Mould()
    plain = orjson.loads(json11.write(operation, {"SecretValues": [{**stays, **made}]}))
    for _ in range(2):
        moulded = Moulded(stays, made, mould)
        assert {**stays, **made} == moulded
        assert plain == orjson.loads(json11.write(operation, {"SecretValues": [moulded]}))


def test_a_moulded_structure_that_does_not_fit_is_a_mismatch_at_each_writing() -> None:
    operation, mould = CATALOGUE.service("secretsmanager").operations["BatchGetSecretValue"], Mould()
    json11.write(operation, {"SecretValues": [Moulded(ENTRY, {"SecretString": "v"}, mould)]})
    for stays, made in ((ENTRY, {"SecretString": 1}), (ENTRY, {"Unknown": "v"})):
        with pytest.raises(AnswerMismatch):
            json11.write(operation, {"SecretValues": [Moulded(stays, made, mould)]})
    with pytest.raises(AnswerMismatch):
        json11.write(operation, {"SecretValues": [Moulded({"Unknown": "v"}, {}, Mould())]})


def test_a_mould_of_one_shape_is_not_used_for_another() -> None:
    operations, mould = CATALOGUE.service("secretsmanager").operations, Mould()
    entry = Moulded({"ARN": "a", "CreatedDate": WHEN}, {"Name": "n"}, mould)
    json11.write(operations["BatchGetSecretValue"], {"SecretValues": [entry]})
    listed = orjson.loads(json11.write(operations["ListSecrets"], {"SecretList": [entry]}))
    assert {"SecretList": [{"ARN": "a", "CreatedDate": WHEN.timestamp(), "Name": "n"}]} == listed
