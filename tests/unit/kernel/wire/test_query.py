"""The query protocol: forms in, XML out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.wire import form, query
from strongroom.kernel.wire.scalars import AnswerMismatch

IAM = "https://iam.amazonaws.com/doc/2010-05-08/"


def read(service: str, operation: str, body: str) -> dict[str, Any]:
    return query.read(CATALOGUE.operation(service, operation), form.single(form.fields(body.encode())))


def text_of(service: str, operation: str, body: str) -> str | None:
    with pytest.raises(Refusal) as caught:
        read(service, operation, body)
    assert Kind.SERIALIZATION is caught.value.kind
    return caught.value.message


@pytest.mark.parametrize(
    ("service", "operation", "body", "expected"),
    [
        (
            "iam",
            "CreateUser",
            "Action=CreateUser&Version=2010-05-08&UserName=a%2Bb+c&Path=%2F",
            {"UserName": "a+b c", "Path": "/"},
        ),
        (
            "iam",
            "CreateUser",
            "Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.1.Key=a",
            {"Tags": [{"Key": "a"}, {"Key": "b", "Value": ""}]},
        ),
        (
            "iam",
            "CreateUser",
            "Tags.member.7.Key=a&Tags.member.11.Key=b",
            {"Tags": [{"Key": "a"}, {"Key": "b"}]},
        ),
        (
            "iam",
            "CreateUser",
            "Tags=&Unknown=1&Also.Unknown=2&UserName=%C3%A9",
            {"Tags": [], "UserName": "é"},
        ),
        (
            "sts",
            "AssumeRole",
            "PolicyArns.member.1.arn=x&TransitiveTagKeys.member.1=k&DurationSeconds=900",
            {"PolicyArns": [{"arn": "x"}], "TransitiveTagKeys": ["k"], "DurationSeconds": 900},
        ),
        (
            "iam",
            "SimulatePrincipalPolicy",
            "ContextEntries.member.1.ContextKeyValues.member.1=a&ContextEntries.member.1.ContextKeyValues.member.2=b",
            {"ContextEntries": [{"ContextKeyValues": ["a", "b"]}]},
        ),
        (
            "iam",
            "PutAccountProperties",
            "Properties.entry.1.key=a&Properties.entry.1.value=b",
            {"Properties": {"a": "b"}},
        ),
        (
            "iam",
            "UpdateAccountPasswordPolicy",
            "RequireNumbers=true&RequireSymbols=False",
            {"RequireNumbers": True, "RequireSymbols": False},
        ),
        ("sts", "GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15", {}),
    ],
)
def test_fields_become_parameters(service: str, operation: str, body: str, expected: dict[str, Any]) -> None:
    """Source: facts of IAM, section 10."""
    assert expected == read(service, operation, body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("DurationSeconds=x", "STRING_VALUE can not be converted to an Integer"),
        ("DurationSeconds=1.5", "STRING_VALUE can not be converted to an Integer"),
        ("DurationSeconds=", "STRING_VALUE can not be converted to an Integer"),
        ("DurationSeconds=٣", "STRING_VALUE can not be converted to an Integer"),
        ("DurationSeconds=" + "9" * 5000, "STRING_VALUE can not be converted to an Integer"),
        ("DurationSeconds=3000000000", "NUMBER_VALUE can not be converted to an Integer"),
        ("RoleArn.member.1=x", "Start of structure or map found where not expected."),
        ("Tags=x", "Expected list or null"),
        ("Tags.member=x", "Expected list or null"),
        ("Tags.member.1=x", "Expected null"),
        ("Tags.member.x.Key=k", "The elements of a list are numbered 1, 2, 3 and so on."),
        ("Tags.member.0.Key=k", "The elements of a list are numbered 1, 2, 3 and so on."),
        ("Tags.member.01.Key=k", "The elements of a list are numbered 1, 2, 3 and so on."),
        ("Tags.member.99999999.Key=k", "The elements of a list are numbered 1, 2, 3 and so on."),
        ("Tags.member.1.Key=k&Tags.member.1=x", "Expected null"),
        ("Tags.member.1=x&Tags.member.1.Key=k", "Start of structure or map found where not expected."),
        ("RoleArn=a&RoleArn=b", "The request has the same parameter more than once."),
        ("RoleArn=a&Role%41rn=b", "The request has the same parameter more than once."),
        ("RoleArn=%zz", "The query string contains a syntax error."),
        ("RoleArn=%4", "The query string contains a syntax error."),
        ("RoleArn=%FF", "The query string contains a syntax error."),
        ("a." * 2000 + "b=1", "The parameter name " + "a." * 32 + "... has too many parts."),
        ("&".join(f"a{n}=1" for n in range(5000)), "The request has more than 4096 parameters."),
    ],
)
def test_what_cannot_be_read_is_refused(body: str, expected: str) -> None:
    """Our choice of texts, except those that json 1.1 has."""
    assert expected == text_of("sts", "AssumeRole", body)


def test_an_answer_is_wrapped_as_iam_does() -> None:
    """Source: facts of IAM, section 10."""
    user = {
        "UserName": "a&b",
        "Path": "/",
        "CreateDate": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "Tags": [],
    }
    assert (
        f'<GetUserResponse xmlns="{IAM}"><GetUserResult><User><UserName>a&amp;b</UserName><Path>/</Path>'
        "<CreateDate>2026-01-02T03:04:05Z</CreateDate><Tags></Tags></User></GetUserResult>"
        "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetUserResponse>"
    ) == query.write(CATALOGUE.operation("iam", "GetUser"), IAM, {"User": user}, "id").decode()


def test_an_operation_without_output_has_no_result() -> None:
    """Source: facts of IAM, section 10."""
    assert (
        f'<DeleteUserResponse xmlns="{IAM}"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>'
        "</DeleteUserResponse>"
    ) == query.write(CATALOGUE.operation("iam", "DeleteUser"), IAM, {}, "id").decode()


def test_maps_are_written_as_entries() -> None:
    body = query.write(CATALOGUE.operation("iam", "GetAccountSummary"), IAM, {"SummaryMap": {"Users": 3}}, "id")
    assert b"<SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>" in body


@pytest.mark.parametrize(
    "answer",
    [
        {"Unknown": 1},
        {"User": {"UserName": 1}},
        {"User": []},
        {"User": {"Tags": "a"}},
        {"User": {"CreateDate": datetime(2026, 1, 1)}},  # noqa: DTZ001  that is the point
    ],
)
def test_an_answer_that_does_not_fit_its_shape_is_a_bug(answer: dict[str, Any]) -> None:
    with pytest.raises(AnswerMismatch):
        query.write(CATALOGUE.operation("iam", "GetUser"), IAM, answer, "id")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;\"'"),
        ("a\rb\r\n\t", "a&#xD;b&#xD;\n\t"),
        ("\x00\x08\x0b\x1f\ufffe", "\ufffd" * 5),
        ("é中\U0001f511\u00a0", "é中\U0001f511\u00a0"),
        ("]]>", "]]&gt;"),
    ],
)
def test_text_is_escaped_so_that_xml_holds_it(text: str, expected: str) -> None:
    assert expected == query.escaped(text)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(max_codepoint=0x2100), max_size=30))
def test_any_text_gives_xml_that_parses(text: str) -> None:
    body = query.write_error(IAM, "Code", text, text, receiver=False)
    root = ElementTree.fromstring(body)
    namespace = {"a": IAM}
    assert "Sender" == root.findtext("a:Error/a:Type", namespaces=namespace)
    found = root.findtext("a:Error/a:Message", namespaces=namespace)
    assert len(text) == len(found or "")


NAMES = st.sampled_from(
    [
        "Action",
        "RoleArn",
        "Tags",
        "Tags.member",
        "Tags.member.1",
        "Tags.member.1.Key",
        "Tags.member.2.Key.x",
        "DurationSeconds",
        "PolicyArns.member.1.arn",
        "TransitiveTagKeys.member.1",
        "..",
        "",
    ],
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(["", "1", "%", "%41", "a+b", "=", "%FF"])), max_size=8))
def test_no_form_raises_anything_but_the_refusal(pairs: list[tuple[str, str]]) -> None:
    body = "&".join(f"{name}={value}" for name, value in pairs)
    try:
        assert isinstance(read("sts", "AssumeRole", body), dict)
    except Refusal as refusal:
        assert Kind.SERIALIZATION is refusal.kind
