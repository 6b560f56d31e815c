"""AWS's sentences, one for each cause."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.messages import context_text, denial_text
from strongroom.kernel.authz.model import Decision, Match, Outcome, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ANN = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/ann", "111122223333")
ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf"
MANAGED = "arn:aws:iam::111122223333:policy/DenyX"


def refused(
    kind: str, outcome: Outcome, action: str = "secretsmanager:GetSecretValue", label: str = "inline:x"
) -> Decision:
    """A refusal for want of, or by, a kind of policy."""
    return Decision(Request(ANN, action, ARN, ANN.account), outcome, kind, (Match(kind, label, 0, None, "Deny"),))


@pytest.mark.parametrize(
    ("kind", "implicit", "explicit"),
    [
        (
            "identity",
            "because no identity-based policy allows the",
            "with an explicit deny in an identity-based policy",
        ),
        (
            "resource",
            "because no resource-based policy allows the",
            "with an explicit deny in a resource-based policy",
        ),
        (
            "key",
            "because no resource-based policy allows the",
            "with an explicit deny in a resource-based policy",
        ),
        (
            "boundary",
            "because no permissions boundary allows the",
            "with an explicit deny in a permissions boundary",
        ),
        ("session", "because no session policy allows the", "with an explicit deny in a sessions policy"),
        (
            "trust",
            "because no role trust policy allows the",
            "with an explicit deny in the role trust policy",
        ),
    ],
)
def test_each_cause_has_its_words(kind: str, implicit: str, explicit: str) -> None:
    """Source: IAM User Guide, "Troubleshoot access denied error messages"."""
    action = "secretsmanager:GetSecretValue"

    assert f"{implicit} {action} action" == context_text(refused(kind, Outcome.IMPLICIT_DENY))
    assert explicit == context_text(refused(kind, Outcome.EXPLICIT_DENY))


@pytest.mark.parametrize(("named", "clause"), [(None, f" on resource: {ARN}"), ("db", " on resource: db"), ("", "")])
def test_the_resource_is_printed_as_it_was_named(named: str | None, clause: str) -> None:
    expected = (
        f"User: {ANN.arn} is not authorized to perform: secretsmanager:GetSecretValue{clause}"
        " because no identity-based policy allows the secretsmanager:GetSecretValue action"
    )

    assert expected == denial_text(refused("identity", Outcome.IMPLICIT_DENY), named=named)


@pytest.mark.parametrize("kind", ["identity", "boundary", "session"])
def test_the_denying_managed_policy_is_named_where_that_is_switched_on(kind: str) -> None:
    managed = refused(kind, Outcome.EXPLICIT_DENY, label=MANAGED)

    assert denial_text(managed, named=None, policy_arns=True).endswith(
        f" policy: {MANAGED}" if kind != "boundary" else f" boundary: {MANAGED}"
    )
    assert MANAGED not in denial_text(managed, named=None)
    assert "inline:x" not in denial_text(refused(kind, Outcome.EXPLICIT_DENY), named=None, policy_arns=True)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("resource", Outcome.EXPLICIT_DENY),
        ("key", Outcome.EXPLICIT_DENY),
        ("identity", Outcome.IMPLICIT_DENY),
    ],
)
def test_no_other_policy_is_ever_named(kind: str, outcome: Outcome) -> None:
    assert MANAGED not in denial_text(refused(kind, outcome, label=MANAGED), named=None, policy_arns=True)


def test_sts_gives_no_cause() -> None:
    bare = denial_text(refused("identity", Outcome.EXPLICIT_DENY, "sts:AssumeRole"), named=None)
    unsigned = denial_text(refused("trust", Outcome.IMPLICIT_DENY, "sts:AssumeRoleWithWebIdentity"), named=None)

    assert f"User: {ANN.arn} is not authorized to perform: sts:AssumeRole on resource: {ARN}" == bare
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" == unsigned


def test_an_allowed_decision_has_no_denial() -> None:
    with pytest.raises(KeyError):
        denial_text(Decision(Request(ANN, "a:b", "*", ANN.account), Outcome.ALLOWED, "none"), named=None)
