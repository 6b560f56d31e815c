"""Secret access keys: made once, sealed at once, opened only to check a signature."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.entropy import Entropy
from strongroom.base.keyids import LONG_TERM, mint
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.tokens import make_secret
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store.keys import ACTIVE, AccessKey

PURPOSE = "iam-access-key"


def new_key(user: Entity, now: datetime, entropy: Entropy, keyring: Keyring) -> tuple[AccessKey, str]:
    """A new active key of a user, and its secret in the clear, which is shown this once."""
    access_key_id, secret = mint(LONG_TERM, user.account, entropy), make_secret(entropy)
    sealed = keyring.seal(PURPOSE, secret.encode(), bound_to(access_key_id, user.id))
    return AccessKey(access_key_id, user.account, user.id, ACTIVE, now, sealed), secret


def opened(keyring: Keyring, key: AccessKey) -> str:
    """The secret of a stored key. Raises SealBroken where the row was changed behind our back."""
    return keyring.open(PURPOSE, key.sealed, bound_to(key.id, key.user_id)).decode("ascii")


def bound_to(access_key_id: str, user_id: str) -> bytes:
    """A secret opens only as that of its own key and user."""
    return f"{access_key_id} {user_id}".encode()
