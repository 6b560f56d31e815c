"""Tags of keys."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import tag_keys
from strongroom.services.kms.rules.states import check_state
from strongroom.services.kms.rules.tags import merged, read_tags


@operation("TagResource", mode=Mode.WRITE, locate=key_at(), keys=tag_keys)
def tag_resource(call: Call, key: Key, tx: Transaction) -> Answer:
    """Add tags; a known key gets the new value. Source: KMS API reference, TagResource."""
    check_state(call.name, key.row.state, key.arn)
    wanted = merged(key.tags, read_tags(call["Tags"]))
    store.write_tags(tx, key.row.account, key.row.pk, wanted)
    return {}


@operation("UntagResource", mode=Mode.WRITE, locate=key_at(), keys=tag_keys)
def untag_resource(call: Call, key: Key, tx: Transaction) -> Answer:
    """Take tags away; keys that are not there are passed over. Source: KMS API reference, UntagResource."""
    check_state(call.name, key.row.state, key.arn)
    unwanted = frozenset(call["TagKeys"])
    wanted = {name: value for name, value in key.tags.items() if name not in unwanted}
    store.write_tags(tx, key.row.account, key.row.pk, wanted)
    return {}


@operation("ListResourceTags", mode=Mode.READ, locate=key_at())
def list_resource_tags(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """The key's tags, by key. Source: KMS API reference, ListResourceTags."""
    page = Page(call, usual=50, of=key.arn)
    check_state(call.name, key.row.state, key.arn)
    names = [name for name in sorted(key.tags) if name > page.after]
    tags = [{"TagKey": name, "TagValue": key.tags[name]} for name in names[: page.limit]]
    return {"Tags": tags, **page.rest(names)}
