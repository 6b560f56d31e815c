"""Handing a role to a service: the caller's permission, the role's trust, and what is told when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz.context import global_context
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import DocumentKind, parse_document
from strongroom.kernel.authz.model import ContextValue, Decision, Policies, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Answer, Call, Credential, Role, Roles, Source, Target
from strongroom.kernel.passing import pass_role
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction

ACCOUNT, SERVICE = "111122223333", "lambda.amazonaws.com"
ARN = f"arn:aws:iam::{ACCOUNT}:role/job"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
REFUSED = Refusal(Kind.VALIDATION, "The role cannot be assumed.")
NO_ROWS = cast("Transaction", None)


def statement(**given: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **given}})


def trusting(principal: Any, **condition: Any) -> str:
    return statement(Principal=principal, Action="sts:AssumeRole", **condition)


class World:
    """An account with at most one role, and a caller with at most one policy: what the chain and IAM would know."""

    entropy: Entropy = SystemEntropy()
    keyring = Keyring(bytes(32))

    def __init__(self, policy: str | None, trust: str | None) -> None:
        self.policy, self.trust = policy, trust

    @property
    def roles(self) -> Roles:
        return cast("Roles", self)

    def role(self, tx: Transaction, arn: str) -> Role | None:
        if self.trust is None or arn != ARN:
            return None
        trust = parse_document(self.trust, DocumentKind.TRUST, ARN)
        return Role(ARN, ACCOUNT, "job", "AROAJOB", trust, {}, timedelta(hours=1))

    def ask(self, call: Call, tx: Transaction, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        raise NotImplementedError

    def authorise(
        self, call: Call, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue]
    ) -> Decision:
        context = global_context(
            call.principal,
            now=call.now,
            source_ip="",
            secure=True,
            user_agent="",
            region=call.region,
            resource_account=target.account,
        )
        asked = Request(call.principal, action, target.arn, target.account, context | dict(keys))
        own = () if self.policy is None else (parse_document(self.policy, DocumentKind.IDENTITY, "p"),)
        decision = decide(asked, Policies(own))
        if not decision.allowed:
            raise Refusal(Kind.ACCESS_DENIED, "no")
        return decision

    def passed(self, arn: str = ARN, service: str = SERVICE) -> Role:
        now = datetime(2026, 1, 2, tzinfo=UTC)
        user = Principal(PrincipalKind.USER, arn=f"arn:aws:iam::{ACCOUNT}:user/ann", account=ACCOUNT)
        call = Call(
            kernel=self,
            service="lambda",
            name="CreateFunction",
            region="us-east-1",
            credential=Credential(user, "AKIA", "secret"),
            params={},
            now=now,
            machine_now=now,
            request_id="r",
            event_id="e",
            source=Source("127.0.0.1"),
        )
        return pass_role(call, NO_ROWS, arn, service=service, refused=REFUSED, associated=FUNCTION)


MAY_PASS = statement(Action="iam:PassRole", Resource=ARN)
TRUSTS = trusting({"Service": SERVICE})


def kind_of(world: World, **asked: Any) -> Kind:
    with pytest.raises(Refusal) as refused:
        world.passed(**asked)
    return refused.value.kind


def test_a_role_that_the_caller_may_pass_and_that_trusts_the_service_is_handed_over() -> None:
    assert "AROAJOB" == World(MAY_PASS, TRUSTS).passed().unique_id


@pytest.mark.parametrize("trust", [TRUSTS, None])
def test_who_may_not_pass_it_does_not_learn_whether_it_is_there(trust: str | None) -> None:
    assert Kind.ACCESS_DENIED is kind_of(World(None, trust))


@pytest.mark.parametrize(
    "trust",
    [
        None,
        trusting({"Service": "secretsmanager.amazonaws.com"}),
        trusting({"AWS": ACCOUNT}),
        trusting("*"),
        trusting({"Service": SERVICE}, Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}}),
        trusting({"Service": SERVICE}, Condition={"ArnLike": {"aws:SourceArn": f"{FUNCTION}-other"}}),
    ],
)
def test_a_role_that_does_not_trust_the_service_is_refused_in_the_rooms_words(trust: str | None) -> None:
    assert Kind.VALIDATION is kind_of(World(MAY_PASS, trust))


def test_conditions_of_a_trust_policy_see_for_whom_the_service_comes() -> None:
    condition = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:PrincipalServiceName": SERVICE},
        "ArnEquals": {"aws:SourceArn": FUNCTION},
    }
    assert World(MAY_PASS, trusting({"Service": SERVICE}, Condition=condition)).passed()


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"iam:PassedToService": SERVICE}}, True),
        ({"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}, False),
        ({"ArnEquals": {"iam:AssociatedResourceArn": FUNCTION}}, True),
        ({"ArnEquals": {"iam:AssociatedResourceArn": FUNCTION + "x"}}, False),
        ({"StringEquals": {"aws:ResourceTag/Team": "blue"}}, False),
    ],
)
def test_who_may_pass_may_be_bound_to_a_service_and_a_resource(condition: Any, allowed: bool) -> None:
    world = World(statement(Action="iam:PassRole", Resource="*", Condition=condition), TRUSTS)
    if allowed:
        assert world.passed()
    else:
        assert Kind.ACCESS_DENIED is kind_of(world)


def test_a_role_of_another_account_is_never_passed() -> None:
    other = "arn:aws:iam::999999999999:role/job"
    assert Kind.ACCESS_DENIED is kind_of(World(statement(Action="*", Resource="*"), TRUSTS), arn=other)


def test_what_is_no_arn_is_decided_and_then_refused() -> None:
    assert Kind.VALIDATION is kind_of(World(statement(Action="*", Resource="*"), TRUSTS), arn="job")
