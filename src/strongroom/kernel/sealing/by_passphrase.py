"""The passphrase seal: the root key wrapped under what Argon2id makes of a passphrase."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto import aead
from strongroom.kernel.crypto.passphrase import LENGTH_AT_MOST, RECOMMENDED, SALT_BYTES, Cost, stretch
from strongroom.kernel.sealing.files import (
    SealDamaged,
    SealFailure,
    WrongSecret,
    create_private,
    read_private,
    refuse_unwritable,
    replace_private,
)
from strongroom.kernel.sealing.keyring import ROOT_BYTES

PASSPHRASE_BYTES_AT_LEAST = 8
"""Source: NIST SP 800-63B, section 5.1.1.1, for secrets that people choose."""

_NONCE = bytes(aead.NONCE_BYTES)
_WRAPPED_BYTES = ROOT_BYTES + aead.TAG_BYTES
_LABEL = b"strongroom wrapped root key v1"


class WrongPassphrase(WrongSecret):
    """The passphrase does not open the seal, or the file was changed: GCM cannot tell the two apart."""

    def __init__(self, text: str = "This passphrase does not open the seal.") -> None:
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class PassphraseSeal:
    """A random root key, wrapped under the Argon2id key of a passphrase that is stored nowhere.

    The wrapping key is new for every salt and wraps once, so the nonce is constant.
    The cost lies beside it in the clear and is bound as associated data.
    """

    path: Path
    cost: Cost = RECOMMENDED
    kind: str = "passphrase"
    asks: str = "passphrase"
    made_at_first_start: bool = True

    def exists(self) -> bool:
        """Whether a wrapped key is there."""
        return self.path.exists()

    def describe(self) -> str:
        """Which theft it survives."""
        return (
            f"The root key lies in {self.path}, wrapped under a passphrase: this protects against theft of "
            "the whole data directory for as long as the passphrase withstands guessing."
        )

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:
        """Make a root key and store it wrapped."""
        root = entropy.take(ROOT_BYTES)
        create_private(self.path, self._wrapped(root, entropy, secret), entropy)
        return root

    def open(self, secret: bytes | None = None) -> bytes:
        """Unwrap the root key. Raises WrongPassphrase."""
        salt, wrapped, cost = self._stored()
        if not secret or len(secret) > LENGTH_AT_MOST:
            raise WrongPassphrase
        try:
            return aead.decrypt(stretch(secret, salt, cost), _NONCE, wrapped, _bound(cost))
        except aead.NotAuthentic:
            raise WrongPassphrase from None

    def refuse_keeping(self) -> None:
        """Raise SealFailure where the file cannot be replaced."""
        refuse_unwritable(self.path)

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:
        """Wrap this root key under the same passphrase, in place of the one before; or make the seal anew."""
        if self.exists():
            self.open(secret)
        replace_private(self.path, self._wrapped(root, entropy, secret), entropy)

    def _wrapped(self, root: bytes, entropy: Entropy, secret: bytes | None) -> bytes:
        """The content of the file. Every salt is new, so the key wraps this once."""
        if secret is None or not PASSPHRASE_BYTES_AT_LEAST <= len(secret) <= LENGTH_AT_MOST:
            raise SealFailure(f"A passphrase of {PASSPHRASE_BYTES_AT_LEAST} to {LENGTH_AT_MOST} bytes is needed.")
        salt = entropy.take(SALT_BYTES)
        wrapped = aead.encrypt(stretch(secret, salt, self.cost), _NONCE, root, _bound(self.cost))
        stored = {
            "version": 1,
            "kdf": "argon2id",
            "memory_kib": self.cost.memory_kib,
            "iterations": self.cost.iterations,
            "lanes": self.cost.lanes,
            "salt": salt.hex(),
            "wrapped": wrapped.hex(),
        }
        return json.dumps(stored, indent=1).encode() + b"\n"

    def _stored(self) -> tuple[bytes, bytes, Cost]:
        """The salt, the wrapped key and the cost as they stand in the file. Raises SealDamaged."""
        try:
            stored: dict[str, Any] = json.loads(read_private(self.path))
            kind = (stored["version"], stored["kdf"])
            cost = Cost(stored["memory_kib"], stored["iterations"], stored["lanes"])
            salt, wrapped = bytes.fromhex(stored["salt"]), bytes.fromhex(stored["wrapped"])
        except (ValueError, KeyError, TypeError, RecursionError):
            kind, cost, salt, wrapped = (0, ""), self.cost, b"", b""
        if (*kind, len(salt), len(wrapped)) != (1, "argon2id", SALT_BYTES, _WRAPPED_BYTES):
            raise SealDamaged(f"{self.path} does not hold a wrapped root key.")
        return salt, wrapped, cost


def _bound(cost: Cost) -> bytes:
    return b"%b %d %d %d" % (_LABEL, cost.memory_kib, cost.iterations, cost.lanes)
