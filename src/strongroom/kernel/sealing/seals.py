"""Seals: where the root key comes from at start. ``parse_seal`` turns the setting into one of them.

    SealFailure         base; its text is one plain sentence for the operator
        SealMissing     there is nothing to open yet
        SealDamaged     what is there is not what a seal writes
        SealExposed     others than the owner may read or change it
        WrongSecret     the passphrase, share, PIN or command's answer does not open it
            WrongPassphrase, WrongShare, WrongPIN

Kinds: ``file`` (DIR/seal/root.key), ``file:PATH`` (elsewhere), ``passphrase``, ``shamir``, ``command`` and
``pkcs11:...``. All but the first two keep the root key wrapped in a file of DIR/seal; what unwraps it comes
from people, from a program or from a token. ``current.py`` says which seal a directory has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.by_command import CommandSeal
from strongroom.kernel.sealing.by_file import FileSeal
from strongroom.kernel.sealing.by_passphrase import PassphraseSeal
from strongroom.kernel.sealing.by_shares import ShamirSeal
from strongroom.kernel.sealing.by_token import TokenSeal, token_named
from strongroom.kernel.sealing.files import SealFailure

KINDS = "file, file:PATH, passphrase, shamir, command or pkcs11:URI"


class Seal(Protocol):
    """One way of keeping the root key.

    A ``secret`` is what its ``asks`` names: a passphrase, shares (one a line), a PIN; None for nothing.
    """

    @property
    def kind(self) -> str:
        """The word by which settings and status name it."""
        ...

    @property
    def asks(self) -> str:
        """What ``open`` wants from an operator: ``passphrase``, ``shares``, ``PIN``, or "" for nothing."""
        ...

    @property
    def path(self) -> Path:
        """The file with the root key in it, plain or wrapped."""
        ...

    @property
    def made_at_first_start(self) -> bool:
        """Whether an empty data directory creates it; a file elsewhere and shares must be there already."""
        ...

    def exists(self) -> bool:
        """Whether there is something to open."""
        ...

    def describe(self) -> str:
        """What it protects against, and what not, in one honest sentence."""
        ...

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:
        """Make a new root key (32 bytes), durably; never over an old one. Raises SealFailure."""
        ...

    def open(self, secret: bytes | None = None) -> bytes:
        """The root key (32 bytes). Raises SealFailure."""
        ...

    def refuse_keeping(self) -> None:
        """Raise SealFailure where ``keep`` could not work, as far as that can be known before."""
        ...

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:
        """Keep this root key from now on, under the same secret; a crash leaves the one before or this one.

        Raises SealFailure, also where the secret does not open what is kept now.
        """
        ...


def parse_seal(text: str, data_dir: Path, command: Sequence[str] = ()) -> Seal:
    """The seal that a setting names, "" for the one that the directory has. Raises SealFailure.

    ``command``: the program of the command seal and its arguments.
    """
    had = current.read(data_dir)
    if had is not None and text not in ("", had.seal):
        raise SealFailure(
            f"The seal of this data directory is {had.seal} since `strongroom seal change`, not {text}: "
            "leave --seal out, or name that one."
        )
    if had is not None:
        return seal_of(had.seal, data_dir, command, name=had.name)
    return seal_of(text or "file", data_dir, command)


def seal_of(text: str, data_dir: Path, command: Sequence[str] = (), *, name: str = "") -> Seal:
    """The seal of a text, with its wrapped key in the file of this name in DIR/seal. Raises SealFailure."""
    kind, _, where = text.partition(":")
    directory = data_dir / "seal"
    if text == "file":
        return FileSeal(directory / (name or "root.key"), beside_data=True, made_at_first_start=True)
    if kind == "file" and where:
        path = Path(where).expanduser().absolute()
        beside = path.resolve().is_relative_to(data_dir.resolve())
        return FileSeal(path, beside_data=beside, made_at_first_start=False)
    if text == "passphrase":
        return PassphraseSeal(directory / (name or "wrapped.json"))
    if text == "shamir":
        return ShamirSeal(directory / (name or "shamir.json"))
    if text == "command":
        if not command:
            raise SealFailure("The command seal needs the setting seal_command: a program and its arguments.")
        return CommandSeal(PassphraseSeal(directory / (name or "command.json"), kind="command"), tuple(command))
    if kind == "pkcs11" and where:
        return TokenSeal(directory / (name or "pkcs11.json"), token_named(text))
    raise SealFailure(f"There is no seal {text!r}: use {KINDS}.")
