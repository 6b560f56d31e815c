"""Asking for a passphrase: on the terminal without echo, or from a descriptor; never argv or environment."""

from __future__ import annotations

import getpass
import os
import sys

from strongroom.server.parts import StartRefused

_MOST_BYTES = 1024


def from_descriptor(number: int) -> bytes:
    """One line from an open descriptor, which is then closed. Raises StartRefused."""
    read = b""
    try:
        while b"\n" not in read and len(read) <= _MOST_BYTES:
            chunk = os.read(number, _MOST_BYTES + 1 - len(read))
            if not chunk:
                break
            read += chunk
        os.close(number)
    except OSError as error:
        raise StartRefused(f"descriptor {number} cannot be read: {error.strerror}") from None
    line = read.partition(b"\n")[0].removesuffix(b"\r")
    if not line or len(line) > _MOST_BYTES:
        raise StartRefused(f"descriptor {number} does not hold a passphrase of 1 to {_MOST_BYTES} bytes")
    return line


def from_terminal(*, new: bool) -> bytes | None:
    """What the operator types; None for nothing, or without a terminal. A new one is asked twice.

    Raises StartRefused where the two differ.
    """
    if not sys.stdin.isatty():
        return None
    given = getpass.getpass("Passphrase of the seal: ")
    if new and getpass.getpass("The same again: ") != given:
        raise StartRefused("the two passphrases are not the same")
    return given.encode() or None
