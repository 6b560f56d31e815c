"""The PKCS#11 seal: the root key wrapped by a key that never leaves its token (an HSM, a smart card, SoftHSM).

The token and the key are named by a URI::

    pkcs11:token=LABEL;object=LABEL?module-path=/path/of/library.so[&pin-source=/path/of/file]

Source: RFC 7512; of its attributes these four are taken, and ``module-path`` is always wanted. A ``pin-value``
is refused: a setting holds no secret. Without ``pin-source`` an operator is asked for the PIN.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto import aead, tokens
from strongroom.kernel.crypto.tokens import NotThisKey, TokenFailure, TokenKey
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

_LABEL = b"strongroom root key under a token v1"
_PATH_ATTRIBUTES = frozenset({"token", "object"})
_QUERY_ATTRIBUTES = frozenset({"module-path", "pin-source"})
_PIN_BYTES_AT_MOST = 256


class WrongPIN(WrongSecret):
    """The token does not take the PIN, or its key did not make the seal."""


@dataclass(frozen=True, slots=True)
class NamedToken:
    """What a URI names. ``pin_file`` is None where an operator is asked."""

    key: TokenKey
    pin_file: Path | None


def token_named(uri: str) -> NamedToken:
    """What a PKCS#11 URI names. Raises SealFailure."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    found = {**_attributes(path, ";", _PATH_ATTRIBUTES), **_attributes(query, "&", _QUERY_ATTRIBUTES)}
    missing = [name for name in ("token", "object", "module-path") if not found.get(name)]
    if missing:
        raise SealFailure(f"The pkcs11 seal needs {' and '.join(missing)} in its URI.")
    source = found.get("pin-source", "").removeprefix("file:")
    return NamedToken(TokenKey(found["module-path"], found["token"], found["object"]), Path(source) if source else None)


def _attributes(text: str, between: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(between)):
        name, _, value = part.partition("=")
        if name not in known or name in found:
            raise SealFailure(f"The pkcs11 seal takes {', '.join(sorted(known))} here, once each; not {name!r}.")
        found[name] = unquote(value)
    return found


@dataclass(frozen=True, slots=True)
class TokenSeal:
    """A random root key, encrypted by the key of a token."""

    path: Path
    named: NamedToken
    kind: str = "pkcs11"
    made_at_first_start: bool = True

    @property
    def asks(self) -> str:
        """Nothing where the PIN lies in a file."""
        return "" if self.named.pin_file is not None else "PIN"

    def exists(self) -> bool:
        """Whether a wrapped key is there."""
        return self.path.exists()

    def describe(self) -> str:
        """Which theft it survives."""
        key = self.named.key
        told = (
            f"The root key lies in {self.path}, wrapped by the key {key.key!r} of token {key.token!r}: "
            "this protects against theft of the whole data directory without the token"
        )
        return f"{told}." if self.named.pin_file is None else f"{told}; the PIN lies in {self.named.pin_file}."

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:
        """Make a root key and store it wrapped; a key is made in the token where it has none of that label."""
        root = entropy.take(ROOT_BYTES)
        create_private(self.path, self._wrapped(root, entropy, secret, make=True), entropy)
        return root

    def open(self, secret: bytes | None = None) -> bytes:
        """Have the token unwrap the root key. Raises WrongPIN."""
        nonce, wrapped = self._stored()
        try:
            return self.named.key.decrypt(wrapped, nonce, _LABEL, self._pin(secret))
        except (tokens.WrongPIN, NotThisKey) as failure:
            raise WrongPIN(str(failure)) from None
        except TokenFailure as failure:
            raise SealFailure(str(failure)) from None

    def refuse_keeping(self) -> None:
        """Raise SealFailure where the file cannot be replaced."""
        refuse_unwritable(self.path)

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:
        """Have the token wrap this root key, in place of the one before; or make the seal anew."""
        had = self.exists()
        if had:
            self.open(secret)
        replace_private(self.path, self._wrapped(root, entropy, secret, make=not had), entropy)

    def _wrapped(self, root: bytes, entropy: Entropy, secret: bytes | None, *, make: bool) -> bytes:
        """The content of the file. A root key is wrapped a few times in its life: a random nonce is enough."""
        nonce = entropy.take(tokens.NONCE_BYTES)
        try:
            wrapped = self.named.key.encrypt(root, nonce, _LABEL, self._pin(secret), make=make)
        except tokens.WrongPIN as failure:
            raise WrongPIN(str(failure)) from None
        except TokenFailure as failure:
            raise SealFailure(str(failure)) from None
        return json.dumps({"version": 1, "nonce": nonce.hex(), "wrapped": wrapped.hex()}, indent=1).encode() + b"\n"

    def _pin(self, secret: bytes | None) -> str:
        given = secret if self.named.pin_file is None else read_private(self.named.pin_file).rstrip(b"\r\n")
        try:
            pin = (given or b"").decode()
        except UnicodeDecodeError:
            pin = ""
        if not 0 < len(pin) <= _PIN_BYTES_AT_MOST:
            raise WrongPIN("A PIN is needed.")
        return pin

    def _stored(self) -> tuple[bytes, bytes]:
        try:
            found: dict[str, Any] = json.loads(read_private(self.path))
            version, nonce, wrapped = found["version"], bytes.fromhex(found["nonce"]), bytes.fromhex(found["wrapped"])
        except (ValueError, KeyError, TypeError, RecursionError):
            version, nonce, wrapped = 0, b"", b""
        if (version, len(nonce), len(wrapped)) != (1, tokens.NONCE_BYTES, ROOT_BYTES + aead.TAG_BYTES):
            raise SealDamaged(f"{self.path} does not hold a root key that a token has wrapped.")
        return nonce, wrapped
