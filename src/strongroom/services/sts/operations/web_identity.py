"""Assuming a role with a token of an OpenID Connect provider: nobody signs, the provider vouches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Answer, Call, Credential, Role, Target
from strongroom.kernel.registry import Ahead, Mode, Read, Room
from strongroom.kernel.sealing.tokens import Session, SessionKind, make_secret
from strongroom.kernel.storage.port import Transaction
from strongroom.services.sts import rules, sessions
from strongroom.services.sts.errors import InvalidIdentityTokenException
from strongroom.services.sts.operations.roles import assumed_user, role_target
from strongroom.services.sts.web_identity.keys import IssuerKeys
from strongroom.services.sts.web_identity.token import WebIdentity, read_token, verified

ACTION = "sts:AssumeRoleWithWebIdentity"


def declare(room: Room, keys: IssuerKeys) -> None:
    """Declare the operation, with where it has issuers' keys from."""
    room.operation(
        "AssumeRoleWithWebIdentity",
        mode=Mode.SLOW,
        locate=at_role,
        keys=asked_keys,
        shown=(
            "Credentials",
            "AssumedRoleUser",
            "PackedPolicySize",
            "SourceIdentity",
            "Provider",
            "Audience",
            "SubjectFromWebIdentityToken",
        ),
        unsigned=True,
        ahead=identified_by(keys),
    )(assume_role_with_web_identity)


def identified_by(keys: IssuerKeys) -> Ahead:
    """Who the caller is by its token; only issuers that the role's account registered are ever asked."""

    def identify(call: Call, read: Read) -> None:
        account = rules.role_account(call["RoleArn"])
        if call.get("ProviderId") is not None:
            raise InvalidIdentityTokenException("ProviderId is for OAuth 2.0 access tokens, which are not offered.")
        claimed = read_token(call["WebIdentityToken"])
        with read() as tx:
            provider = call.kernel.roles.openid_provider(tx, account, claimed.issuer)
        if provider is None:
            raise _no_provider(claimed.issuer)
        identity = verified(claimed, keys.key_of(claimed, provider.issuer), provider, call.machine_now)
        call.ahead = identity
        call.credential = Credential(_principal(identity), access_key_id="", secret="")

    return identify


def _no_provider(issuer: str) -> InvalidIdentityTokenException:
    return InvalidIdentityTokenException(f"No OpenIDConnect provider found in your account for {issuer}")


def _principal(identity: WebIdentity) -> Principal:
    provider = identity.provider
    return Principal(
        kind=PrincipalKind.ANONYMOUS,
        arn=provider.arn,
        account=provider.account,
        user_id=f"{provider.arn}:{identity.audience}:{identity.subject}",
        name=identity.subject,
    )


def _identity(call: Call) -> WebIdentity:
    if not isinstance(call.ahead, WebIdentity):
        raise TypeError("a web identity is asked for that was not proven")
    return call.ahead


def at_role(call: Call, tx: Transaction) -> Target:
    """The role with its trust policy. Where the provider went while its keys were fetched, so has the caller."""
    provider = _identity(call).provider
    if call.kernel.roles.openid_provider(tx, provider.account, f"https://{provider.issuer}") != provider:
        raise _no_provider(f"https://{provider.issuer}")
    return role_target(call, tx)


def asked_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """The condition keys of the request and of the token."""
    identity = _identity(call)
    found = rules.session_keys(call) | identity.keys() | rules.tag_keys(identity.tags)
    if identity.transitive:
        found["sts:transitivetagkeys"] = identity.transitive
    if identity.source_identity is not None:
        found["sts:sourceidentity"] = identity.source_identity
    return found


def assume_role_with_web_identity(call: Call, role: Role, tx: Transaction) -> Answer:
    """Credentials of a session of the role. Writes nothing.

    Source: API reference, AssumeRoleWithWebIdentity; facts, iam, section 14.
    """
    identity = _identity(call)
    length = rules.role_session_length(call.get("DurationSeconds"), role.max_session, chained=False)
    policies, policy_arns = sessions.session_policies(call, tx, role.account)
    tags, transitive = rules.session_tags(call.principal, identity.tags, identity.transitive)
    _demand(call, tx, identity)
    name = call["RoleSessionName"]
    session = Session(
        kind=SessionKind.ROLE,
        account=role.account,
        issuer_id=role.unique_id,
        secret=make_secret(call.kernel.entropy),
        issued=call.now,
        expires=call.now + length,
        name=name,
        policies=policies,
        policy_arns=policy_arns,
        tags=sessions.as_pairs(tags),
        transitive=transitive,
        source_identity=identity.source_identity,
        provider=identity.provider.arn,
    )
    answer: dict[str, Any] = sessions.given_out(call, tx, session) | {
        "AssumedRoleUser": assumed_user(role, name),
        "SubjectFromWebIdentityToken": identity.subject,
        "Provider": identity.provider.arn,
        "Audience": identity.audience,
    }
    return answer if identity.source_identity is None else answer | {"SourceIdentity": identity.source_identity}


def _demand(call: Call, tx: Transaction, identity: WebIdentity) -> None:
    """The permissions of their own for tags and source identity, which the trust policy must give too."""
    target = call.target
    if target is None:
        raise RuntimeError("a role is assumed without a target")
    keys = asked_keys(call, target)
    if identity.tags:
        call.authorise(tx, "sts:TagSession", target, keys)
    if identity.source_identity is not None:
        call.authorise(tx, "sts:SetSourceIdentity", target, keys)
