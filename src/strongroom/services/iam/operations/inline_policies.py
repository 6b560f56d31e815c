"""Inline policies of users, groups and roles: the same four operations three times, from one table."""

from __future__ import annotations

from functools import partial

from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import targets
from strongroom.services.iam.errors import NoSuchEntityException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import documents, paging, quotas
from strongroom.services.iam.rules.names import GROUP, ROLE, USER, Entity, Kind
from strongroom.services.iam.store import holdings


def put_policy(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:
    """Add or replace an inline policy.

    Source: API reference, PutUserPolicy, PutGroupPolicy, PutRolePolicy.
    """
    name, text = call["PolicyName"], call["PolicyDocument"]
    documents.checked(text, DocumentKind.IDENTITY, f"inline:{name}")
    wanted = holdings.inline_of(tx, holder.id) | {name: text}
    quotas.refuse_inline_above(kind, holder.name, wanted)
    holdings.put_inline(tx, holder.id, name, text)
    tx.raise_generation(call.account, GENERATION)
    return {}


def get_policy(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:
    """One inline policy, percent-encoded.

    Source: API reference, GetUserPolicy, GetGroupPolicy, GetRolePolicy.
    """
    name = call["PolicyName"]
    text = holdings.inline_of(tx, holder.id).get(name)
    if text is None:
        raise _no_such(kind, name)
    return {kind.member: holder.name, "PolicyName": name, "PolicyDocument": documents.encoded(text)}


def list_policies(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """The names of the inline policies. Source: API reference, ListUserPolicies and its like."""
    page = paging.asked_page(call)
    names = paging.cut(page, holdings.inline_of(tx, holder.id), str)
    return paging.answer_page(call, page, "PolicyNames", names, str, str)


def delete_policy(kind: Kind, call: Call, holder: Entity, tx: Transaction) -> Answer:
    """Delete an inline policy. Source: API reference, DeleteUserPolicy and its like."""
    if not holdings.remove_inline(tx, holder.id, call["PolicyName"]):
        raise _no_such(kind, call["PolicyName"])
    tx.raise_generation(call.account, GENERATION)
    return {}


def _no_such(kind: Kind, name: str) -> NoSuchEntityException:
    return NoSuchEntityException(f"The {kind.word} policy with name {name} cannot be found.")


for _kind in (USER, GROUP, ROLE):
    _at = targets.at_name(_kind)
    _noun = _kind.noun
    operation(f"Put{_noun}Policy", mode=Mode.WRITE, locate=_at, keys=targets.boundary_held)(partial(put_policy, _kind))
    operation(f"Get{_noun}Policy", mode=Mode.READ, locate=_at)(partial(get_policy, _kind))
    operation(f"List{_noun}Policies", mode=Mode.READ, locate=_at)(partial(list_policies, _kind))
    operation(f"Delete{_noun}Policy", mode=Mode.WRITE, locate=_at, keys=targets.boundary_held)(
        partial(delete_policy, _kind)
    )
