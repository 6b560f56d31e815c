"""Encoded authorization messages: the reasons of a refusal, sealed, for whoever may decode them in that account.

No row is written: the message holds it all. Any process and node with the root key can open it, also when the root
key has been replaced since: it lies under the key of what clients hold.
Source: API reference, DecodeAuthorizationMessage.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.kernel.sealing.keyring import Keyring, SealBroken

MOST_CHARACTERS = 10_240
"""The longest message that DecodeAuthorizationMessage takes. Source: its model, EncodedMessage."""

_PURPOSE = "authorization-message"
_UNPACKED_BYTES_MAX = 256 * 1024


class MessageBroken(Exception):  # noqa: N818  a finding about the text
    """The text is no message of ours, or not one of this account. Says no more on purpose."""

    def __init__(self) -> None:
        super().__init__("the message is not valid")


def encode_message(keyring: Keyring, account: str, reasons: Mapping[str, Any]) -> str:
    """The reasons sealed for one account, as text without characters that need quoting; "" where they are too long."""
    sealed = keyring.tokens.seal(_PURPOSE, zlib.compress(orjson.dumps(reasons), 6), account.encode())
    text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")
    return text if len(text) <= MOST_CHARACTERS else ""


def decode_message(keyring: Keyring, account: str, text: str) -> str:
    """The reasons again, as JSON. Raises MessageBroken."""
    if len(text) > MOST_CHARACTERS:
        raise MessageBroken
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed = keyring.tokens.open(_PURPOSE, sealed, account.encode())
    except (SealBroken, binascii.Error, ValueError):
        raise MessageBroken from None
    return zlib.decompressobj().decompress(packed, _UNPACKED_BYTES_MAX).decode()
