"""Seals and opens small things under the root key, by purpose: KMS material, tokens, private keys.

Every sealed thing has a key of its own:

    root key --extract--> root PRK --expand purpose--> purpose PRK --expand salt--> message key

The salt is 192 random bits, so that no message key ever comes twice, however many processes and nodes
seal under the same root. The nonce is therefore constant: there is no counter to keep, and the birthday
bound of 96-bit nonces does not apply.

Form: version (1) | root id (8) | salt (24) | ciphertext | tag (16).
Source: RFC 5869 (HKDF), NIST SP 800-38D (GCM). Our choice: docs/decisions/0004-sealing.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel.crypto import aead, derive, digests

ROOT_BYTES = 32
OVERHEAD_BYTES = 49
"""How much longer than its plaintext a sealed thing is."""

_VERSION = b"\x01"
_ID_BYTES = 8
_SALT_BYTES = 24
_HEADER_BYTES = 1 + _ID_BYTES + _SALT_BYTES
_NONCE = bytes(aead.NONCE_BYTES)
_PURPOSES_AT_MOST = 256


class SealBroken(Exception):  # noqa: N818  a finding about the bytes
    """The bytes were not sealed under this keyring for this purpose and binding. Says no more on purpose."""

    def __init__(self) -> None:
        super().__init__("the seal is broken")


class _Root:
    """One root key: its public id and the subkeys of the purposes met so far."""

    __slots__ = ("_prk", "_purposes", "check", "id")

    def __init__(self, root: bytes) -> None:
        if len(root) != ROOT_BYTES:
            raise ValueError("a root key is 32 bytes")
        self._prk = derive.extract(b"strongroom root key v1", root)
        self.id = self._prk.key(b"id")[:_ID_BYTES]
        self.check = self._prk.key(b"check value")
        self._purposes: dict[str, derive.Expander] = {}

    def message_key(self, purpose: str, salt: bytes) -> bytes:
        """The key of one message."""
        subkey = self._purposes.get(purpose)
        if subkey is None:
            # Purposes are words in our code, never input; the bound catches whoever forgets that.
            if not purpose or len(self._purposes) >= _PURPOSES_AT_MOST:
                raise ValueError("a purpose is one of a few fixed words")
            subkey = derive.Expander(self._prk.key(b"purpose " + purpose.encode()))
            self._purposes[purpose] = subkey
        return subkey.key(salt)


class Keyring:
    """The root key at work. It holds one root that seals and older ones that only open, told apart by id.

    Safe to share between threads, also while it takes up a newer root. It shows nothing in its repr and cannot
    be pickled.
    """

    __slots__ = ("_entropy", "_newest", "_roots", "_tokens")

    def __init__(
        self,
        root: bytes,
        *,
        older: Sequence[bytes] = (),
        tokens: Keyring | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._newest = _Root(root)
        self._roots = {one.id: one for one in (*map(_Root, older), self._newest)}
        self._tokens = tokens
        self._entropy: Entropy = entropy or SystemEntropy()

    @property
    def tokens(self) -> Keyring:
        """The keyring of what clients hold for a while and bring back: page, grant and import tokens.

        Nobody can re-wrap what a client holds, so these are sealed under a key of their own that lies in the
        store under the root, and a list or an import goes on while the root key is replaced. (Session tokens
        have keys that are renewed by themselves: ``tokenkeys``.) Without one, in a room's own tests, this keyring
        serves.
        """
        return self._tokens or self

    @property
    def newest_id(self) -> bytes:
        """The public id of the root that seals now. What was sealed before a transaction must name it to be good
        there: the root may have been replaced meanwhile.
        """
        return self._newest.id

    def take_up(self, root: bytes) -> None:
        """Seal under this root from now on; what the others sealed still opens. A root known already becomes newest."""
        taken = _Root(root)
        # One assignment each, the roots first: a reader on another thread finds what the newest has sealed.
        self._roots = {**self._roots, taken.id: taken}
        self._newest = taken

    def forget_older(self) -> None:
        """Open only what the newest root has sealed."""
        newest = self._newest
        self._roots = {newest.id: newest}

    def is_newest(self, sealed: bytes) -> bool:
        """Whether something sealed lies under the newest root, as its header says."""
        return sealed[1 : 1 + _ID_BYTES] == self._newest.id

    def seal(self, purpose: str, plaintext: bytes, bound: bytes) -> bytes:
        """The plaintext sealed for one purpose, bound to where it belongs (its row's identity, say).

        ``bound`` is not stored; whoever opens must say it again.
        """
        salt = self._entropy.take(_SALT_BYTES)
        header = _VERSION + self._newest.id + salt
        key = self._newest.message_key(purpose, salt)
        return header + aead.encrypt(key, _NONCE, plaintext, header + bound)

    def open(self, purpose: str, sealed: bytes, bound: bytes) -> bytes:
        """The plaintext again. Raises SealBroken where bytes, purpose, bound or root differ."""
        root = self._roots.get(sealed[1 : 1 + _ID_BYTES])
        if root is None or len(sealed) < OVERHEAD_BYTES or sealed[:1] != _VERSION:
            raise SealBroken
        header = sealed[:_HEADER_BYTES]
        key = root.message_key(purpose, header[1 + _ID_BYTES :])
        try:
            return aead.decrypt(key, _NONCE, sealed[_HEADER_BYTES:], header + bound)
        except aead.NotAuthentic:
            raise SealBroken from None

    def check_value(self) -> str:
        """A text to store beside the data, by which a start can tell whether it holds the right root key.

        Derived one way under a label of its own, so it tells nothing about the key.
        """
        return f"v1:{self._newest.check.hex()}"

    def fits(self, check_value: str) -> bool:
        """Whether a stored check value was made by this keyring's newest root, compared in constant time."""
        return digests.same(self.check_value().encode(), check_value.encode())

    def __repr__(self) -> str:
        return "<Keyring>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring is not pickled")
