"""Managed policies attached to users, groups and roles: the same three operations three times."""

from __future__ import annotations

from functools import partial

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed, targets
from strongroom.services.iam.errors import no_such_policy
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging, quotas
from strongroom.services.iam.rules.names import AWS, GROUP, ROLE, USER, Entity, Kind
from strongroom.services.iam.store import holdings


def attach_policy(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:
    """Attach a managed policy; attaching it again changes nothing.

    Source: API reference, AttachUserPolicy and its like.
    """
    arn: str = call["PolicyArn"]
    name = targets.policy_name(arn)
    present = managed.policy(arn) if name.account == AWS else targets.find_policy(tx, name)
    if present is None or name.account not in (AWS, call.account):
        raise no_such_policy(arn, attachable=True)
    attached = holdings.attached_to(tx, holder.id)
    if arn not in attached:
        quotas.refuse_above(quotas.ATTACHED[kind], len(attached) + 1)
        holdings.attach(tx, holder, arn)
        tx.raise_generation(call.account, GENERATION)
    return {}


def detach_policy(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """Detach a managed policy. Source: API reference, DetachUserPolicy and its like."""
    arn: str = call["PolicyArn"]
    targets.policy_name(arn)
    if not holdings.detach(tx, holder.id, arn):
        raise no_such_policy(arn)
    tx.raise_generation(call.account, GENERATION)
    return {}


def list_attached(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """The attached managed policies under a path, by name.

    Source: API reference, ListAttachedUserPolicies and its like.
    """
    page, prefix = paging.asked_page(call), call.get("PathPrefix", "/")
    named = [targets.policy_name(arn) for arn in holdings.attached_to(tx, holder.id)]
    by_key = {
        f"{name.name.lower()} {name.account}": {
            "PolicyName": name.name,
            "PolicyArn": f"arn:aws:iam::{name.account}:policy{name.path}{name.name}",
        }
        for name in named
        if name.path.startswith(prefix)
    }
    shown = paging.cut(page, by_key, str)
    return paging.answer_page(call, page, "AttachedPolicies", shown, str, by_key.__getitem__)


for _kind in (USER, GROUP, ROLE):
    _at = targets.at_name(_kind)
    _noun = _kind.noun
    operation(f"Attach{_noun}Policy", mode=Mode.WRITE, locate=_at, keys=targets.attaching)(
        partial(attach_policy, _kind)
    )
    operation(f"Detach{_noun}Policy", mode=Mode.WRITE, locate=_at, keys=targets.attaching)(
        partial(detach_policy, _kind)
    )
    operation(f"ListAttached{_noun}Policies", mode=Mode.READ, locate=_at)(partial(list_attached, _kind))
