"""Users and roles by the names that policies have for them: ARNs and unique ids, of whatever account."""

from __future__ import annotations

from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.rules.names import ROLE, USER, parse_entity_arn
from strongroom.services.iam.store import entities

_KINDS = (USER, ROLE)


def named(tx: Transaction, name: str) -> str | None:
    """The unique id of the user or role of exactly this ARN or id; None where there is none."""
    of = parse_entity_arn(name)
    if of is None:
        found = entities.by_id(tx, name)
    else:
        found = entities.find(tx, of.account, of.kind, of.name) if of.kind in _KINDS else None
        if found is not None and found.arn != name:
            return None
    return None if found is None or found.kind not in _KINDS else found.id


def arn_of(tx: Transaction, unique_id: str) -> str | None:
    """The ARN of today of a user or role; None where it is gone."""
    found = entities.by_id(tx, unique_id)
    return None if found is None else found.arn


def arns_of(tx: Transaction, unique_ids: set[str]) -> dict[str, str]:
    """The ARNs of today of those who are still there."""
    known = {unique_id: arn_of(tx, unique_id) for unique_id in unique_ids}
    return {unique_id: arn for unique_id, arn in known.items() if arn is not None}
