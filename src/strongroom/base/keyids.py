"""Access key ids: the account that owns a key can be read from its id, before any row is looked up."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from strongroom.base.entropy import Entropy

LONG_TERM = "AKIA"
TEMPORARY = "ASIA"
PREFIXES = (LONG_TERM, TEMPORARY)
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_LENGTH = 20
_ACCOUNT_BITS = 40
_RANDOM_BITS = 39
_LAST_ACCOUNT = 999_999_999_999


def mint(prefix: str, account: str, entropy: Entropy) -> str:
    """A new access key id: prefix, then 80 bits in base32: one, the account (40 bits), chance (39 bits).

    Source: facts, iam, section 12 (widely known; GetAccessKeyInfo is AWS's official way to ask).
    """
    chance = int.from_bytes(entropy.take(5), "big") >> 1
    number = (1 << _ACCOUNT_BITS | int(account)) << _RANDOM_BITS | chance
    return prefix + base64.b32encode(number.to_bytes(10, "big")).decode("ascii")


@lru_cache(maxsize=4096)
def account_of(access_key_id: str) -> str | None:
    """The account (12 digits) in an access key id, or None where the text is not one that ``mint`` makes.

    It is a claim until the key has been looked up in that account.
    """
    if len(access_key_id) != _LENGTH or access_key_id[:4] not in PREFIXES:
        return None
    try:
        number = int.from_bytes(base64.b32decode(access_key_id[4:]), "big")
    except (binascii.Error, ValueError):
        return None
    marked_account = number >> _RANDOM_BITS
    account = marked_account - (1 << _ACCOUNT_BITS)
    return f"{account:012d}" if 0 <= account <= _LAST_ACCOUNT else None
