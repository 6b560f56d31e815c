"""Which secrets nobody could read any more without a KMS key: the room's answer to the registry's question.

What a version's data key is wrapped under is read from the wrapped key itself: an alias may have moved since, and a
secret may name another key than its versions lie under.
"""

from __future__ import annotations

from functools import lru_cache

from strongroom.base.names import parse_arn
from strongroom.kernel.call import Dependents
from strongroom.kernel.sealing.envelope import Material, MessageHeader, seal_message
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager.store import dependents as rows

_NO_MATERIAL_ID = bytes(32)


def of_key(tx: Transaction, account: str, arn: str, at_most: int) -> Dependents:
    """The secrets that have a labelled version under this key alone: the account's own by ARN, others counted."""
    named = parse_arn(arn)
    if named is None or named.service != "kms" or not named.resource.startswith("key/"):
        return Dependents()
    begin = _begin(named.account, named.region, named.resource.removeprefix("key/"))
    return Dependents(tuple(rows.arns(tx, begin, account, at_most)), *rows.counts(tx, begin, account))


@lru_cache(maxsize=64)
def _begin(account: str, region: str, key_id: str) -> bytes:
    """How every message under a key begins, whichever of its materials made it: all before the material's id."""
    header = MessageHeader(account, region, key_id, _NO_MATERIAL_ID.hex())
    message = seal_message(Material(bytes(32)), header, b"", {})
    return message[: message.index(_NO_MATERIAL_ID)]
