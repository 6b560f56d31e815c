"""Asking for passphrases, PINs and shares: on the terminal without echo, or from a descriptor; never argv.

Nothing secret is ever taken from the command line or the environment, where other users could read it.
"""

from __future__ import annotations

import os
import sys

from strongroom.server.parts import StartRefused

_MOST_BYTES = 1024
_MOST_ALL_BYTES = 16 * 1024
PROMPTS = {"passphrase": "Passphrase of the seal: ", "PIN": "PIN of the token: ", "shares": "A share: "}


def from_descriptor(number: int) -> bytes:
    """One line from an open descriptor, which is then closed. Raises StartRefused."""
    line = _read(number, _MOST_BYTES, whole=False).partition(b"\n")[0].removesuffix(b"\r")
    if not line or len(line) > _MOST_BYTES:
        raise StartRefused(f"descriptor {number} does not hold a passphrase of 1 to {_MOST_BYTES} bytes")
    return line


def lines_from_descriptor(number: int) -> list[bytes]:
    """All lines from an open descriptor, which is then closed: shares. Raises StartRefused."""
    read = _read(number, _MOST_ALL_BYTES, whole=True)
    lines = [line.strip() for line in read.split(b"\n") if line.strip()]
    if not lines or len(read) > _MOST_ALL_BYTES:
        raise StartRefused(f"descriptor {number} does not hold shares, one a line")
    return lines


def from_terminal(*, new: bool, asks: str = "passphrase") -> bytes | None:
    """What the operator types; None for nothing, or without a terminal. A new one is asked twice.

    Raises StartRefused where the two differ.
    """
    if not sys.stdin.isatty():
        return None
    import getpass  # noqa: PLC0415  most starts ask nobody

    given = getpass.getpass(PROMPTS[asks])
    if new and getpass.getpass("The same again: ") != given:
        raise StartRefused("the two are not the same")
    return given.encode() or None


def secret_for(asks: str, descriptor: int | None, *, new: bool = False, needed: int = 0) -> bytes | None:
    """What opens a seal that ``asks`` for it, in one piece: shares one a line, as many as are ``needed``.

    None where nothing is asked or given. Raises StartRefused.
    """
    if not asks:
        return None
    if asks != "shares":
        return from_terminal(new=new, asks=asks) if descriptor is None else from_descriptor(descriptor)
    if descriptor is not None:
        return b"\n".join(lines_from_descriptor(descriptor))
    shares: list[bytes] = []
    while len(shares) < needed and (share := from_terminal(new=False, asks=asks)) is not None:
        shares.append(share)
    return b"\n".join(shares) or None


def _read(number: int, most: int, *, whole: bool) -> bytes:
    """At most one byte more than allowed, up to the end or the first line's."""
    read = b""
    try:
        while (whole or b"\n" not in read) and len(read) <= most:
            chunk = os.read(number, most + 1 - len(read))
            if not chunk:
                break
            read += chunk
        os.close(number)
    except OSError as error:
        raise StartRefused(f"descriptor {number} cannot be read: {error.strerror}") from None
    return read
