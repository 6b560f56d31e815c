"""What is told about a policy document before it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.authz.lint import guessed_kind, lint

ACTIONS = {"secretsmanager": ("GetSecretValue", "ListSecrets"), "sts": ("AssumeRole",)}
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:"


def document(**elements: Any) -> str:
    """One statement, sound but for what is given."""
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"{SECRET}a-??????"}
    statement |= elements
    return json.dumps({"Version": "2012-10-17", "Statement": [{k: v for k, v in statement.items() if v is not None}]})


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({}, DocumentKind.IDENTITY),
        ({"Principal": {"AWS": "111122223333"}}, DocumentKind.RESOURCE),
        ({"Principal": {"AWS": "111122223333"}, "Resource": None, "Action": "sts:AssumeRole"}, DocumentKind.TRUST),
    ],
)
def test_the_kind_is_guessed_and_a_sound_document_has_no_finding(elements: dict[str, Any], kind: DocumentKind) -> None:
    text = document(**elements)

    assert kind is guessed_kind(text)
    assert (kind, []) == lint(text, ACTIONS)


@pytest.mark.parametrize(
    ("elements", "says"),
    [
        ({"Action": "secretsmanager:GetSecretValues"}, "is no action of secretsmanager"),
        ({"Action": "secretsmanager:Put*"}, "is no action of secretsmanager"),
        ({"Resource": f"{SECRET}a"}, "fits no secret"),
        ({"Resource": f"{SECRET}a-*"}, "longer names"),
        ({"Action": "*", "Resource": "*"}, "Everything is allowed"),
        ({"Action": None, "NotAction": "iam:*"}, "Allow with NotAction"),
        ({"Resource": None, "NotResource": f"{SECRET}a-??????"}, "Allow with NotResource"),
        ({"Principal": "*"}, "Everybody is allowed"),
        ({"NotPrincipal": {"AWS": "111122223333"}}, "Allow with NotPrincipal"),
        ({"Principal": {"AWS": "111122223333"}, "Action": "*"}, "A whole account"),
        ({"Effect": "Deny"}, "Nothing is allowed"),
    ],
)
def test_what_is_hardly_meant_is_a_warning(elements: dict[str, Any], says: str) -> None:
    _, findings = lint(document(**elements), ACTIONS)

    assert ["warning"] == [one.level for one in findings]
    assert says in findings[0].says


@pytest.mark.parametrize("text", ["x", "[]", '{"Version": "1999-01-01", "Statement": []}'])
def test_what_would_be_refused_is_an_error(text: str) -> None:
    _, (finding,) = lint(text, ACTIONS)

    assert "error" == finding.level


def test_a_condition_closes_what_names_everybody() -> None:
    condition = {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}

    assert [] == lint(document(Principal="*", Condition=condition), ACTIONS)[1]


def test_wildcards_and_actions_of_unknown_services_pass() -> None:
    assert [] == lint(document(Action=["secretsmanager:Get*", "s3:GetObject"]), ACTIONS)[1]
