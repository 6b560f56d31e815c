"""What the journal keeps of a decision, and the smallest change that would have allowed the call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from strongroom.kernel.authz.decide import decide, lacking_kinds
from strongroom.kernel.authz.document import Document, DocumentKind, parse_document
from strongroom.kernel.authz.model import Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.authz.reasons import allowance, denial, for_account, smallest_changes

OWN, OTHER = "111122223333", "444455556666"
ANN = Principal(PrincipalKind.USER, f"arn:aws:iam::{OWN}:user/ann", OWN, entity_arn=f"arn:aws:iam::{OWN}:user/ann")
SECRET = "arn:aws:secretsmanager:us-east-1:{}:secret:a-AbCdEf"


def document(kind: DocumentKind, label: str, *statements: dict[str, Any]) -> Document:
    return parse_document(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind, label)


NOTHING = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
BOUNDARY = document(DocumentKind.IDENTITY, "arn:aws:iam::aws:policy/B", NOTHING)
ASKED = {
    account: Request(ANN, "secretsmanager:GetSecretValue", SECRET.format(account), account) for account in (OWN, OTHER)
}


@pytest.mark.parametrize(
    ("account", "policies", "lacking"),
    [
        (OWN, Policies(), ("identity",)),
        (OWN, Policies(boundary=BOUNDARY), ("identity", "boundary")),
        (OWN, Policies(session=(BOUNDARY,)), ("identity", "session")),
        (OTHER, Policies(), ("resource", "identity")),
        (OWN, Policies(rule=ResourceRule.KEY), ("key",)),
    ],
)
def test_the_smallest_changes_together_allow_the_call(
    account: str, policies: Policies, lacking: tuple[str, ...]
) -> None:
    request = ASKED[account]
    decision = decide(request, policies)
    assert not decision.allowed
    assert lacking == lacking_kinds(request, policies)

    for kind, statement in smallest_changes(denial(decision, policies)):
        add = document(DocumentKind(kind) if kind in ("key", "resource") else DocumentKind.IDENTITY, kind, statement)
        if kind in ("key", "resource"):
            policies = replace(policies, resource=add)
        elif kind == "boundary":
            policies = replace(policies, boundary=add)
        else:
            policies = replace(policies, **{kind: (add,)})

    assert decide(request, policies).allowed


def test_a_trust_policy_lacks_a_statement_without_a_resource() -> None:
    request = Request(ANN, "sts:AssumeRole", f"arn:aws:iam::{OWN}:role/r", OWN)
    policies = Policies(rule=ResourceRule.TRUST)

    assert [
        ("trust", {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ANN.arn}})
    ] == smallest_changes(denial(decide(request, policies), policies))


def test_the_deciding_statement_and_all_that_was_looked_at_are_named() -> None:
    deny = document(
        DocumentKind.IDENTITY, "inline:p", NOTHING, {**NOTHING, "Effect": "Deny", "Sid": "No", "Action": "*"}
    )
    policies = Policies(identity=(deny,), boundary=BOUNDARY)
    told = orjson.loads(orjson.dumps(denial(decide(ASKED[OWN], policies), policies)))

    assert ("explicitDeny", "identity") == (told["outcome"], told["kind"])
    assert [{"kind": "identity", "label": "inline:p", "index": 1, "sid": "No", "effect": "Deny"}] == told["matches"]
    assert [("identity", "inline:p"), ("boundary", BOUNDARY.label)] == [
        (one["kind"], one["label"]) for one in told["policies"]
    ]


def test_no_value_of_the_context_is_kept() -> None:
    request = replace(ASKED[OWN], context={"aws:useragent": "private"})

    assert b"private" not in orjson.dumps(denial(decide(request, Policies()), Policies()))


def test_another_accounts_policies_are_told_by_kind_only() -> None:
    shut = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Sid": "Theirs"}
    policies = Policies(resource=document(DocumentKind.RESOURCE, SECRET.format(OTHER), shut))
    told = orjson.loads(orjson.dumps(denial(decide(ASKED[OTHER], policies), policies)))

    assert "Theirs" not in json.dumps(for_account(told, OWN)) and "resource" == for_account(told, OWN)["kind"]
    assert "Theirs" in json.dumps(for_account(told, OTHER))


def test_an_allowed_call_names_what_allowed_it() -> None:
    allow = document(DocumentKind.IDENTITY, "inline:p", {**NOTHING, "Action": "*"})
    told = orjson.loads(orjson.dumps(allowance(decide(ASKED[OWN], Policies(identity=(allow,))))))

    assert ("allowed", "identity", "inline:p") == (told["outcome"], told["kind"], told["matches"][0]["label"])
    assert [] == smallest_changes(told)
