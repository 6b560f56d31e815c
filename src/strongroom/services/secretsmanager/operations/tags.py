"""TagResource and UntagResource."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.conditions import request_keys
from strongroom.services.secretsmanager.room import change_ms, on_secret
from strongroom.services.secretsmanager.rules.tags import Tags, check_keys, check_tags, tagged, untagged
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import present


@on_secret("TagResource", mode=Mode.WRITE)
def tag_resource(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Add tags to a secret, or give known keys new values.

    Source: API reference, TagResource; facts secretsmanager section 6.18.
    """
    given = check_tags(call["Tags"])
    if given:
        _retag(call, tx, one, tagged(one.tag_list, given))
    return {}


@on_secret("UntagResource", mode=Mode.WRITE)
def untag_resource(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Remove tags by key; keys that the secret does not have do not matter.

    Source: API reference, UntagResource; facts secretsmanager section 6.19.
    """
    keys = check_keys(call["TagKeys"])
    if one.tags is not None:
        _retag(call, tx, one, untagged(one.tag_list, keys))
    return {}


def _retag(call: Call, tx: Transaction, one: Secret, tags: Tags) -> None:
    store.secrets.write_tags(tx, one.pk, tags, changed_ms=change_ms(call, one))
    changed = store.secrets.secret_by_pk(tx, one.pk)
    if changed is None:
        raise RuntimeError("a tagged secret is gone within its own transaction")
    # A change of tags that takes away the caller's own permission is refused, as AWS documents.
    target = present(tx, changed, changed, None)
    call.authorise(tx, f"secretsmanager:{call.name}", target, request_keys(call.name)(call, target))
