"""Sessions of users: their own, and those they hand to federated users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from strongroom.base.names import federated_user_arn
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.tokens import Session, SessionKind, make_secret
from strongroom.kernel.storage.port import Transaction
from strongroom.services.sts import rules, sessions
from strongroom.services.sts.room import ROOM


def at_federated_user(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The federated user as a resource. Source: IAM User Guide, "Permissions for GetFederationToken"."""
    return Target(arn=federated_user_arn(call.account, call["Name"]), account=call.account)


def asked_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """The tags of a GetFederationToken request as condition keys."""
    return rules.tag_keys(rules.asked_tags(call.get("Tags")))


@ROOM.operation("GetSessionToken", mode=Mode.READ, action=None, shown=("Credentials",))
def get_session_token(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Temporary credentials of the calling user.

    Source: API reference, GetSessionToken: no permission is needed.
    """
    rules.refuse_session(call.principal, call.name)
    proven = sessions.proves_mfa(call, tx)
    return sessions.given_out(call, tx, _session(call, SessionKind.USER, mfa=proven))


@ROOM.operation(
    "GetFederationToken",
    mode=Mode.READ,
    locate=at_federated_user,
    keys=asked_keys,
    shown=("Credentials", "FederatedUser", "PackedPolicySize"),
)
def get_federation_token(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Credentials of a federated user, with no more than the caller may and the session policies say.

    Source: API reference, GetFederationToken; facts, iam, section 14.
    """
    rules.refuse_session(call.principal, call.name)
    tags = rules.asked_tags(call.get("Tags"))
    policies, policy_arns = sessions.session_policies(call, tx, call.account)
    if tags and call.target is not None:
        call.authorise(tx, "sts:TagSession", call.target, rules.tag_keys(tags))
    name = call["Name"]
    session = _session(
        call,
        SessionKind.FEDERATED,
        name=name,
        policies=policies,
        policy_arns=policy_arns,
        tags=sessions.as_pairs(tags),
    )
    return (
        {"PackedPolicySize": 0}
        | sessions.given_out(call, tx, session)
        | {
            "FederatedUser": {
                "FederatedUserId": f"{call.account}:{name}",
                "Arn": federated_user_arn(call.account, name),
            }
        }
    )


def _session(
    call: Call,
    kind: SessionKind,
    *,
    name: str = "",
    policies: tuple[str, ...] = (),
    policy_arns: tuple[str, ...] = (),
    tags: tuple[tuple[str, str], ...] = (),
    mfa: bool = False,
) -> Session:
    """A session that hangs on the caller and on the key that signed."""
    seconds = call.get("DurationSeconds", int(rules.USER_SESSION.total_seconds()))
    return Session(
        kind=kind,
        account=call.account,
        issuer_id=call.principal.unique_id,
        secret=make_secret(call.kernel.entropy),
        issued=call.now,
        expires=call.now + timedelta(seconds=seconds),
        issuing_key=call.credential.access_key_id,
        name=name,
        policies=policies,
        policy_arns=policy_arns,
        tags=tags,
        mfa=mfa,
    )
