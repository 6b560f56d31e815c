"""Changing how the root key is kept: ``strongroom seal change``, on a running and on a stopped server alike.

    prepare   the root key is wrapped by the new seal, in a new file, and opened again to see that it can be
    (shares)  what people must keep is shown
    commit    the journal is told, DIR/seal/current names the new seal, the old one's files are removed

Whatever is interrupted before ``current`` is replaced leaves the old seal, afterwards the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.by_shares import ShamirSeal
from strongroom.kernel.sealing.current import Current
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.seals import Seal, seal_of
from strongroom.server.parts import Parts, StartRefused

_ENTROPY = SystemEntropy()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The seal that is wanted. ``secret`` is the new passphrase or PIN; the numbers are for shares."""

    seal: str
    secret: bytes | None = field(default=None, repr=False)
    threshold: int = 0
    shares: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A seal that keeps the root key already and is not the directory's yet. ``shares`` are shown once."""

    seal: str
    name: str
    shares: tuple[str, ...] = field(default=(), repr=False)


def prove(seal: Seal, root_key: bytes, secret: bytes | None) -> None:
    """Refuse whoever cannot open the seal as it is now: the seal of a running server must not be taken unasked.

    Raises SealFailure, StartRefused.
    """
    if seal.asks and seal.open(secret) != root_key:
        raise StartRefused("The seal does not give the root key that is in use: nothing was changed.")


def prepare(parts: Parts, data: Path, command: Sequence[str], now: Seal, root_key: bytes, wanted: Wanted) -> Candidate:
    """Have the wanted seal keep the root key, beside the one that stands. Raises SealFailure, StartRefused."""
    if len(parts.newest_root(root_key)) > 1:
        raise StartRefused("The root key is being replaced: change the seal when `strongroom seal status` says done.")
    current.tidy(data, now.path)
    kind = wanted.seal.partition(":")[0]
    name = "" if wanted.seal.startswith("file:") else current.new_name(kind, _ENTROPY)
    seal = seal_of(wanted.seal, data, command, name=name)
    shares: tuple[str, ...] = ()
    opening = wanted.secret
    if isinstance(seal, ShamirSeal):
        shares = seal.deal(root_key, _ENTROPY, threshold=wanted.threshold, shares=wanted.shares)
        opening = "\n".join(shares[: wanted.threshold]).encode()
    elif not name and seal.exists():
        if seal.open() != root_key:
            raise SealFailure(f"{seal.path} holds another root key and is never overwritten.")
    else:
        seal.keep(root_key, _ENTROPY, opening)
    if seal.open(opening) != root_key:
        raise StartRefused("The new seal does not give the root key back: the old one stays.")
    return Candidate(wanted.seal, name, shares)


def commit(parts: Parts, data: Path, command: Sequence[str], now: Seal, candidate: Candidate, root_key: bytes) -> None:
    """Make a prepared seal the directory's. Told again, it does nothing more. Raises SealFailure, StartRefused."""
    seal = seal_of(candidate.seal, data, command, name=candidate.name)
    if not seal.exists():
        raise StartRefused("This change was not prepared, or another one was since: the old seal stays.")
    had = current.read(data)
    replaces = now.path.name if now.path.parent == data / "seal" and now.path != seal.path else ""
    chosen = Current(candidate.seal, candidate.name, replaces)
    if had is None or (had.seal, had.name) != (chosen.seal, chosen.name):
        parts.admin({"do": "seal changed", "from": now.kind, "to": seal.kind}, root_key)
        current.write(data, chosen, _ENTROPY)
    current.tidy(data, seal.path)
