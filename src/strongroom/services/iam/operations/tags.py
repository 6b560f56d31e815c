"""Tags of users, roles and managed policies: the same three operations three times."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Locator, Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import targets
from strongroom.services.iam.errors import invalid
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging, tagging
from strongroom.services.iam.rules.names import ROLE, USER, Entity, folded
from strongroom.services.iam.store import tags
from strongroom.services.iam.store.policies import Policy

Tagged = Entity | Policy | AWSPolicy


def add_tags(call: Call, found: Tagged, tx: Transaction) -> Answer:
    """Add tags, replacing those of the same key. Source: API reference, TagUser, TagRole, TagPolicy."""
    holder, asked = _own(found), tagging.asked_tags(call["Tags"])
    tagging.refuse_too_many(holder.kind, tags.of(tx, holder.id), asked)
    tags.put(tx, holder.id, asked)
    tx.raise_generation(call.account, GENERATION)
    return {}


def remove_tags(call: Call, found: Tagged, tx: Transaction) -> Answer:
    """Take tags off. Source: API reference, UntagUser, UntagRole, UntagPolicy."""
    tags.remove(tx, _own(found).id, call["TagKeys"])
    tx.raise_generation(call.account, GENERATION)
    return {}


def list_tags(call: Call, found: Tagged, tx: Transaction) -> Answer:
    """The tags by key. Source: API reference, ListUserTags, ListRoleTags, ListPolicyTags."""
    page = paging.asked_page(call)
    held = {} if isinstance(found, AWSPolicy) else tags.of(tx, _own(found).id)
    shown = paging.cut(page, held.items(), lambda pair: folded(pair[0]))
    return paging.answer_page(
        call,
        page,
        "Tags",
        shown,
        lambda pair: folded(pair[0]),
        lambda pair: {"Key": pair[0], "Value": pair[1]},
    )


def _own(found: Tagged) -> Entity:
    if isinstance(found, AWSPolicy):
        raise invalid("Policy is outside your own account.")
    return found.entity if isinstance(found, Policy) else found


_PLACES: tuple[tuple[str, Locator], ...] = (
    ("User", targets.at_name(USER)),
    ("Role", targets.at_name(ROLE)),
    ("Policy", targets.at_policy),
)
for _noun, _at in _PLACES:
    operation(f"Tag{_noun}", mode=Mode.WRITE, locate=_at, keys=targets.tags_asked)(add_tags)
    operation(f"Untag{_noun}", mode=Mode.WRITE, locate=_at, keys=targets.tags_asked)(remove_tags)
    operation(f"List{_noun}Tags", mode=Mode.READ, locate=_at)(list_tags)
