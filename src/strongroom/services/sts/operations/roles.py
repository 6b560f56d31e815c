"""Assuming a role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from strongroom.base.names import role_session_arn
from strongroom.kernel.authz.model import ContextValue, ResourceRule
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Answer, Call, Role, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.tokens import Session, SessionKind, make_secret
from strongroom.kernel.storage.port import Transaction
from strongroom.services.sts import rules, sessions
from strongroom.services.sts.errors import denied, invalid
from strongroom.services.sts.room import ROOM

MFA = "aws:multifactorauthpresent"


def at_role(call: Call, tx: Transaction) -> Target:
    """The role of ``RoleArn`` with its trust policy. One that is not there trusts nobody, so both sound
    the same.
    """
    if call.principal.kind is PrincipalKind.FEDERATED:
        raise denied("Cannot call AssumeRole with federated user credentials")
    target = role_target(call, tx)
    # The trust policy may ask for MFA: the code must be judged before the decision (it is used up only with it).
    if target.found is not None and sessions.proves_mfa(call, tx):
        return replace(target, facts={**target.facts, MFA: "true", "aws:multifactorauthage": "0"})
    return target


def role_target(call: Call, tx: Transaction) -> Target:
    """The role of ``RoleArn``, whoever asks for it."""
    arn: str = call["RoleArn"]
    account = rules.role_account(arn)
    role = call.kernel.roles.role(tx, arn)
    if role is None:
        return Target(arn=arn, account=account, missing=denied("not authorized"), rule=ResourceRule.TRUST)
    facts: dict[str, ContextValue] = {
        f"{service}:resourcetag/{key.lower()}": value for service in ("aws", "iam") for key, value in role.tags.items()
    }
    return Target(arn=arn, account=account, found=role, policy=role.trust, rule=ResourceRule.TRUST, facts=facts)


def asked_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """The condition keys of an AssumeRole request. Source: IAM User Guide, "Available keys for AWS STS"."""
    keys = rules.session_keys(call)
    if call.get("ExternalId") is not None:
        keys["sts:externalid"] = call["ExternalId"]
    if call.get("TransitiveTagKeys"):
        keys["sts:transitivetagkeys"] = tuple(call["TransitiveTagKeys"])
    identity = rules.source_identity(call.principal, call.get("SourceIdentity"))
    if identity is not None:
        keys["sts:sourceidentity"] = identity
    return keys | rules.tag_keys(rules.asked_tags(call.get("Tags")))


@ROOM.operation(
    "AssumeRole",
    mode=Mode.READ,
    locate=at_role,
    keys=asked_keys,
    shown=("Credentials", "AssumedRoleUser", "PackedPolicySize", "SourceIdentity"),
)
def assume_role(call: Call, role: Role, tx: Transaction) -> Answer:
    """Credentials of a session of the role. Writes nothing.

    Source: API reference, AssumeRole; facts, iam, section 14.
    """
    if call.get("ProvidedContexts"):
        raise invalid("ProvidedContexts are not offered.")
    caller = call.principal
    length = rules.role_session_length(call.get("DurationSeconds"), role.max_session, chained=rules.is_chained(caller))
    policies, policy_arns = sessions.session_policies(call, tx, role.account)
    asked = rules.asked_tags(call.get("Tags"))
    tags, transitive = rules.session_tags(caller, asked, call.get("TransitiveTagKeys", ()))
    identity = rules.source_identity(caller, call.get("SourceIdentity"))
    _demand(call, tx, tagged=bool(tags), identified=identity is not None)
    session = Session(
        kind=SessionKind.ROLE,
        account=role.account,
        issuer_id=role.unique_id,
        secret=make_secret(call.kernel.entropy),
        issued=call.now,
        expires=call.now + length,
        name=call["RoleSessionName"],
        policies=policies,
        policy_arns=policy_arns,
        tags=sessions.as_pairs(tags),
        transitive=transitive,
        source_identity=identity,
        mfa=call.target is not None and MFA in call.target.facts,
        function=_function(call),
    )
    name = call["RoleSessionName"]
    answer = sessions.given_out(call, tx, session) | {"AssumedRoleUser": assumed_user(role, name)}
    return answer if identity is None else answer | {"SourceIdentity": identity}


def _function(call: Call) -> str:
    """The function that Lambda assumes its role for. Source: IAM User Guide, "lambda:SourceFunctionArn"."""
    of_lambda = call.principal.kind is PrincipalKind.SERVICE and call.principal.name == "lambda.amazonaws.com"
    return call.acts_for[0] if of_lambda and call.acts_for is not None else ""


def assumed_user(role: Role, name: str) -> dict[str, str]:
    """``AssumedRoleUser``: the session as ids and ARNs name it."""
    return {"AssumedRoleId": f"{role.unique_id}:{name}", "Arn": role_session_arn(role.account, role.name, name)}


def _demand(call: Call, tx: Transaction, *, tagged: bool, identified: bool) -> None:
    """The permissions of their own for tags and source identity, also for those that the calling session
    hands on.

    Source: facts, iam, section 14; IAM User Guide, "Pass session tags in AWS STS".
    """
    target = call.target
    if target is None:
        raise RuntimeError("a role is assumed without a target")
    keys = asked_keys(call, target)
    if tagged:
        call.authorise(tx, "sts:TagSession", target, keys)
    if identified:
        call.authorise(tx, "sts:SetSourceIdentity", target, keys)
