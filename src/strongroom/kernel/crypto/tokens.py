"""A key that never leaves its token: AES-256-GCM done by whatever PKCS#11 library the operator names.

The binding (python-pkcs11) is an optional dependency and is imported here alone. A PKCS#11 library starts
threads and holds handles, so this is called in a short-lived process of its own.
Source: OASIS, "PKCS #11 Cryptographic Token Interface Base Specification 3.0" and its mechanisms, CKM_AES_GCM.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strongroom.base.classes import dataclass

if TYPE_CHECKING:
    from types import ModuleType

NONCE_BYTES = 12
TAG_BITS = 128
_KEY_BITS = 256


class TokenFailure(Exception):  # noqa: N818  what an operator is told
    """The token did not do it. The text is one plain sentence."""


class WrongPIN(TokenFailure):
    """The token does not take the PIN."""


class NotThisKey(TokenFailure):
    """The key of the token did not make these bytes."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One AES key of one token, by labels. ``module``: path of the PKCS#11 library."""

    module: str
    token: str
    key: str

    def encrypt(self, plaintext: bytes, nonce: bytes, associated: bytes, pin: str, *, make: bool) -> bytes:
        """Ciphertext and tag. ``make``: generate the key where the token has none of that label; it never leaves.

        Raises TokenFailure.
        """
        pkcs11 = _binding()
        with self._session(pkcs11, pin, write=make) as session:
            key = self._key(pkcs11, session, make=make)
            sealed: bytes = key.encrypt(
                plaintext,
                mechanism=pkcs11.Mechanism.AES_GCM,
                mechanism_param=pkcs11.GCMParams(nonce, associated, TAG_BITS),
            )
            return sealed

    def decrypt(self, sealed: bytes, nonce: bytes, associated: bytes, pin: str) -> bytes:
        """The plaintext. Raises TokenFailure; NotThisKey where the bytes are not of this key."""
        pkcs11 = _binding()
        with self._session(pkcs11, pin, write=False) as session:
            key = self._key(pkcs11, session, make=False)
            try:
                opened: bytes = key.decrypt(
                    sealed,
                    mechanism=pkcs11.Mechanism.AES_GCM,
                    mechanism_param=pkcs11.GCMParams(nonce, associated, TAG_BITS),
                )
            except pkcs11.PKCS11Error as error:
                # Tokens disagree about which error a wrong tag is; the session and the key were good until here.
                raise NotThisKey(f"The key {self.key!r} of token {self.token!r} did not make this seal.") from error
            return opened

    @contextmanager
    def _session(self, pkcs11: ModuleType, pin: str, *, write: bool) -> Iterator[Any]:
        try:
            library = pkcs11.lib(self.module)
        except (pkcs11.PKCS11Error, RuntimeError, OSError):
            raise TokenFailure(f"{self.module} is not a PKCS#11 library.") from None
        try:
            token = library.get_token(token_label=self.token)
            with token.open(user_pin=pin, rw=write) as session:
                yield session
        except pkcs11.NoSuchToken:
            raise TokenFailure(f"{self.module} knows no token {self.token!r}.") from None
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            raise WrongPIN(f"Token {self.token!r} does not take this PIN.") from None
        except pkcs11.PinLocked:
            raise WrongPIN(f"Token {self.token!r} is locked: too many wrong PINs were given.") from None
        except pkcs11.PKCS11Error as error:
            raise TokenFailure(f"Token {self.token!r} failed: {type(error).__name__}.") from None

    def _key(self, pkcs11: ModuleType, session: Any, *, make: bool) -> Any:
        try:
            return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=self.key)
        except pkcs11.MultipleObjectsReturned:
            raise TokenFailure(f"Token {self.token!r} has several keys {self.key!r}.") from None
        except pkcs11.NoSuchKey:
            if not make:
                raise TokenFailure(f"Token {self.token!r} has no key {self.key!r}.") from None
        attribute = pkcs11.Attribute
        return session.generate_key(
            pkcs11.KeyType.AES,
            _KEY_BITS,
            label=self.key,
            store=True,
            template={
                attribute.SENSITIVE: True,
                attribute.EXTRACTABLE: False,
                attribute.PRIVATE: True,
                attribute.ENCRYPT: True,
                attribute.DECRYPT: True,
                attribute.WRAP: False,
                attribute.UNWRAP: False,
            },
        )


def _binding() -> ModuleType:
    try:
        import pkcs11  # noqa: PLC0415  optional
    except ImportError:
        raise TokenFailure("The pkcs11 seal needs python-pkcs11: pip install 'strongroom[pkcs11]'.") from None
    return pkcs11
