"""The seal of shares: the root key wrapped under a key that is cut into n shares, of which any k give it back.

A share as people keep it::

    srshare-<set, 16 digits>-<number>-<64 digits>-<8 check digits>      hexadecimal but for the number

The set tells the shares of one seal from those of another, the check digits a slip of the pen from a wrong share.
Beside the wrapped key lies a hash of each share: a share is 256 random bits, which no hash gives away, and so a
wrong one is told at once and not when all are together.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto import aead, derive, digests, shamir
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

SHARES_AT_MOST = 32
"""Our choice: more people than that do not keep one secret; shamir itself goes to 255."""

_KEY_BYTES = 32
_SALT_BYTES = 24
_SET_BYTES = 8
_CHECK_DIGITS = 8
_NONCE = bytes(aead.NONCE_BYTES)
_SHARE = re.compile(r"srshare-([0-9a-f]{16})-([1-9][0-9]{0,2})-([0-9a-f]{64})-([0-9a-f]{8})")
_KEY_LABEL = b"strongroom share key v1"
_SHARE_LABEL = b"strongroom share v1 "
_WRAP_LABEL = b"strongroom root key under shares v1 "


class WrongShare(WrongSecret):
    """A share that does not belong to this seal, or is not written as a share is."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the file says. ``checks`` holds the hash of each share in hexadecimal, by number from 1."""

    set_id: str
    threshold: int
    checks: tuple[str, ...]
    salt: bytes
    wrapped: bytes

    def bound(self) -> bytes:
        """All that is public here, as it is bound to the wrapped key."""
        public = [self.set_id, self.threshold, list(self.checks), self.salt.hex()]
        return _WRAP_LABEL + json.dumps(public).encode()


@dataclass(frozen=True, slots=True)
class ShamirSeal:
    """A random root key, wrapped under a key that nobody holds whole."""

    path: Path
    kind: str = "shamir"
    asks: str = "shares"
    made_at_first_start: bool = False

    def exists(self) -> bool:
        """Whether a wrapped key is there."""
        return self.path.exists()

    def describe(self) -> str:
        """Which theft it survives."""
        if not self.exists():
            return "The root key is wrapped under shares; `strongroom seal change shamir` makes them."
        stored = self._stored()
        return (
            f"The root key lies in {self.path}, wrapped under a key of {len(stored.checks)} shares: this protects "
            f"against theft of the whole data directory, until {stored.threshold} shares come together."
        )

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:  # noqa: ARG002
        """Refused: at a first start nobody is there to take the shares."""
        raise SealFailure(
            "Shares are made by `strongroom seal change shamir --shares N --threshold K` on a server that "
            "has another seal: they must be shown to somebody."
        )

    def deal(self, root: bytes, entropy: Entropy, *, threshold: int, shares: int) -> tuple[str, ...]:
        """Wrap a root key under a new key and cut that into shares, which are answered this once."""
        if not 2 <= threshold <= shares <= SHARES_AT_MOST:
            raise SealFailure(f"The threshold is at least 2, and there are at most {SHARES_AT_MOST} shares.")
        key, set_id = entropy.take(_KEY_BYTES), entropy.take(_SET_BYTES).hex()
        cut = shamir.split(key, threshold=threshold, shares=shares, entropy=entropy)
        checks = tuple(_hash(set_id, number, cut[number]).hex() for number in sorted(cut))
        create_private(self.path, _wrapped(root, key, set_id, threshold, checks, entropy), entropy)
        return tuple(_text(set_id, number, cut[number]) for number in sorted(cut))

    @property
    def threshold(self) -> int:
        """How many shares open it. Raises SealFailure."""
        return self._stored().threshold

    def number_of(self, share: bytes) -> int:
        """Which share of this seal a text is. Raises WrongShare, whose text says what is wrong with it."""
        return _read(share, self._stored())[0]

    def open(self, secret: bytes | None = None) -> bytes:
        """Put the shares together (one a line) and unwrap the root key. Raises WrongShare."""
        stored = self._stored()
        return _opened(stored, _key_of(stored, secret))

    def refuse_keeping(self) -> None:
        """Raise SealFailure where the file cannot be replaced."""
        refuse_unwritable(self.path)

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:
        """Wrap this root key under the key of the same shares, in place of the one before."""
        stored = self._stored()
        key = _key_of(stored, secret)
        _opened(stored, key)
        content = _wrapped(root, key, stored.set_id, stored.threshold, stored.checks, entropy)
        replace_private(self.path, content, entropy)

    def _stored(self) -> _Stored:
        try:
            found: dict[str, Any] = json.loads(read_private(self.path))
            stored = _Stored(
                str(found["set"]),
                int(found["threshold"]),
                tuple(str(one) for one in found["checks"]),
                bytes.fromhex(found["salt"]),
                bytes.fromhex(found["wrapped"]),
            )
            whole = (
                found["version"] == 1
                and 2 <= stored.threshold <= len(stored.checks) <= SHARES_AT_MOST
                and len(stored.salt) == _SALT_BYTES
                and len(stored.wrapped) == ROOT_BYTES + aead.TAG_BYTES
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if not whole:
            raise SealDamaged(f"{self.path} does not hold a root key under shares.")
        return stored


def _wrapped(root: bytes, key: bytes, set_id: str, threshold: int, checks: tuple[str, ...], entropy: Entropy) -> bytes:
    """The content of the file. The salt makes a new wrapping key each time, so the nonce is constant."""
    salt = entropy.take(_SALT_BYTES)
    bound = _Stored(set_id, threshold, checks, salt, b"").bound()
    wrapped = aead.encrypt(derive.extract(_KEY_LABEL, key).key(salt), _NONCE, root, bound)
    told = {
        "version": 1,
        "set": set_id,
        "threshold": threshold,
        "checks": list(checks),
        "salt": salt.hex(),
        "wrapped": wrapped.hex(),
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def _opened(stored: _Stored, key: bytes) -> bytes:
    try:
        wrapping = derive.extract(_KEY_LABEL, key).key(stored.salt)
        return aead.decrypt(wrapping, _NONCE, stored.wrapped, stored.bound())
    except aead.NotAuthentic:
        raise WrongShare("The shares are right, but the file of the seal was changed.") from None


def _key_of(stored: _Stored, secret: bytes | None) -> bytes:
    shares = dict(_read(line, stored) for line in (secret or b"").split(b"\n") if line.strip())
    if len(shares) < stored.threshold:
        raise WrongShare(f"{len(shares)} of {stored.threshold} shares were given.")
    return shamir.combine({number: shares[number] for number in sorted(shares)[: stored.threshold]})


def _read(share: bytes, stored: _Stored) -> tuple[int, bytes]:
    """Number and value of one share, proven to be this seal's. Raises WrongShare."""
    found = _SHARE.fullmatch(b"".join(share.split()).decode("ascii", "replace").lower())
    if found is None:
        raise WrongShare("This is not a share: srshare-, and four groups after it, are expected.")
    set_id, number, value = found[1], int(found[2]), bytes.fromhex(found[3])
    check = _hash(set_id, number, value)
    if not digests.same(_check_digits(check).encode(), found[4].encode()):
        raise WrongShare("This share was not copied right: its check digits differ.")
    if set_id != stored.set_id:
        raise WrongShare("This share belongs to another seal, or to this one before it was last changed.")
    if not 1 <= number <= len(stored.checks) or not digests.same(
        check.hex().encode(), stored.checks[number - 1].encode()
    ):
        raise WrongShare("This share is none of this seal's.")
    return number, value


def _hash(set_id: str, number: int, value: bytes) -> bytes:
    return digests.sha256(_SHARE_LABEL + f"{set_id} {number} ".encode() + value)


def _check_digits(check: bytes) -> str:
    """Of another hash than the one that lies in the file, so that they tell nothing about it."""
    return digests.sha256(b"check digits " + check).hex()[:_CHECK_DIGITS]


def _text(set_id: str, number: int, value: bytes) -> str:
    return f"srshare-{set_id}-{number}-{value.hex()}-{_check_digits(_hash(set_id, number, value))}"
