"""Always, if something, or never: what is said of a request of which not everything is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.kernel.authz.document import Document, DocumentKind, parse_document
from strongroom.kernel.authz.model import Policies, Request
from strongroom.kernel.authz.possible import Possibility, possibility
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ANN = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/ann", "111122223333")
CONTEXT = {"aws:username": "ann"}


def document(*statements: dict[str, Any]) -> Document:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return parse_document(text, DocumentKind.IDENTITY, "p")


def statement(effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    made = {"Effect": effect, "Action": "s3:GetObject", "Resource": "*"}
    return made | ({"Condition": condition} if condition else {})


def asked(*statements: dict[str, Any]) -> Possibility:
    request = Request(ANN, "s3:GetObject", "arn:aws:s3:::b/k", "111122223333", CONTEXT)
    return possibility(request, Policies(identity=(document(*statements),)), CONTEXT.__contains__)


IP = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


@pytest.mark.parametrize(
    ("statements", "possible", "conditions"),
    [
        ([statement()], True, ()),
        ([statement(StringEquals={"aws:username": "ann"})], True, ()),
        ([statement(StringEquals={"aws:username": "bob"})], False, ()),
        ([statement(**IP)], True, ("IpAddress aws:sourceip 10.0.0.0/8",)),
        ([statement(), statement(**IP)], True, ()),
        ([statement(), statement("Deny", **IP)], True, ("not IpAddress aws:sourceip 10.0.0.0/8",)),
        ([statement(), statement("Deny")], False, ()),
        ([statement(**IP), statement("Deny")], False, ()),
        ([statement(StringEquals={"aws:username": "bob"}, **IP)], False, ()),
        ([], False, ()),
    ],
)
def test_unknown_conditions_are_told_and_known_ones_decided(
    statements: list[dict[str, Any]], possible: bool, conditions: tuple[str, ...]
) -> None:
    found = asked(*statements) if statements else asked(statement(StringEquals={"aws:username": "x"}))

    assert (possible, conditions) == (found.possible, found.conditions)


def test_the_statements_that_allow_are_named() -> None:
    assert [0] == [match.index for match in asked(statement(), statement(**IP)).because]
    assert [0] == [match.index for match in asked(statement(**IP)).because]
