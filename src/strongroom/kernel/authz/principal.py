"""Who asks: what a policy can say about a caller."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from strongroom.base.classes import dataclass, field


class PrincipalKind(Enum):
    """The value of aws:PrincipalType, and the callers of the evaluation tables (facts: iam, section 7)."""

    ROOT = "Account"
    USER = "User"
    ROLE = "AssumedRole"
    FEDERATED = "FederatedUser"
    SERVICE = "Service"
    ANONYMOUS = "Anonymous"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code, met twice a decision


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller, proven by ``signing`` and looked up in the ``iam`` room.

    ``arn`` is what messages and records print (for a role session the ``sts`` assumed-role ARN);
    ``entity_arn`` is the user's or role's own ARN (aws:PrincipalArn); ``unique_id`` its AIDA/AROA id;
    for a federated session both are those of the IAM user that asked for it.
    A service is known by ``name`` (``secretsmanager.amazonaws.com``). A web identity is ANONYMOUS, with its provider's
    ARN as ``arn``, its subject as ``name``, and the provider's account, which says whose records tell of it.
    ``user_id`` the value of aws:userid (``AROA...:session`` for a session).
    ``transitive_tags``: the keys of ``tags`` that flow on to sessions assumed from this one.
    ``function``: of a role session, the ARN of the function that it was begun for.
    ``provider``: of a role session, the ARN of the identity provider that vouched for whoever began it.
    ``unique_id`` of a federated user is that of the user who asked for the session.
    ``from_console``: that the session is one of the console's.
    """

    kind: PrincipalKind
    arn: str
    account: str
    unique_id: str = ""
    user_id: str = ""
    name: str = ""
    entity_arn: str = ""
    session_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: frozenset[str] = frozenset()
    token_issued: datetime | None = None
    mfa: bool | None = None
    source_identity: str | None = None
    provider: str = ""
    function: str = ""
    from_console: bool = False
