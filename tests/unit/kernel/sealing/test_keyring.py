"""The keyring opens what it sealed, for the same purpose and binding, and breaks on everything else."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.sealing.keyring import OVERHEAD_BYTES, Keyring, SealBroken

ROOT = bytes(range(32))
RING = Keyring(ROOT)
SEALED = RING.seal("page-token", b"plaintext", b"bound")


@settings(max_examples=100)
@given(st.text(min_size=1, max_size=8).filter(lambda text: text.isascii()), st.binary(), st.binary())
def test_what_was_sealed_opens(purpose: str, plaintext: bytes, bound: bytes) -> None:
    ring = Keyring(ROOT)
    sealed = ring.seal(purpose, plaintext, bound)
    assert plaintext == ring.open(purpose, sealed, bound)
    assert len(plaintext) + OVERHEAD_BYTES == len(sealed)


def opens(sealed: bytes) -> bool:
    """Whether the bytes open; any failure but SealBroken fails the test."""
    try:
        RING.open("page-token", sealed, b"bound")
    except SealBroken:
        return False
    return True


def flipped(sealed: bytes, bit: int) -> bytes:
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_flipped_bit_breaks_the_seal() -> None:
    assert opens(SEALED)
    assert [] == [bit for bit in range(len(SEALED) * 8) if opens(flipped(SEALED, bit))]


def test_every_truncation_and_extension_breaks_the_seal() -> None:
    assert [] == [length for length in range(len(SEALED)) if opens(SEALED[:length])]
    assert [] == [extra for extra in (b"\0", b"more", SEALED) if opens(SEALED + extra)]


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_broken_seal_and_nothing_else(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        RING.open("page-token", sealed, b"")


@pytest.mark.parametrize(("purpose", "bound"), [("session-token", b"bound"), ("page-token", b"boune"),
                                                ("page-token", b""), ("page-token", b"bound\0")])  # fmt: skip
def test_another_purpose_or_binding_breaks_the_seal(purpose: str, bound: bytes) -> None:
    with pytest.raises(SealBroken):
        RING.open(purpose, SEALED, bound)


def test_sealing_twice_never_gives_the_same_bytes() -> None:
    assert RING.seal("page-token", b"same", b"") != RING.seal("page-token", b"same", b"")


def test_a_broken_seal_says_no_more() -> None:
    with pytest.raises(SealBroken) as caught:
        RING.open("page-token", SEALED[:-1], b"bound")
    assert "the seal is broken" == str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_older_root_still_opens_and_the_newest_seals() -> None:
    newer = bytes(32)
    both = Keyring(newer, older=[ROOT])
    assert b"plaintext" == both.open("page-token", SEALED, b"bound")
    sealed = both.seal("page-token", b"new", b"bound")
    assert b"new" == Keyring(newer).open("page-token", sealed, b"bound")
    with pytest.raises(SealBroken):
        RING.open("page-token", sealed, b"bound")


def test_the_check_value_fits_its_own_root_only() -> None:
    assert RING.fits(Keyring(ROOT).check_value())
    assert not RING.fits(Keyring(bytes(32)).check_value())
    assert not Keyring(bytes(32), older=[ROOT]).fits(RING.check_value())
    assert not RING.fits("")


def test_nothing_of_the_root_is_shown() -> None:
    assert "<Keyring>" == repr(RING)
    assert ROOT.hex() not in RING.check_value()
    with pytest.raises(TypeError):
        pickle.dumps(RING)


@pytest.mark.parametrize("root", [b"", bytes(16), bytes(31), bytes(33)])
def test_a_root_key_is_32_bytes(root: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(root)


def test_purposes_are_a_few_fixed_words() -> None:
    ring = Keyring(ROOT)
    with pytest.raises(ValueError, match="fixed words"):
        ring.seal("", b"", b"")
    with pytest.raises(ValueError, match="fixed words"):
        for number in range(257):
            ring.seal(f"purpose {number}", b"", b"")
