"""Seals: where the root key comes from at start. ``parse_seal`` turns the setting into one of them.

    SealFailure         base; its text is one plain sentence for the operator
        SealMissing     there is nothing to open yet
        SealDamaged     what is there is not what a seal writes
        SealExposed     others than the owner may read or change it
        WrongPassphrase

Kinds: ``file`` (DIR/seal/root.key), ``file:PATH`` (elsewhere), ``passphrase`` (DIR/seal/wrapped.json).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto import aead
from strongroom.kernel.crypto.passphrase import LENGTH_AT_MOST, RECOMMENDED, SALT_BYTES, Cost, stretch
from strongroom.kernel.sealing.files import SealDamaged, SealFailure, create_private, read_private
from strongroom.kernel.sealing.keyring import ROOT_BYTES

PASSPHRASE_BYTES_AT_LEAST = 8
"""Source: NIST SP 800-63B, section 5.1.1.1, for secrets that people choose."""

_NONCE = bytes(aead.NONCE_BYTES)
_WRAPPED_BYTES = ROOT_BYTES + aead.TAG_BYTES
_LABEL = b"strongroom wrapped root key v1"


class WrongPassphrase(SealFailure):
    """The passphrase does not open the seal, or the file was changed: GCM cannot tell the two apart."""

    def __init__(self) -> None:
        super().__init__("This passphrase does not open the seal.")


class Seal(Protocol):
    """One way of keeping the root key."""

    @property
    def kind(self) -> str:
        """The word by which settings and status name it: ``file`` or ``passphrase``."""
        ...

    @property
    def needs_passphrase(self) -> bool:
        """Whether ``open`` wants a passphrase from an operator."""
        ...

    @property
    def made_at_first_start(self) -> bool:
        """Whether an empty data directory creates it unasked; a file elsewhere must be there already."""
        ...

    def exists(self) -> bool:
        """Whether there is something to open."""
        ...

    def describe(self) -> str:
        """What it protects against, and what not, in one honest sentence."""
        ...

    def create(self, entropy: Entropy, passphrase: bytes | None = None) -> bytes:
        """Make a new root key (32 bytes), durably; never over an old one. Raises SealFailure."""
        ...

    def open(self, passphrase: bytes | None = None) -> bytes:
        """The root key (32 bytes). Raises SealFailure."""
        ...


@dataclass(frozen=True, slots=True)
class FileSeal:
    """The root key as 64 hexadecimal digits in a file that only its owner can read.

    Our choice of text: ``openssl rand -hex 32`` makes one, and it can be printed and typed in again.
    """

    path: Path
    beside_data: bool
    made_at_first_start: bool
    kind: str = "file"
    needs_passphrase: bool = False

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def describe(self) -> str:
        """Which theft it survives."""
        if self.beside_data:
            return (
                f"The root key lies beside the data in {self.path}: "
                "this protects against theft of the store alone, not of the whole data directory."
            )
        return (
            f"The root key lies in {self.path}, apart from the data: "
            "this protects against theft of the data directory, not of both."
        )

    def create(self, entropy: Entropy, passphrase: bytes | None = None) -> bytes:  # noqa: ARG002
        """Write a new root key; never over an old one."""
        root = entropy.take(ROOT_BYTES)
        create_private(self.path, root.hex().encode() + b"\n", entropy)
        return root

    def open(self, passphrase: bytes | None = None) -> bytes:  # noqa: ARG002
        """Read the root key, where nobody else could have."""
        text = read_private(self.path).strip()
        try:
            root = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            root = b""
        if len(root) != ROOT_BYTES:
            raise SealDamaged(f"{self.path} does not hold a root key: 64 hexadecimal digits are expected.")
        return root


@dataclass(frozen=True, slots=True)
class PassphraseSeal:
    """A random root key, wrapped under the Argon2id key of a passphrase that is stored nowhere.

    The wrapping key is new for every salt and wraps once, so the nonce is constant.
    The cost lies beside it in the clear and is bound as associated data.
    """

    path: Path
    cost: Cost = RECOMMENDED
    kind: str = "passphrase"
    needs_passphrase: bool = True
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

    def create(self, entropy: Entropy, passphrase: bytes | None = None) -> bytes:
        """Make a root key and store it wrapped."""
        if passphrase is None or not PASSPHRASE_BYTES_AT_LEAST <= len(passphrase) <= LENGTH_AT_MOST:
            raise SealFailure(f"A passphrase of {PASSPHRASE_BYTES_AT_LEAST} to {LENGTH_AT_MOST} bytes is needed.")
        root, salt = entropy.take(ROOT_BYTES), entropy.take(SALT_BYTES)
        wrapped = aead.encrypt(stretch(passphrase, salt, self.cost), _NONCE, root, _bound(self.cost))
        stored = {
            "version": 1,
            "kdf": "argon2id",
            "memory_kib": self.cost.memory_kib,
            "iterations": self.cost.iterations,
            "lanes": self.cost.lanes,
            "salt": salt.hex(),
            "wrapped": wrapped.hex(),
        }
        create_private(self.path, json.dumps(stored, indent=1).encode() + b"\n", entropy)
        return root

    def open(self, passphrase: bytes | None = None) -> bytes:
        """Unwrap the root key. Raises WrongPassphrase."""
        salt, wrapped, cost = self._stored()
        if not passphrase or len(passphrase) > LENGTH_AT_MOST:
            raise WrongPassphrase
        try:
            return aead.decrypt(stretch(passphrase, salt, cost), _NONCE, wrapped, _bound(cost))
        except aead.NotAuthentic:
            raise WrongPassphrase from None

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


def parse_seal(text: str, data_dir: Path) -> Seal:
    """The seal that a setting names: ``file``, ``file:PATH`` or ``passphrase``. Raises SealFailure."""
    kind, _, where = text.partition(":")
    if text == "file":
        return FileSeal(data_dir / "seal" / "root.key", beside_data=True, made_at_first_start=True)
    if kind == "file" and where:
        path = Path(where).expanduser().absolute()
        beside = path.resolve().is_relative_to(data_dir.resolve())
        return FileSeal(path, beside_data=beside, made_at_first_start=False)
    if text == "passphrase":
        return PassphraseSeal(data_dir / "seal" / "wrapped.json")
    raise SealFailure(f"There is no seal {text!r}: use file, file:PATH or passphrase.")


def _bound(cost: Cost) -> bytes:
    return b"%b %d %d %d" % (_LABEL, cost.memory_kib, cost.iterations, cost.lanes)
