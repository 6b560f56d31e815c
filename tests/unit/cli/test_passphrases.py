"""Passphrases from a descriptor."""

from __future__ import annotations

import os

import pytest

from strongroom.cli.passphrases import from_descriptor
from strongroom.server.parts import StartRefused


def _holding(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read


@pytest.mark.parametrize("data", [b"pass \xff word", b"pass \xff word\n", b"pass \xff word\r\nmore\n"])
def test_the_first_line_is_the_passphrase(data: bytes) -> None:
    assert b"pass \xff word" == from_descriptor(_holding(data))


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * 1025])
def test_nothing_and_too_much_are_refused(data: bytes) -> None:
    with pytest.raises(StartRefused, match="does not hold a passphrase"):
        from_descriptor(_holding(data))


def test_a_closed_descriptor_is_refused() -> None:
    descriptor = _holding(b"x")
    os.close(descriptor)
    with pytest.raises(StartRefused, match="cannot be read"):
        from_descriptor(descriptor)
