"""The keys that session tokens are sealed under: made new from time to time, the last two open.

Each is a keyring of its own, so a token names its key by the keyring's root id. A token that names an older key
opens no more; a key stays for at least a whole period after its successor came, and no token lasts that long.
Source: issue 4, point 5. Our choice: docs/decisions/0030-renewal.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.keyring import ROOT_BYTES, Keyring
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import token_key

PERIOD = timedelta(days=7)
"""How long one key seals. Our choice: several times the longest session (36 hours, GetSessionToken)."""
KEPT = 2

_EVERYBODY = "*"
_GENERATION = "token-keys"
PURPOSE = "token-key"

_READ = Statement(
    lambda: (
        select(token_key.c.number, token_key.c.sealed, token_key.c.made_ms)
        .order_by(token_key.c.number.desc())
        .limit(KEPT)
    )
)
_ADD = Statement(
    lambda: insert(token_key).values(
        number=bindparam("number"), sealed=bindparam("sealed"), made_ms=bindparam("made_ms")
    )
)
_FORGET = Statement(lambda: delete(token_key).where(token_key.c.number <= bindparam("last")))


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys in use. ``number`` is the newest one's, one more with each; ``made`` by the product's clock."""

    number: int
    made: datetime
    keyring: Keyring


def token_keys(tx: Transaction, keyring: Keyring) -> TokenKeys:
    """The keys that seal and open tokens as they stand in this transaction."""
    return tx.cached(_EVERYBODY, _GENERATION, ("keys",), lambda: _opened(tx, keyring))


def has_token_keys(tx: Transaction) -> bool:
    """Whether there is any yet: the first is made when a store is prepared."""
    return tx.row(_READ) is not None


def rotate(tx: Transaction, keyring: Keyring, entropy: Entropy, now: datetime) -> int:
    """Make a new key, which seals from the commit on, and forget all but the one before it; its number."""
    newest = tx.row(_READ)
    number = 1 if newest is None else int(newest[0]) + 1
    sealed = keyring.seal(PURPOSE, entropy.take(ROOT_BYTES), bound_to(number))
    tx.run(_ADD, number=number, sealed=sealed, made_ms=to_ms(now))
    tx.run(_FORGET, last=number - KEPT)
    tx.raise_generation(_EVERYBODY, _GENERATION)
    return number


def _opened(tx: Transaction, keyring: Keyring) -> TokenKeys:
    rows = tx.rows(_READ)
    if not rows:
        raise LookupError("there is no key for session tokens: the store was not prepared")
    newest, *older = (keyring.open(PURPOSE, sealed, bound_to(number)) for number, sealed, _ in rows)
    return TokenKeys(int(rows[0][0]), from_ms(rows[0][2]), Keyring(newest, older=older))


def bound_to(number: int) -> bytes:
    """A key opens only as the one of its number."""
    return b"%d" % number
