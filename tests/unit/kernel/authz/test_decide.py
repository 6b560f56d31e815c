"""Decisions: every row of the tables that the facts give, as vectors, and what the vectors cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.kernel.authz import document
from strongroom.kernel.authz.decide import GRANTS, TRUST_GRANTS, Grant, decide, no_permission_needed
from strongroom.kernel.authz.document import Document, DocumentKind, load_document, parse_document
from strongroom.kernel.authz.messages import denial_text
from strongroom.kernel.authz.model import Decision, Match, Outcome, Policies, Request, ResourceRule
from strongroom.kernel.authz.naming import Naming
from strongroom.kernel.authz.principal import Principal, PrincipalKind

VECTORS = sorted((Path(__file__).parents[3] / "vectors" / "policies").glob("*.json"))
RESOURCE_KINDS = {"NONE": "RESOURCE", "UNION": "RESOURCE", "KEY": "KEY", "TRUST": "TRUST"}
ANN = Principal(
    PrincipalKind.USER, "arn:aws:iam::111122223333:user/ann", "111122223333",
    entity_arn="arn:aws:iam::111122223333:user/ann",
)  # fmt: skip
REQUEST = Request(ANN, "s3:GetObject", "arn:aws:s3:::bucket/key", "111122223333")


def decided(vector: dict[str, Any]) -> Decision:
    """The decision that a vector asks for."""
    read = load_document if vector.get("stored") else parse_document
    rule = vector["policies"]["rule"]

    def documents(kind: str, words: str) -> list[Document]:
        found = vector["policies"].get(kind, [])
        listed = found if isinstance(found, list) else [found]
        return [read(json.dumps(one), DocumentKind[words], f"{kind} {at}") for at, one in enumerate(listed)]

    context = {key: tuple(value) if isinstance(value, list) else value for key, value in vector["context"].items()}
    principal = Principal(**vector["principal"] | {"kind": PrincipalKind[vector["principal"]["kind"]]})
    policies = Policies(
        identity=documents("identity", "IDENTITY"),
        boundary=next(iter(documents("boundary", "BOUNDARY")), None),
        session=documents("session", "SESSION") if "session" in vector["policies"] else None,
        resource=next(iter(documents("resource", RESOURCE_KINDS[rule])), None),
        rule=ResourceRule[rule],
    )
    return decide(
        Request(principal, vector["action"], vector["resource"], vector["resource_account"], context),
        policies,
    )


@pytest.mark.parametrize("few", [None, 0], ids=["", "remembered"])
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_decisions_match_the_vectors(path: Path, few: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if few is not None:
        monkeypatch.setattr(document, "_FEW_STATEMENTS", few)
    vector = json.loads(path.read_text())
    expected = vector["expected"]
    decision = decided(vector)

    assert (expected["outcome"], expected["kind"]) == (decision.outcome.value, decision.kind)
    if "text" in expected:
        assert expected["text"] == denial_text(decision, named=vector.get("named"))
    assert expected.get("notes", 0) == len(decision.notes)


def test_there_are_vectors_for_every_outcome_of_every_kind_of_policy() -> None:
    seen = {
        (vector["outcome"], vector["kind"]) for path in VECTORS for vector in [json.loads(path.read_text())["expected"]]
    }
    kinds = ("identity", "resource", "boundary", "session", "key", "trust")

    assert {(outcome, kind) for outcome in ("implicitDeny", "explicitDeny") for kind in kinds} <= seen


def _document(*statements: dict[str, Any], kind: DocumentKind = DocumentKind.IDENTITY, label: str = "one") -> Document:
    return load_document(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind, label)


ALLOW = {"Sid": "Yes", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def test_an_allowed_call_names_every_statement_that_allowed_it() -> None:
    decision = decide(
        REQUEST, Policies(identity=[_document(ALLOW, label="a"), _document(DENY | {"Action": "x:y"}, ALLOW)])
    )

    assert (
        Match("identity", "a", 0, "Yes", "Allow"),
        Match("identity", "one", 1, "Yes", "Allow"),
    ) == decision.matches


def test_a_denied_call_names_every_statement_that_denied_it_and_no_other() -> None:
    resource = _document(DENY | {"Principal": "*"}, kind=DocumentKind.RESOURCE, label="bucket")
    decision = decide(REQUEST, Policies(identity=[_document(ALLOW, DENY)], resource=resource))

    assert (
        Match("resource", "bucket", 0, None, "Deny"),
        Match("identity", "one", 1, None, "Deny"),
    ) == decision.matches
    assert "resource" == decision.kind


def test_a_managed_policy_used_as_boundary_is_named_as_the_boundary() -> None:
    shared = _document(DENY)

    decision = decide(REQUEST, Policies(identity=[_document(ALLOW)], boundary=shared))

    assert ("boundary", "boundary") == (decision.kind, decision.matches[0].kind)


def test_notes_say_which_statement_and_what_of_it_was_not_understood() -> None:
    odd = DENY | {"Condition": {"StringMatches": {"aws:UserAgent": "x"}}}

    decision = decide(REQUEST, Policies(identity=[_document(ALLOW, odd, label="inline:odd")]))

    assert Outcome.EXPLICIT_DENY is decision.outcome
    assert (
        "Deny statement 1 of inline:odd: condition StringMatches aws:useragent is not understood",
    ) == decision.notes


def test_an_unreadable_document_denies_everything_to_everyone() -> None:
    for text in ("", "null", "[]", "{", '{"Statement": 1}', '{"Statement": [], "Id": 2}'):
        broken = load_document(text, DocumentKind.RESOURCE, "broken")
        decision = decide(REQUEST, Policies(identity=[_document(ALLOW)], resource=broken))

        assert Outcome.EXPLICIT_DENY is decision.outcome
        assert 1 == len(decision.notes)


def test_a_document_with_principals_is_no_identity_policy() -> None:
    resource = _document(ALLOW | {"Principal": "*"}, kind=DocumentKind.RESOURCE)

    with pytest.raises(ValueError, match="names principals"):
        decide(REQUEST, Policies(identity=[resource]))


def test_a_document_without_principals_is_no_resource_policy() -> None:
    with pytest.raises(ValueError, match="names no principals"):
        decide(REQUEST, Policies(resource=_document(ALLOW)))


def test_no_permission_needed_allows_and_says_so() -> None:
    decision = no_permission_needed(REQUEST)

    assert (True, "none", ()) == (decision.allowed, decision.kind, decision.matches)


def test_the_grants_of_a_trust_policy_differ_only_where_everyone_is_named() -> None:
    differing = {key for key in TRUST_GRANTS if TRUST_GRANTS[key] is not GRANTS.get(key)}

    assert {Naming.ANYONE} == {naming for _, naming in differing}
    assert not any(TRUST_GRANTS[kind, Naming.ANYONE] is Grant.FULL for kind in PrincipalKind)


def test_who_has_no_name_and_no_account_is_only_everyone() -> None:
    nobody = Principal(PrincipalKind.ANONYMOUS, "", "")
    request = Request(nobody, "s3:GetObject", "arn:aws:s3:::bucket/key", "111122223333")
    policy = _document(
        ALLOW | {"Principal": {"AWS": ""}},
        ALLOW | {"Principal": {"Federated": ""}},
        kind=DocumentKind.RESOURCE,
    )

    assert Outcome.IMPLICIT_DENY is decide(request, Policies(resource=policy)).outcome


KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/k"
USE = Request(ANN, "kms:Decrypt", KEY_ARN, "111122223333")
ELSEWHERE = Principal(
    PrincipalKind.USER, "arn:aws:iam::444455556666:user/bob", "444455556666",
    entity_arn="arn:aws:iam::444455556666:user/bob",
)  # fmt: skip
ROLE = Principal(
    PrincipalKind.ROLE, "arn:aws:sts::111122223333:assumed-role/app/run", "111122223333",
    entity_arn="arn:aws:iam::111122223333:role/app", session_name="run",
)  # fmt: skip


def _grants(*grantees: str, action: str = "kms:Decrypt") -> Document:
    return _document(
        *({"Sid": "g" * 64, "Effect": "Allow", "Principal": {"AWS": one}, "Action": action, "Resource": "*"}
          for one in grantees),
        kind=DocumentKind.GRANT, label=KEY_ARN,
    )  # fmt: skip


def test_a_grant_allows_what_no_policy_does() -> None:
    decision = decide(USE, Policies(rule=ResourceRule.KEY, grants=_grants(ANN.arn)))

    assert (True, "grant") == (decision.allowed, decision.kind)
    assert (Match("grant", KEY_ARN, 0, "g" * 64, "Allow"),) == decision.matches


def test_a_grant_is_for_its_action_and_its_grantee() -> None:
    for grants in (_grants(ANN.arn, action="kms:Encrypt"), _grants(ELSEWHERE.arn), None):
        decision = decide(USE, Policies(rule=ResourceRule.KEY, grants=grants))

        assert (Outcome.IMPLICIT_DENY, "key") == (decision.outcome, decision.kind)


def test_any_deny_outweighs_a_grant() -> None:
    deny = {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}
    for policies in (
        Policies(identity=[_document(deny)], rule=ResourceRule.KEY, grants=_grants(ANN.arn)),
        Policies(
            resource=_document(deny | {"Principal": "*"}, kind=DocumentKind.KEY), rule=ResourceRule.KEY,
            grants=_grants(ANN.arn),
        ),
    ):  # fmt: skip
        assert Outcome.EXPLICIT_DENY is decide(USE, policies).outcome


def test_a_grant_to_a_role_stays_within_its_boundary_and_one_to_a_session_does_not() -> None:
    asked = Request(ROLE, "kms:Decrypt", KEY_ARN, "111122223333")
    lacking = _document(ALLOW)
    for grantee, kind in ((ROLE.entity_arn, "boundary"), (ROLE.arn, "grant")):
        decision = decide(asked, Policies(boundary=lacking, rule=ResourceRule.KEY, grants=_grants(grantee)))

        assert kind == decision.kind


def test_a_grant_to_an_account_or_across_accounts_needs_identity_policies_too() -> None:
    allow = _document({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"})
    stranger = Request(ELSEWHERE, "kms:Decrypt", KEY_ARN, "111122223333")
    for asked, grantee in ((USE, "111122223333"), (stranger, ELSEWHERE.arn), (stranger, "444455556666")):
        grants = _grants(grantee)
        assert "identity" == decide(asked, Policies(rule=ResourceRule.KEY, grants=grants)).kind
        assert decide(asked, Policies(identity=[allow], rule=ResourceRule.KEY, grants=grants)).allowed


def test_grants_say_nothing_about_anything_but_keys() -> None:
    for rule in (ResourceRule.NONE, ResourceRule.UNION):
        assert not decide(USE, Policies(rule=rule, grants=_grants(ANN.arn))).allowed
