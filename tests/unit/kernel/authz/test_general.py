"""Plans: what one allowed resource says about the next, and all that a plan must not be made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import Document, DocumentKind, load_document
from strongroom.kernel.authz.general import ANSWERS_AT_MOST, PATTERNS_AT_MOST, PLANS_AT_MOST, Plan, Plans
from strongroom.kernel.authz.model import ContextValue, Decision, Outcome, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ACTION, ACCOUNT = "secretsmanager:GetSecretValue", "111122223333"
ANN = Principal(
    PrincipalKind.USER, f"arn:aws:iam::{ACCOUNT}:user/ann", ACCOUNT, entity_arn=f"arn:aws:iam::{ACCOUNT}:user/ann"
)
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def arn(name: str) -> str:
    return f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}"


def document(*statements: dict[str, Any], kind: DocumentKind = DocumentKind.IDENTITY) -> Document:
    listed = [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*", **one} for one in statements]
    return load_document(json.dumps({"Version": "2012-10-17", "Statement": listed}), kind, "inline:p")


def decided(policies: Policies, name: str, **context: ContextValue) -> Decision:
    return decide(Request(ANN, ACTION, arn(name), ACCOUNT, context), policies)


def recalled(plan: Plan, name: str) -> Decision | None:
    return plan.recall(ANN, ACTION, arn(name), ACCOUNT)


def learnt(*statements: dict[str, Any], **others: Any) -> tuple[Plan, Policies]:
    """A plan that was told of ``app/one``."""
    policies = Policies(identity=(document(*statements),), **others)
    plan = Plan(ACTION, policies)
    plan.keep(decided(policies, "app/one"))
    return plan, policies


def test_a_resource_that_the_same_patterns_cover_is_allowed_by_the_same_statements() -> None:
    plan, policies = learnt({"Resource": arn("app/*")}, {"Effect": "Deny", "Resource": arn("*secret")})
    found, whole = recalled(plan, "app/two"), decided(policies, "app/two")
    assert found is not None
    assert found.allowed
    assert (found.kind, found.matches) == (whole.kind, whole.matches)
    assert (found.request.resource, found.request.resource_account) == (arn("app/two"), ACCOUNT)


@pytest.mark.parametrize("name", ["web/one", "app/secret", "web/secret"])
def test_a_resource_that_other_patterns_cover_is_asked_about(name: str) -> None:
    plan, policies = learnt({"Resource": arn("app/*")}, {"Effect": "Deny", "Resource": arn("*secret")})
    assert recalled(plan, name) is None
    plan.keep(decided(policies, name))
    assert recalled(plan, name) is None, "a refusal is never kept"


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"StringEquals": {"secretsmanager:SecretId": arn("app/one")}}},
        {"Condition": {"StringLike": {"aws:ResourceTag/team": "*"}}},
        {"Condition": {"Null": {"secretsmanager:VersionStage": "true"}}},
        {"Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}},
        {"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceTag/team}"}}},
        {"Resource": arn("${aws:username}/*")},
        {"Resource": arn("app/${aws:ResourceTag/team}*")},
        {"NotResource": arn("${aws:ResourceTag/team}")},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_looks_at_more_than_the_caller_and_the_pattern_leaves_no_plan(
    statement: dict[str, Any], effect: str
) -> None:
    plan, _ = learnt({}, {**statement, "Effect": effect})
    plan.keep(Decision(Request(ANN, ACTION, arn("app/one"), ACCOUNT), Outcome.ALLOWED, "identity"))
    assert recalled(plan, "app/one") is None


@pytest.mark.parametrize("kind", ["boundary", "session", "resource", "grants"])
def test_every_kind_of_policy_has_a_say(kind: str) -> None:
    looks = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "x"}}}
    other: Any = {
        "boundary": document(looks, kind=DocumentKind.BOUNDARY),
        "session": (document(looks, kind=DocumentKind.SESSION),),
        "resource": document({**looks, "Principal": {"AWS": ROOT}}, kind=DocumentKind.KEY),
        "grants": document({**looks, "Principal": {"AWS": ROOT}}, kind=DocumentKind.GRANT),
    }[kind]
    plan = Plan(ACTION, Policies(identity=(document({}),), rule=ResourceRule.KEY, **{kind: other}))
    plan.keep(Decision(Request(ANN, ACTION, arn("app/one"), ACCOUNT), Outcome.ALLOWED, "identity"))
    assert recalled(plan, "app/one") is None


def test_a_condition_on_the_caller_alone_is_no_hindrance() -> None:
    policies = Policies(identity=(document({"Condition": {"StringEquals": {"aws:PrincipalTag/team": "web"}}}),))
    plan = Plan(ACTION, policies)
    plan.keep(decided(policies, "one", **{"aws:principaltag/team": "web"}))
    assert recalled(plan, "two") is not None


def test_a_statement_about_another_action_does_not_matter() -> None:
    plan, _ = learnt({}, {"Action": "kms:*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "x"}}})
    assert recalled(plan, "two") is not None


def test_a_decision_that_was_not_understood_whole_is_not_kept() -> None:
    plan, policies = learnt({}, {"Condition": {"StringResembles": {"aws:userid": "x"}}})
    assert decided(policies, "app/one").notes
    assert recalled(plan, "app/one") is None


def test_a_document_that_cannot_be_read_leaves_no_plan() -> None:
    broken = load_document("{", DocumentKind.IDENTITY, "inline:broken")
    plan = Plan(ACTION, Policies(identity=(document({}), broken)))
    plan.keep(Decision(Request(ANN, ACTION, arn("app/one"), ACCOUNT), Outcome.ALLOWED, "identity"))
    assert recalled(plan, "app/one") is None


def test_of_many_patterns_no_plan_is_made() -> None:
    statements = [{"Resource": arn(f"team{number}/*")} for number in range(PATTERNS_AT_MOST)]
    assert recalled(learnt({"Resource": arn("app/*")}, *statements[1:])[0], "app/two") is not None
    assert recalled(learnt({"Resource": arn("app/*")}, *statements)[0], "app/two") is None


def test_what_a_plan_keeps_is_bounded() -> None:
    names = 1 << 7
    patterns = [{"Resource": arn("*" + "?" * bit + "1" + "?" * (6 - bit))} for bit in range(7)]
    policies = Policies(identity=(document({"Resource": arn("s*")}, *patterns),))
    plan = Plan(ACTION, policies)
    for number in range(names):
        plan.keep(decided(policies, f"s{number:07b}"))
    assert sum(recalled(plan, f"s{number:07b}") is not None for number in range(names)) == ANSWERS_AT_MOST


def test_a_plan_is_found_by_the_very_same_policies_and_caller() -> None:
    plans, caller = Plans(), object()
    policies = Policies(identity=(document({}),))
    again = Policies(identity=policies.identity)
    found = plans.of(ACTION, policies, (id(caller),), caller)
    assert plans.of(ACTION, again, (id(caller),), caller) is found
    assert plans.of("kms:Decrypt", again, (id(caller),), caller) is not found
    assert plans.of(ACTION, again, (id(object),), object) is not found
    for other in (
        Policies(identity=(document({}),)),
        Policies(identity=policies.identity, boundary=document({}, kind=DocumentKind.BOUNDARY)),
        Policies(identity=policies.identity, session=(document({}, kind=DocumentKind.SESSION),)),
        Policies(identity=policies.identity, rule=ResourceRule.KEY),
        Policies(identity=policies.identity, resource=document({"Principal": "*"}, kind=DocumentKind.KEY)),
        Policies(identity=policies.identity, grants=document({"Principal": "*"}, kind=DocumentKind.GRANT)),
    ):
        assert plans.of(ACTION, other, (id(caller),), caller) is not found


def test_plans_are_bounded() -> None:
    plans, policies = Plans(), Policies(identity=(document({}),))
    first = plans.of(ACTION, policies, (0,), None)
    for number in range(1, PLANS_AT_MOST):
        plans.of(ACTION, policies, (number,), None)
    assert plans.of(ACTION, policies, (0,), None) is first
    plans.of(ACTION, policies, (PLANS_AT_MOST,), None)
    assert plans.of(ACTION, policies, (0,), None) is not first
