"""Documents as they come back: what they keep, and what an unreadable one means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from strongroom.kernel.authz.document import Document, DocumentKind, load_document, parse_document

ALLOW = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}


def text(*statements: Any, **header: Any) -> str:
    """A document as JSON."""
    return json.dumps({"Version": "2012-10-17", **header, "Statement": list(statements)})


def load(*statements: Any, kind: DocumentKind = DocumentKind.IDENTITY, **header: Any) -> Document:
    """A document from the store."""
    return load_document(text(*statements, **header), kind, "x")


def test_a_document_keeps_what_was_written() -> None:
    source = text(
        ALLOW | {"Sid": "One", "Condition": {"StringEquals": {"aws:A": ["b", 1, True]}}},
        {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": ["arn:aws:s3:::b"]},
    )
    document = parse_document(source, DocumentKind.IDENTITY, "inline:x")
    first, second = document.statements

    assert ("2012-10-17", None, "inline:x", source) == (
        document.version,
        document.id,
        document.label,
        document.text,
    )
    assert ("One", True, ("s3:Get*",), False, ("*",), False) == (
        first.sid, first.allows, first.actions, first.actions_negated, first.resources,
        first.resources_negated,
    )  # fmt: skip
    assert [("StringEquals", "aws:a", ("b", "1", "true"))] == [
        (one.operator, one.key, one.bounds) for one in first.conditions
    ]
    assert (None, False, ("iam:*",), True, ("arn:aws:s3:::b",), True) == (
        second.sid, second.allows, second.actions, second.actions_negated, second.resources,
        second.resources_negated,
    )  # fmt: skip


def test_without_a_version_the_older_one_holds() -> None:
    assert (
        "2008-10-17"
        == load_document('{"Statement":[]}'.replace("[]", json.dumps(ALLOW)), DocumentKind.IDENTITY, "x").version
    )


def test_about_answers_the_statements_of_an_action_in_order() -> None:
    document = load(ALLOW, ALLOW | {"Action": "s3:Put*"}, ALLOW | {"Action": "*"})

    assert [0, 2] == [statement.index for statement in document.about("s3:GetObject")]
    assert document.about("s3:GetObject") is document.about("s3:GetObject")


def test_what_about_remembers_is_bounded() -> None:
    document = load(ALLOW)
    for number in range(2_000):
        document.about(f"s3:Get{number}")

    assert 256 == len(document._by_action)


@pytest.mark.parametrize("kind", list(DocumentKind))
@pytest.mark.parametrize("broken", ["", "[1]", "{", '{"Statement":[]}', '{"Version":"1","Statement":[]}', "\ud800"])
def test_an_unreadable_document_is_one_deny_of_everything(broken: str, kind: DocumentKind) -> None:
    (statement,) = load_document(broken, kind, "x").about("any:Thing")

    assert (False, None, ()) == (statement.allows, statement.covers, statement.tests)
    assert statement.fault is not None


@pytest.mark.parametrize(
    ("statement", "allows"),
    [
        ({"Effect": "Allow", "Action": 1, "Resource": "*"}, True),
        ({"Effect": "Allow", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "*"}, True),
        (ALLOW | {"Principal": "*"}, True),
        ({"Effect": "Deny", "Action": "s3:Get", "Resource": 7}, False),
        ({"Effect": "Perhaps", "Action": "s3:Get", "Resource": "*"}, False),
        (ALLOW | {"Effect": "Deny", "New": "element"}, False),
        ("statement", False),
    ],
)
def test_an_unreadable_statement_is_about_everything(statement: Any, allows: bool) -> None:
    good, bad = load(ALLOW, statement).statements

    assert good.fault is None
    assert (allows, ("*",), True) == (bad.allows, bad.actions, bad.fault is not None)


def test_what_may_no_longer_be_stored_keeps_its_meaning_when_it_was() -> None:
    document = load(
        ALLOW | {"Sid": "a b"}, ALLOW | {"Sid": "a b", "Resource": "bucket"}, Version="2008-10-17", Id="old"
    )

    assert [None, None] == [statement.fault for statement in document.statements]


def test_a_trust_policy_with_a_resource_is_not_understood() -> None:
    trusting = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}

    assert load(trusting, kind=DocumentKind.TRUST).statements[0].fault is None
    assert "its field" == load(trusting | {"Resource": "*"}, kind=DocumentKind.TRUST).statements[0].fault


def _statements(count: int, resource: str) -> str:
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource.replace("#", str(at))}
            for at in range(count)
        ],
    })  # fmt: skip


def test_of_many_statements_only_those_that_may_cover_the_resource_are_asked() -> None:
    document = parse_document(_statements(50, "arn:aws:kms:*:*:key/k#"), DocumentKind.IDENTITY, "many")
    for _ in range(2):
        assert [7] == [one.index for one in document.covering("kms:Decrypt", "arn:aws:kms:us-east-1:1:key/k7")]
        assert () == document.covering("kms:Decrypt", "*")
        assert () == document.covering("kms:Encrypt", "arn:aws:kms:us-east-1:1:key/k7")


def test_a_statement_whose_resource_holds_a_variable_is_always_asked() -> None:
    text = _statements(6, "arn:aws:kms:*:*:key/${aws:username}#")
    document = parse_document(text, DocumentKind.IDENTITY, "variables")

    assert 6 == len(document.covering("kms:Decrypt", "arn:aws:kms:us-east-1:1:key/other"))


def test_what_is_remembered_of_resources_is_bounded_and_not_handed_on() -> None:
    document = parse_document(_statements(6, "arn:aws:kms:*:*:key/k#"), DocumentKind.IDENTITY, "many")
    for number in range(2000):
        document.covering("kms:Decrypt", f"arn:aws:kms:us-east-1:1:key/{number}")
    fewer = replace(document, statements=document.statements[:5], _by_action={})

    assert len(document._by_resource) <= 256 and {} == fewer._by_resource
