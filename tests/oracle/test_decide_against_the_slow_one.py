"""Two implementations of one decision, on policies and requests that neither author chose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.authz import document as documents_file
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import DocumentKind, load_document
from strongroom.kernel.authz.general import OF_CALLERS, Plan
from strongroom.kernel.authz.model import Decision, Policies, Request, ResourceRule, Spellings
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from tests.oracle.slow_decide import slow_decide, ways

CASES = 5  # a seed


@pytest.fixture(autouse=True, scope="module")
def _remembering() -> Iterator[None]:
    """Documents of few statements are remembered by resource too: that way has more to go wrong."""
    few, documents_file._FEW_STATEMENTS = documents_file._FEW_STATEMENTS, 0
    yield
    documents_file._FEW_STATEMENTS = few


HOME, AWAY = "111111111111", "222222222222"


def _caller(kind: PrincipalKind, account: str) -> Principal:
    user, role = f"arn:aws:iam::{account}:user/team/ann", f"arn:aws:iam::{account}:role/svc/app"
    match kind:
        case PrincipalKind.ROOT:
            return Principal(kind, f"arn:aws:iam::{account}:root", account)
        case PrincipalKind.USER:
            return Principal(kind, user, account, "AIDA" + "A" * 17, entity_arn=user, name="ann")
        case PrincipalKind.ROLE:
            session = f"arn:aws:sts::{account}:assumed-role/app/run"
            return Principal(kind, session, account, "AROA" + "A" * 17, entity_arn=role, session_name="run")
        case PrincipalKind.FEDERATED:
            session = f"arn:aws:sts::{account}:federated-user/ann"
            return Principal(kind, session, account, "AIDA" + "A" * 17, entity_arn=user)
        case PrincipalKind.SERVICE:
            name = "secretsmanager.amazonaws.com"
            return Principal(kind, name, account, name=name)
        case PrincipalKind.ANONYMOUS:
            return Principal(kind, f"arn:aws:iam::{account}:oidc-provider/ci.example.com", "")


CALLERS = [_caller(kind, account) for kind in PrincipalKind for account in (HOME, AWAY)] + [
    Principal(PrincipalKind.ANONYMOUS, "", "")
]
NAMES = ("root", "user", "role", "federated", "service", "anonymous")
WORDS = dict(zip(PrincipalKind, NAMES, strict=True))

SECRET = f"arn:aws:secretsmanager:us-east-1:{HOME}:secret:db/main-AbCdEf"
ACTIONS = ["secretsmanager:GetSecretValue", "secretsmanager:ListSecrets", "kms:Decrypt", "sts:AssumeRole"]
RESOURCES = [
    SECRET,
    f"arn:aws:secretsmanager:eu-west-1:{HOME}:secret:a*b?-AbCdEf",
    f"arn:aws:kms:us-east-1:{HOME}:key/1",
    f"arn:aws:iam::{HOME}:role/svc/app",
    "*",
]
ACTION_PATTERNS = [
    *ACTIONS,
    "*",
    "secretsmanager:*",
    "SecretsManager:get*",
    "kms:D?crypt",
    "sts:Assume*",
    "s3:*",
]
RESOURCE_PATTERNS = [
    *RESOURCES, *RESOURCES[:1] * 3, "*", "*", "arn:aws:secretsmanager:*:*:secret:*", "arn:*",
    "arn:aws:*:*:*:*",
    f"arn:aws:secretsmanager:us-*-1:{HOME}:secret:db/????-??????", f"arn:aws:*:*:{AWAY}:*",
    f"arn:aws:secretsmanager:us-east-1:{HOME}:secret:${{aws:PrincipalTag/team}}/*",
    f"arn:aws:secretsmanager:us-east-1:{HOME}:secret:${{aws:none, 'db'}}/main*",
    f"arn:aws:secretsmanager:*:{HOME}:secret:a${{*}}b${{?}}-*", "arn:aws:secretsmanager:*:${aws:acct}:*",
    f"arn:aws:secretsmanager:us-east-1:{HOME}:secret:*main*-*", f"arn:aws:kms:us-east-1:{HOME}:key/?*",
    "nonsense",
    "arn:aws:secretsmanager:us-east-1:${", f"arn:aws:iam::{HOME}:role/*/*pp", f"arn:aws:iam::{HOME}:*:app",
]  # fmt: skip
PRINCIPALS = [
    "*", "*",
    *[{"AWS": name} for account in (HOME, AWAY) for name in (
        account, f"arn:aws:iam::{account}:root", f"arn:aws:iam::{account}:user/team/ann",
        f"arn:aws:iam::{account}:role/svc/app", f"arn:aws:sts::{account}:assumed-role/app/run",
        f"arn:aws:sts::{account}:federated-user/ann")],
    {"AWS": "*"}, {"AWS": "AIDA" + "A" * 17}, {"AWS": ["AROA" + "A" * 17, AWAY]},
    {"Service": "secretsmanager.amazonaws.com"}, {"Service": ["kms.amazonaws.com"], "AWS": HOME},
    {"Federated": f"arn:aws:iam::{HOME}:oidc-provider/ci.example.com"},
    {"AWS": [HOME, f"arn:aws:iam::{HOME}:user/team/ann"]},
    {"AWS": [HOME, f"arn:aws:iam::{HOME}:role/svc/app", f"arn:aws:sts::{HOME}:assumed-role/app/run"]},
]  # fmt: skip
KEYS = ["aws:PrincipalTag/team", "aws:username", "aws:TagKeys", "aws:n", "aws:acct", "aws:arn", "aws:NONE"]
VALUES = [
    "db", "DB", "a*b", "5", "5.0", "07", "-1", "true", "TRUE", "false", "maybe", "10.1.2.3", "2001:db8::1",
    "2026-01-02T03:04:05Z", "2026-01-02", "1767323045", "YWJj", SECRET,
    f"arn:aws:iam::{HOME}:role/svc/app", "", f"{HOME}:role/x",
    f"arn:aws:iam::{HOME}:role/x:role/svc/app",
]  # fmt: skip
BOUNDS = [
    *VALUES, "d*", "?B", "*", "a${*}b", "${aws:PrincipalTag/team}", "${aws:none}", "${aws:none, 'db'}",
    "${aws:TagKeys}",
    "${", "10.0.0.0/8", "2001:db8::/32", "10.1.2.3/33", "arn:aws:*:*:*:secret:*", "arn:*:iam::*:role/*",
    f"arn:aws:iam::{HOME}:role/${{aws:PrincipalTag/team}}*",
    "arn:aws:iam::${aws:PrincipalTag/team}:role/svc/app", "${aws:arn}", "${aws:arn}*",
    "2026", "1e5",
]  # fmt: skip
BASES = [
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
    "StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals",
    "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan",
    "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress",
    "NotIpAddress", "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "StringMatches",
]  # fmt: skip

RULES = {
    ResourceRule.NONE: DocumentKind.RESOURCE,
    ResourceRule.UNION: DocumentKind.RESOURCE,
    ResourceRule.KEY: DocumentKind.KEY,
    ResourceRule.TRUST: DocumentKind.TRUST,
}
Case = tuple[Request, ResourceRule, dict[str, Any]]


class Maker:
    """Makes one case from a seed: a request first, then policies that often, not always, speak of it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def case(self) -> Case:
        """A request, the rule of its resource, and every kind of policy as plain JSON."""
        pick = self.random.choice
        caller, rule = pick(CALLERS), pick(list(RULES))
        self.action, self.resource = pick(ACTIONS), pick(RESOURCES)
        self.names = [f"{kind}={name}" for names in ways(described(caller)).values() for kind, name in names_of(names)]
        account = caller.account if caller.account and self.often() else pick([HOME, AWAY])
        context = {
            key.lower(): pick([tuple, tuple, Spellings])(self.some(VALUES, 0, 3)) if self.seldom() else pick(VALUES)
            for key in self.some(KEYS[:-1], 0, 4)
        }
        policies = {
            "rule": rule.name.lower(),
            "resource": self.document(RULES[rule]) if self.often() else None,
            "identity": [self.document(DocumentKind.IDENTITY) for _ in range(pick([0, 1, 1, 2]))],
            "boundary": self.document(DocumentKind.BOUNDARY) if self.seldom() else None,
            "session": [self.document(DocumentKind.SESSION) for _ in range(pick([0, 0, 1, 2]))],
            "grants": self.grants() if rule is ResourceRule.KEY and self.often() else None,
        }
        return Request(caller, self.action, self.resource, account, context), rule, policies

    def document(self, kind: DocumentKind) -> dict[str, Any]:
        """One to three statements, most often of the newer version."""
        version = self.random.choice(["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"])
        return {
            "Version": version,
            "Statement": [self.statement(kind) for _ in range(self.random.choice([1, 2, 3]))],
        }

    def statement(self, kind: DocumentKind) -> dict[str, Any]:
        """Most often an Allow about the request."""
        found: dict[str, Any] = {"Effect": self.random.choice(["Allow"] * 7 + ["Deny"])}
        actions = [self.action, "*", self.action.upper(), self.action[:-2] + "*"] if self.often() else ACTION_PATTERNS
        found[self.negated() + "Action"] = self.some(actions, 1, 3)
        if kind is not DocumentKind.TRUST:
            resources = [self.resource, "*"] if self.often() else RESOURCE_PATTERNS
            found[self.negated() + "Resource"] = self.some(resources, 1, 3)
        if kind in RULES.values() or kind is DocumentKind.GRANT:
            found[self.negated() + "Principal"] = self.principal()
        if self.seldom():
            found["Condition"] = {
                self.operator(): {key: self.bounds() for key in self.some(KEYS, 1, 2)}
                for _ in range(self.random.choice([1, 1, 2]))
            }
        return found

    def grants(self) -> dict[str, Any]:
        """Grants are statements that allow, to one or a few names."""
        found = self.document(DocumentKind.GRANT)
        for statement in found["Statement"]:
            statement["Effect"] = "Allow"
            statement["Principal"] = self.principal()
            statement.pop("NotPrincipal", None)
        return found

    def principal(self) -> Any:
        """Often some of the caller's own names."""
        if not self.names or not self.often():
            return self.random.choice(PRINCIPALS)
        found: dict[str, list[str]] = {}
        for name in self.some(self.names, 1, 3):
            kind, _, value = name.partition("=")
            found.setdefault(kind, []).append(value)
        return found

    def operator(self) -> str:
        """Any operator that may be written, and a few that may not."""
        if self.random.random() < 0.05:
            return "Null"
        pick = self.random.choice
        return pick(["", "", "", "ForAllValues:", "ForAnyValue:"]) + pick(BASES) + pick(["", "", "IfExists"])

    def bounds(self) -> list[Any]:
        """Values on the policy's side, of every type."""
        return self.some([*BOUNDS, True, False], 1, 3)

    def some(self, pool: Sequence[Any], least: int, most: int) -> list[Any]:
        """A few of a pool, each once."""
        return self.random.sample(pool, min(self.random.randint(least, most), len(pool)))

    def negated(self) -> str:
        """The prefix of NotAction and its kin, in one of eight."""
        return "Not" if self.random.random() < 0.125 else ""

    def often(self) -> bool:
        """Three times of four."""
        return self.random.random() < 0.75

    def seldom(self) -> bool:
        """Three times of ten."""
        return self.random.random() < 0.3


def names_of(spellings: set[str]) -> list[tuple[str, str]]:
    """Spellings as (type, name), in an order that does not change from run to run."""
    return [(kind, name) for kind, _, name in (one.partition("=") for one in sorted(spellings))]


def described(caller: Principal) -> dict[str, str]:
    """A caller in the words of the slow decision."""
    return {
        "kind": WORDS[caller.kind],
        "arn": caller.arn,
        "account": caller.account,
        "entity_arn": caller.entity_arn,
        "unique_id": caller.unique_id,
        "name": caller.name,
    }


def loaded(document: dict[str, Any] | None, kind: DocumentKind) -> Any:
    """A document compiled, as leniently as one from the store."""
    return document and load_document(json.dumps(document), kind, kind.value)


def fast(case: Case) -> tuple[str, str]:
    """The product's answer."""
    request, rule, policies = case
    decision = decide(request, compiled(rule, policies))
    return decision.outcome.value, decision.kind


def compiled(rule: ResourceRule, policies: dict[str, Any]) -> Policies:
    """The policies of a case as the product has them."""
    return Policies(
        identity=[loaded(one, DocumentKind.IDENTITY) for one in policies["identity"]],
        boundary=loaded(policies["boundary"], DocumentKind.BOUNDARY),
        session=[loaded(one, DocumentKind.SESSION) for one in policies["session"]],
        resource=loaded(policies["resource"], RULES[rule]),
        rule=rule,
        grants=loaded(policies["grants"], DocumentKind.GRANT),
    )


def slow(case: Case) -> tuple[str, str]:
    """The oracle's answer."""
    request, _, policies = case
    question = {
        "action": request.action,
        "resource": request.resource,
        "resource_account": request.resource_account,
        "context": dict(request.context),
    }
    return slow_decide(question, described(request.principal), policies)


def smaller(case: Case) -> Iterator[Case]:
    """The case with one statement, one condition or one whole kind of policy left out."""
    request, rule, policies = case
    for kind in ("resource", "boundary", "grants"):
        if policies[kind]:
            yield request, rule, policies | {kind: None}
            yield from ((request, rule, policies | {kind: one}) for one in smaller_document(policies[kind]))
    for kind in ("identity", "session"):
        listed = policies[kind]
        for at, document in enumerate(listed):
            yield request, rule, policies | {kind: listed[:at] + listed[at + 1 :]}
            for one in smaller_document(document):
                yield request, rule, policies | {kind: [*listed[:at], one, *listed[at + 1 :]]}


def smaller_document(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document with one statement less, or one statement without its conditions."""
    listed = document["Statement"]
    for at, statement in enumerate(listed):
        if len(listed) > 1:
            yield document | {"Statement": listed[:at] + listed[at + 1 :]}
        if "Condition" in statement:
            bare = {element: value for element, value in statement.items() if element != "Condition"}
            yield document | {"Statement": [*listed[:at], bare, *listed[at + 1 :]]}


def check(seed: int) -> None:
    """Some cases of one seed. A disagreement is shown as small as it can be made."""
    maker = Maker(seed)
    for _ in range(CASES):
        case = maker.case()
        if fast(case) == slow(case):
            continue
        while (less := next((one for one in smaller(case) if fast(one) != slow(one)), None)) is not None:
            case = less
        assert slow(case) == fast(case), case


@settings(max_examples=500, deadline=None)
@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_both_implementations_decide_alike(seed: int) -> None:
    check(seed)


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_what_follows_from_a_plan_is_what_would_be_decided(seed: int) -> None:
    maker = Maker(seed)
    for _ in range(CASES):
        request, rule, policies = maker.case()
        whole = compiled(rule, policies)
        plan = Plan(request.action, whole)
        callers = {key: value for key, value in request.context.items() if of_caller(key)}
        for resource in maker.some(RESOURCES, 4, 4) * 2:
            others = {key: value for key, value in maker.case()[0].context.items() if not of_caller(key)}
            asked = Request(request.principal, request.action, resource, request.resource_account, others | callers)
            decision = decide(asked, whole)
            found = plan.recall(asked.principal, asked.action, asked.resource, asked.resource_account)
            assert found is None or told(found) == told(decision), (asked, policies)
            plan.keep(decision)


def of_caller(key: str) -> bool:
    """Whether a condition key is the same for all that one caller asks."""
    return key in OF_CALLERS or key.startswith("aws:principaltag/")


def told(decision: Decision) -> tuple[object, ...]:
    """All that a decision says but for what it was asked."""
    return decision.outcome, decision.kind, decision.matches, decision.notes


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, deadline=None)
@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_both_implementations_decide_alike_at_length(seed: int) -> None:
    check(seed)
