"""Signing keys, derived once a day for each access key, Region and service, and kept."""

from __future__ import annotations

import hmac
import threading
from hashlib import sha256
from typing import TYPE_CHECKING

from strongroom.base.classes import dataclass, field
from strongroom.kernel.signing.claim import TERMINATOR, Claim

if TYPE_CHECKING:
    from hashlib import _Hash

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))

KeyName = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One derived key, held as the two half-finished hashes of HMAC (RFC 2104, section 4), and its scope.

    Copying the states and going on from there costs a third of a whole HMAC.
    """

    name: KeyName = field(repr=False)
    scope: bytes
    inner: _Hash = field(repr=False)
    outer: _Hash = field(repr=False)

    def signature(self, text: bytes) -> str:
        """The HMAC-SHA256 of the string to sign, in lower-case hex."""
        inner = self.inner.copy()
        inner.update(text)
        outer = self.outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class SigningKeys:
    """A bounded store of derived keys; the oldest go first.

    Only keys that have proven a signature are kept, so that nobody without a secret can push out others'.
    Entries are named by the secret too: a changed secret can never be served by an old key.
    """

    def __init__(self, *, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: dict[KeyName, SigningKey] = {}

    def key(self, claim: Claim, secret: str) -> SigningKey:
        """The signing key for a claim's scope, kept or derived now."""
        name = (claim.access_key_id, secret, claim.date, claim.region, claim.service)
        return self._kept.get(name) or _derive(name)

    def keep(self, key: SigningKey) -> None:
        """Keep a key that has just proven a signature."""
        if key.name in self._kept:
            return
        with self._lock:
            while len(self._kept) >= self._capacity:
                del self._kept[next(iter(self._kept))]
            self._kept[key.name] = key

    def __len__(self) -> int:
        return len(self._kept)


def _derive(name: KeyName) -> SigningKey:
    """Source: IAM User Guide, "Create a signed AWS API request", step 3: calculate the signature."""
    _, secret, date, region, service = name
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    block = key.ljust(64, b"\0")
    scope = f"{date}/{region}/{service}/{TERMINATOR}".encode()
    return SigningKey(name, scope, sha256(block.translate(_INNER)), sha256(block.translate(_OUTER)))
