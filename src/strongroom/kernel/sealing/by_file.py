"""The file seal: the root key in a file that only its owner can read."""

from __future__ import annotations

from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.files import (
    SealDamaged,
    create_private,
    read_private,
    refuse_unwritable,
    replace_private,
)
from strongroom.kernel.sealing.keyring import ROOT_BYTES


@dataclass(frozen=True, slots=True)
class FileSeal:
    """The root key as 64 hexadecimal digits in a file that only its owner can read.

    Our choice of text: ``openssl rand -hex 32`` makes one, and it can be printed and typed in again.
    """

    path: Path
    beside_data: bool
    made_at_first_start: bool
    kind: str = "file"
    asks: str = ""

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

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:  # noqa: ARG002
        """Write a new root key; never over an old one."""
        root = entropy.take(ROOT_BYTES)
        create_private(self.path, _text(root), entropy)
        return root

    def open(self, secret: bytes | None = None) -> bytes:  # noqa: ARG002
        """Read the root key, where nobody else could have."""
        text = read_private(self.path).strip()
        try:
            root = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            root = b""
        if len(root) != ROOT_BYTES:
            raise SealDamaged(f"{self.path} does not hold a root key: 64 hexadecimal digits are expected.")
        return root

    def refuse_keeping(self) -> None:
        """Raise SealFailure where the file cannot be replaced."""
        refuse_unwritable(self.path)

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:  # noqa: ARG002
        """Write this root key in place of the one before."""
        replace_private(self.path, _text(root), entropy)


def _text(root: bytes) -> bytes:
    return root.hex().encode() + b"\n"
