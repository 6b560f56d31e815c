"""Access keys: two a user, the secret shown once."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import secrets, targets
from strongroom.services.iam.errors import invalid, no_such_key
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging, quotas
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store import keys
from strongroom.services.iam.store.keys import AccessKey

SETTABLE = ("Active", "Inactive")


@operation("CreateAccessKey", mode=Mode.WRITE, locate=targets.at_user_or_caller, shown=("AccessKey",))
def create_access_key(call: Call, user: Entity, tx: Transaction) -> Answer:
    """A new active key; its secret is in this answer and nowhere else.

    Source: API reference, CreateAccessKey.
    """
    quotas.refuse_above(quotas.ACCESS_KEYS, len(keys.of_user(tx, user.id)) + 1)
    key, secret = secrets.new_key(user, call.now, call.kernel.entropy, call.kernel.keyring)
    keys.add(tx, key)
    tx.raise_generation(call.account, GENERATION)
    return {
        "AccessKey": {
            "UserName": user.name,
            "AccessKeyId": key.id,
            "Status": key.status,
            "SecretAccessKey": secret,
            "CreateDate": key.created,
        }
    }


@operation("ListAccessKeys", mode=Mode.READ, locate=targets.at_user_or_caller)
def list_access_keys(call: Call, user: Entity, tx: Transaction) -> Answer:
    """A user's keys without their secrets. Source: API reference, ListAccessKeys."""
    page = paging.asked_page(call)
    shown = paging.cut(page, keys.of_user(tx, user.id), _id)
    return paging.answer_page(
        call,
        page,
        "AccessKeyMetadata",
        shown,
        _id,
        lambda key: {
            "UserName": user.name,
            "AccessKeyId": key.id,
            "Status": key.status,
            "CreateDate": key.created,
        },
    )


@operation("UpdateAccessKey", mode=Mode.WRITE, locate=targets.at_user_or_caller)
def update_access_key(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Switch a key on or off. Source: API reference, UpdateAccessKey: a key cannot be set to Expired."""
    key = _key_of(call, user, tx)
    if call["Status"] not in SETTABLE:
        raise invalid(f"Access key status can only be set to {' or '.join(SETTABLE)}.")
    keys.set_status(tx, key.id, call["Status"])
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("DeleteAccessKey", mode=Mode.WRITE, locate=targets.at_user_or_caller)
def delete_access_key(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Delete a key for good. Source: API reference, DeleteAccessKey."""
    keys.remove(tx, _key_of(call, user, tx).id)
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("GetAccessKeyLastUsed", mode=Mode.READ, locate=targets.at_key)
def get_access_key_last_used(call: Call, user: Entity, tx: Transaction) -> Answer:
    """When a key was last used, to the hour.

    Source: API reference, AccessKeyLastUsed: ``N/A`` where never.
    """
    use = keys.use_of(tx, call["AccessKeyId"])
    if use is None:
        return {"UserName": user.name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    last = {"LastUsedDate": use.used, "ServiceName": use.service, "Region": use.region}
    return {"UserName": user.name, "AccessKeyLastUsed": last}


def _key_of(call: Call, user: Entity, tx: Transaction) -> AccessKey:
    """The user's own key; another user's is as good as none."""
    key = keys.find(tx, call["AccessKeyId"])
    if key is None or key.user_id != user.id:
        raise no_such_key(call["AccessKeyId"])
    return key


def _id(key: AccessKey) -> str:
    return key.id
