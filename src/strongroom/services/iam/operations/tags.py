"""Tags of users, roles, managed policies and providers: the same three operations for each."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Locator, Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import targets
from strongroom.services.iam.errors import invalid
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.operations import mfa_devices, openid_providers
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging, tagging
from strongroom.services.iam.rules.names import INSTANCE_PROFILE, ROLE, USER, Entity, folded
from strongroom.services.iam.rules.tagging import Tagged
from strongroom.services.iam.store import tags
from strongroom.services.iam.store.devices import Device
from strongroom.services.iam.store.openid_providers import Provider
from strongroom.services.iam.store.policies import Policy

Found = Entity | Policy | AWSPolicy | Provider | Device


def add_tags(call: Call, found: Found, tx: Transaction) -> Answer:
    """Add tags, replacing those of the same key. Source: API reference, TagUser and its like."""
    holder, asked = _own(found), tagging.asked_tags(call["Tags"])
    tagging.refuse_too_many(holder.noun, tags.of(tx, holder.id), asked)
    tags.put(tx, holder.id, asked)
    tx.raise_generation(call.account, GENERATION)
    return {}


def remove_tags(call: Call, found: Found, tx: Transaction) -> Answer:
    """Take tags off. Source: API reference, UntagUser and its like."""
    tags.remove(tx, _own(found).id, call["TagKeys"])
    tx.raise_generation(call.account, GENERATION)
    return {}


def list_tags(call: Call, found: Found, tx: Transaction) -> Answer:
    """The tags by key. Source: API reference, ListUserTags and its like."""
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


def _own(found: Found) -> Tagged:
    if isinstance(found, AWSPolicy):
        raise invalid("Policy is outside your own account.")
    return found.entity if isinstance(found, Policy) else found


_PLACES: tuple[tuple[str, Locator], ...] = (
    ("User", targets.at_name(USER)),
    ("Role", targets.at_name(ROLE)),
    ("InstanceProfile", targets.at_name(INSTANCE_PROFILE)),
    ("MFADevice", mfa_devices.at_device),
    ("Policy", targets.at_policy),
    ("OpenIDConnectProvider", openid_providers.at_provider),
)
for _noun, _at in _PLACES:
    operation(f"Tag{_noun}", mode=Mode.WRITE, locate=_at, keys=targets.tags_asked)(add_tags)
    operation(f"Untag{_noun}", mode=Mode.WRITE, locate=_at, keys=targets.tags_asked)(remove_tags)
    operation(f"List{_noun}Tags", mode=Mode.READ, locate=_at)(list_tags)
