"""Who can do one action on one resource: every principal, and why. Source: issue 4, point 8.

Action: strongroom:WhoCan. Asked are all users and roles of the account, through identity policies, boundaries,
the resource's own policy, the KMS key of a secret and chains of roles. Of other accounts only the names that
the resource's own policy holds are told: what their policies say is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Answerable
from strongroom.kernel.authz.context import global_context
from strongroom.kernel.authz.document import Statement
from strongroom.kernel.authz.model import ContextValue, Match, Policies, Request
from strongroom.kernel.authz.possible import Possibility, possibility
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, PrincipalSource, Registry, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.local import errors

# In which parameter an operation names its resource, most telling first.
_MEMBERS = (
    "SecretId", "KeyId", "RoleArn", "FunctionName", "PolicyArn", "UserName", "RoleName", "GroupName", "Name",
)  # fmt: skip
# What Secrets Manager asks of KMS for the caller, where a secret lies under a key of the customer's.
_KEY_USE = {
    "secretsmanager:GetSecretValue": "kms:Decrypt",
    "secretsmanager:BatchGetSecretValue": "kms:Decrypt",
    "secretsmanager:PutSecretValue": "kms:GenerateDataKey",
    "secretsmanager:UpdateSecret": "kms:GenerateDataKey",
}
_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
# Nobody of an account asks for these: what they are asked about is found as for another operation.
_UNSIGNED = {_WEB_IDENTITY: "AssumeRole"}
_BROUGHT_BY_REQUEST = ("aws:securetransport", "aws:useragent", "aws:sourceip")
_SURELY_KNOWN = (
    "aws:resourcetag/", "secretsmanager:resourcetag/", "secretsmanager:resource/", "kms:resourcealiases",
    "iam:resourcetag/", "aws:principalaccount", "aws:principalarn", "aws:principaltype", "aws:principalisaws",
    "aws:principalservicename", "aws:resourceaccount", "aws:calledvia", "aws:viaawsservice", "aws:username",
)  # fmt: skip
MOST_DECISIONS = 100_000
"""After so many the answer ends and says so. Our choice: about two seconds of a thread."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One action on one resource. ``via``: the services through which the caller comes to ask it."""

    action: str
    target: Target
    keys: Mapping[str, ContextValue]
    region: str
    via: tuple[str, ...] = ()


class _Inquiry:
    """One question asked of everybody."""

    def __init__(self, call: Call, tx: Transaction, registry: Registry, source: PrincipalSource) -> None:
        self.call, self.tx, self.registry, self.source = call, tx, registry, source
        self.everyone = source.everyone(tx, call.account)
        self.decisions = 0

    # ------------------------------------------------------------------ what is asked

    def question(self, action: str, resource: str | None) -> _Question:
        """The action on the resource as the room that has it finds it."""
        service, _, name = action.partition(":")
        room = self.registry.rooms.get(service)
        operation = None if room is None else room.operations.get(_UNSIGNED.get(action, name))
        if operation is None:
            raise errors.CannotTellException(f"There is no operation {action} here.")
        call = replace(self.call, service=service, name=name, params=_params(resource), denial=None)
        try:
            target = operation.locate(call, self.tx)
            if target.found is None and target.missing is not None:
                raise target.missing
            # What only a request for a session can bring is not known here.
            keys = {key: value for key, value in operation.keys(call, target).items() if not key.startswith("sts:")}
        except KeyError:
            target, keys = Target(resource or "*", call.account), {}
        except Answerable as absence:
            raise errors.CannotTellException(absence.message) from None
        if target.account != self.call.account:
            raise errors.CannotTellException("Ask in the account that has the resource.")
        return _Question(action if operation.action is None or action in _UNSIGNED else operation.action,
                         target, keys, self.call.region)  # fmt: skip

    def key_of(self, asked: _Question, resource: str | None) -> _Question | None:
        """The use of a KMS key that the action needs as well; None where it needs none."""
        action = _KEY_USE.get(asked.action)
        if action is None:
            return None
        described = self.registry.rooms["secretsmanager"].operations["DescribeSecret"]
        call = replace(self.call, service="secretsmanager", name="DescribeSecret", params=_params(resource))
        shown = described.handle(call, described.locate(call, self.tx).found, self.tx)
        if not shown.get("KmsKeyId"):
            return None
        via = "secretsmanager.amazonaws.com"
        use = replace(
            self.call,
            service="kms",
            name="GenerateDataKey",
            params={"KeyId": shown["KmsKeyId"], "EncryptionContext": {"SecretARN": asked.target.arn}},
            invoked_by=via,
            via=(via,),
        )
        operation = self.registry.rooms["kms"].operations["GenerateDataKey"]
        target = operation.locate(use, self.tx)
        return _Question(action, target, operation.keys(use, target), self.call.region, (via,))

    # ------------------------------------------------------------------ answers

    def can(self, principal: Principal, asked: _Question) -> Possibility:
        """Whether one principal can, as far as is known."""
        self.decisions += 1
        target = asked.target
        context = global_context(
            principal,
            now=self.call.now,
            source_ip="",
            secure=True,
            user_agent="",
            region=asked.region,
            resource_account=target.account,
            via=asked.via,
        )
        for key in _BROUGHT_BY_REQUEST:
            context.pop(key, None)
        if principal.kind is PrincipalKind.ROLE:
            context.pop("aws:userid", None)
        context.update(target.facts)
        context.update(asked.keys)
        own = self.source.policies(self.tx, principal)
        request = Request(principal, asked.action, target.arn, target.account, context)
        grants = None if target.grants is None else target.grants(self.tx, principal)
        policies = Policies(own.documents, own.boundary, None, target.policy, target.rule, grants)
        of_users = "aws:principaltag/" if principal.kind is PrincipalKind.USER else "aws:username"
        return possibility(
            request,
            policies,
            lambda key: key in context or key.startswith(_SURELY_KNOWN) or key.startswith(of_users),
        )

    def all_who_can(self, questions: Sequence[_Question]) -> Iterator[tuple[Principal, Possibility]]:
        """Everybody of the account for whom all questions have a yes."""
        if questions[0].action in _UNSIGNED:
            return
        sessions = _named_sessions(self.everyone, questions[0].target)
        for principal in (*self.everyone, *sessions):
            if self.decisions >= MOST_DECISIONS:
                return
            found = Possibility(True)
            for asked in questions:
                one = self.can(principal, asked)
                found = Possibility(
                    found.possible and one.possible,
                    found.because + one.because,
                    found.conditions + one.conditions,
                )
                if not found.possible:
                    break
            if found.possible:
                yield principal, found

    def through_roles(self, roles: Sequence[Principal]) -> Iterator[dict[str, Any]]:
        """Who can become one of these roles, over as many steps as it takes; each chain from its beginning."""
        waiting: list[tuple[Principal, tuple[str, ...]]] = [(role, (role.entity_arn,)) for role in roles]
        seen = {role.entity_arn for role in roles}
        while waiting:
            role, chain = waiting.pop(0)
            asked = self.question("sts:AssumeRole", role.entity_arn)
            for principal, how in self.all_who_can([asked]):
                yield _told(_name(principal), how, chain)
                if principal.kind is PrincipalKind.ROLE and principal.entity_arn not in seen:
                    seen.add(principal.entity_arn)
                    waiting.append((principal, (principal.entity_arn, *chain)))
            for way in (asked, replace(asked, action=_WEB_IDENTITY)):
                yield from ({"other": told, "chain": chain} for told in _others(way))


def declare(room: Room, registry: Registry) -> None:
    """Declare the operation."""

    @room.operation("WhoCan", mode=Mode.SLOW, action="strongroom:WhoCan")
    def who_can(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Everybody who can, first directly, then through roles."""
        if registry.principals is None:
            raise RuntimeError("no room knows principals")
        inquiry = _Inquiry(call, tx, registry, registry.principals)
        asked = inquiry.question(call["Action"], call.get("Resource"))
        use = inquiry.key_of(asked, call.get("Resource"))
        direct = list(inquiry.all_who_can([asked] if use is None else [asked, use]))
        entries = [_told(_name(principal), how, ()) for principal, how in direct]
        others = list(_others(asked))
        roles = [principal for principal, _ in direct if principal.kind is PrincipalKind.ROLE]
        for one in inquiry.through_roles(roles):
            if "other" in one:
                others.append(f"{one['other']}, by assuming {' then '.join(one['chain'])}")
            else:
                entries.append(one)
        if inquiry.decisions >= MOST_DECISIONS:
            others.append(f"This answer ends after {MOST_DECISIONS} decisions: there may be more principals.")
        return {
            "Action": asked.action,
            "Resource": asked.target.arn,
            "Principals": entries,
            "Others": list(dict.fromkeys(others)),
        }


def _params(resource: str | None) -> dict[str, Any]:
    return {"RoleSessionName": "any"} | (dict.fromkeys(_MEMBERS, resource) if resource is not None else {})


def _name(principal: Principal) -> str:
    """A role is told by its own ARN, unless one session of it is meant."""
    return principal.arn if principal.session_name else principal.entity_arn or principal.arn


def _told(name: str, how: Possibility, chain: Sequence[str]) -> dict[str, Any]:
    return {
        "Principal": name,
        "Because": [_statement(match) for match in how.because],
        "If": list(dict.fromkeys(how.conditions)),
        "Through": list(chain),
    }


def _statement(match: Match) -> str:
    sid = f" ({match.sid})" if match.sid else ""
    return f"{match.effect} in {match.kind} policy {match.label}, statement {match.index}{sid}"


def _allowing(asked: _Question) -> Iterator[tuple[Statement, str, str]]:
    """(statement, type, value) of every principal whom the resource's own policy allows the action."""
    policy = asked.target.policy
    for statement in () if policy is None else policy.about(asked.action):
        if not statement.allows or statement.principals is None:
            continue
        if statement.covers is not None and not statement.covers(asked.target.arn, asked.target.facts):
            continue
        if statement.principals.negated:
            yield statement, "AWS", "everyone but those whom NotPrincipal lists"
        for kind, value in () if statement.principals.negated else statement.principals.written:
            yield statement, kind, value


def _others(asked: _Question) -> Iterator[str]:
    """Who is no user or role of this account and is let in by the resource's own policy."""
    own = asked.target.account
    for statement, kind, value in _allowing(asked):
        if kind == "Federated":
            who, rest = f"whomever {value} vouches for", ""
        elif f":{own}:" in value or value == own or value.startswith(("AIDA", "AROA")):
            continue
        else:
            who = "everyone" if value == "*" else value
            rest = "" if kind == "Service" else ", as far as the policies of their own account allow"
        must = "".join(f", if {one.operator} {one.key} {', '.join(one.bounds)}" for one in statement.conditions)
        yield f"{who}, by statement {statement.index} of the resource's policy{must}{rest}"


def _named_sessions(everyone: Sequence[Principal], target: Target) -> Iterator[Principal]:
    """The role sessions of this account that the resource's policy names one by one."""
    roles = {one.name: one for one in everyone if one.kind is PrincipalKind.ROLE}
    named = [
        value
        for statement in (target.policy.statements if target.policy is not None else ())
        for _, value in (statement.principals.written if statement.principals is not None else ())
        if ":assumed-role/" in value
    ]
    for value in dict.fromkeys(named):
        head, _, session = value.rpartition("/")
        role = roles.get(head.rpartition("/")[2])
        if role is not None and f":{role.account}:" in value:
            yield replace(role, arn=value, session_name=session)
