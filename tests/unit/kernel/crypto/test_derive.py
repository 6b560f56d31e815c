"""HKDF-SHA256 meets the RFC's own answers, and the library's."""

import pickle

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.crypto import derive

# Source: RFC 5869, appendix A.1 and A.2 (A.2's output is longer than two blocks: its first 64 bytes).
RFC = {
    "A.1": (
        bytes([0x0B] * 22),
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    "A.2": (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        ),
    ),
}


@pytest.mark.parametrize("case", RFC.values(), ids=RFC.keys())
def test_the_rfcs_answers_are_met(case: tuple[bytes, bytes, bytes, str]) -> None:
    secret, salt, label, answer = case
    expander = derive.extract(salt, secret)
    expected = bytes.fromhex(answer)
    assert expected == b"".join(expander.pair(label))[: len(expected)]
    assert expected[:32] == expander.key(label)


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_expansion_agrees_with_the_library(pseudorandom_key: bytes, label: bytes) -> None:
    expected = HKDFExpand(SHA256(), 64, label).derive(pseudorandom_key)
    assert expected == b"".join(derive.Expander(pseudorandom_key).pair(label))


def test_expanding_leaves_the_expander_as_it_was() -> None:
    expander = derive.Expander(bytes(32))
    assert expander.key(b"one") == expander.key(b"one")
    assert expander.key(b"one") != expander.key(b"two")


def test_an_expander_shows_nothing_and_cannot_be_pickled() -> None:
    expander = derive.Expander(b"K" * 32)
    assert "<Expander>" == repr(expander)
    with pytest.raises(TypeError):
        pickle.dumps(expander)


def test_a_short_pseudorandom_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive.Expander(bytes(31))
