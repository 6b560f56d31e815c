"""A decision told in lines."""

from __future__ import annotations

from strongroom.kernel.authz.decide import no_permission_needed
from strongroom.kernel.authz.explain import explain
from strongroom.kernel.authz.model import Decision, Match, Outcome, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ANN = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/ann", "111122223333")
REQUEST = Request(ANN, "s3:GetObject", "arn:aws:s3:::b/k", ANN.account, {"aws:useragent": "canary"})


def test_a_denial_tells_outcome_cause_statements_and_notes() -> None:
    decision = Decision(
        REQUEST, Outcome.EXPLICIT_DENY, "boundary", (Match("boundary", "limit", 2, "NoS3", "Deny"),), ("odd",)
    )

    assert [
        "denied explicitly: s3:GetObject on arn:aws:s3:::b/k by arn:aws:iam::111122223333:user/ann",
        "cause: with an explicit deny in a permissions boundary",
        "applied: Deny in boundary policy limit, statement 2 (NoS3)",
        "note: odd",
    ] == explain(decision)


def test_a_missing_allow_is_told_as_such() -> None:
    lines = explain(Decision(REQUEST, Outcome.IMPLICIT_DENY, "key"))

    assert "denied, for want of an Allow" == lines[0].split(":")[0]
    assert "cause: because no resource-based policy allows the s3:GetObject action" == lines[1]


def test_an_allowed_call_tells_what_allowed_it() -> None:
    assert "cause: a policy of kind identity allows it" in explain(Decision(REQUEST, Outcome.ALLOWED, "identity"))
    assert "cause: the operation needs no permission" in explain(no_permission_needed(REQUEST))
    assert "cause: the caller is the root user of its account" in explain(Decision(REQUEST, Outcome.ALLOWED, "root"))


def test_no_value_of_the_context_is_told() -> None:
    assert "canary" not in "\n".join(explain(Decision(REQUEST, Outcome.IMPLICIT_DENY, "identity")))
