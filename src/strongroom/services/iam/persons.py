"""Users and roles by the names that policies have for them: ARNs and unique ids, of whatever account."""

from __future__ import annotations

import re

from strongroom.base.names import role_session_arn
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.rules.names import ROLE, USER, parse_entity_arn
from strongroom.services.iam.store import entities

_KINDS = (USER, ROLE)
_SESSION = re.compile(r"arn:aws:sts::([0-9]{12}):assumed-role/([^/]+)/([^/]+)")


def named(tx: Transaction, name: str) -> str | None:
    """The unique id of the user or role of exactly this ARN or id, ``ID:SESSION`` for a session of a role (which need
    not be under way); None where there is none.
    """
    session = _SESSION.fullmatch(name)
    if session is not None:
        account, role_name, session_name = session.groups()
        role = entities.find(tx, account, ROLE, role_name)
        return f"{role.id}:{session_name}" if role is not None and role.name == role_name else None
    of = parse_entity_arn(name)
    if of is None:
        found = entities.by_id(tx, name)
    else:
        found = entities.find(tx, of.account, of.kind, of.name) if of.kind in _KINDS else None
        if found is not None and found.arn != name:
            return None
    return None if found is None or found.kind not in _KINDS else found.id


def arn_of(tx: Transaction, unique_id: str) -> str | None:
    """The ARN of today of a user, role, or session of a role; None where it is gone."""
    of_entity, _, session = unique_id.partition(":")
    found = entities.by_id(tx, of_entity)
    if found is None:
        return None
    return role_session_arn(found.account, found.name, session) if session else found.arn


def arns_of(tx: Transaction, unique_ids: set[str]) -> dict[str, str]:
    """The ARNs of today of those who are still there."""
    known = {unique_id: arn_of(tx, unique_id) for unique_id in unique_ids}
    return {unique_id: arn for unique_id, arn in known.items() if arn is not None}
