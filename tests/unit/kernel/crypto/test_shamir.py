"""The field is AES's, any k of n shares give the secret back, and k - 1 fit every secret alike."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.crypto.shamir import combine, invert, multiply, split

CHANCE = SystemEntropy()
VECTORS = sorted((Path(__file__).parents[3] / "vectors" / "shamir").glob("*.json"))


class Fixed:
    """Chance that is known."""

    def __init__(self, drawn: bytes) -> None:
        self._left = drawn

    def take(self, count: int) -> bytes:
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def slow_product(one: int, other: int) -> int:
    """By the book: a product of polynomials over GF(2), divided by x^8 + x^4 + x^3 + x + 1."""
    product = 0
    for bit in range(8):
        if other >> bit & 1:
            product ^= one << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << bit - 8
    return product


def test_the_field_is_that_of_aes() -> None:
    """Source: FIPS 197, section 4.2 and 4.2.1: {57} times {83} is {c1}, {57} times {13} is {fe}."""
    assert (0xC1, 0xFE) == (multiply(0x57, 0x83), multiply(0x57, 0x13))


def test_products_and_inverses_agree_with_the_book() -> None:
    assert [] == [(a, b) for a in range(256) for b in range(0, 256, 16) if multiply(a, b) != slow_product(a, b)]
    assert [1] * 255 == [multiply(one, invert(one)) for one in range(1, 256)]
    assert 0 == invert(0)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=16), st.data())
def test_any_threshold_of_shares_gives_the_secret_back(secret: bytes, data: st.DataObject) -> None:
    shares = data.draw(st.integers(1, 6))
    threshold = data.draw(st.integers(1, shares))
    made = split(secret, threshold=threshold, shares=shares, entropy=CHANCE)
    chosen = data.draw(st.permutations(sorted(made)))
    assert secret == combine({point: made[point] for point in chosen[:threshold]})
    assert secret == combine(made)


def test_every_choice_of_three_of_five_works_and_of_two_does_not() -> None:
    secret = CHANCE.take(32)
    made = split(secret, threshold=3, shares=5, entropy=CHANCE)
    assert {secret} == {combine({p: made[p] for p in chosen}) for chosen in combinations(made, 3)}
    assert secret not in {combine({p: made[p] for p in chosen}) for chosen in combinations(made, 2)}


def test_too_few_shares_fit_every_secret_alike() -> None:
    """For one byte, 2 of 2, one share known: each secret belongs to exactly one choice of the random coefficient."""
    known, secrets = 0xA7, range(0, 256, 17)
    fitting = [
        [coefficient for coefficient in range(256) if split(bytes([secret]), threshold=2, shares=2,
                                                            entropy=Fixed(bytes([coefficient])))[2][0] == known]
        for secret in secrets
    ]  # fmt: skip
    assert [1] * len(secrets) == [len(found) for found in fitting]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vectors(path: Path) -> None:
    vector: dict[str, Any] = json.loads(path.read_text())
    shares = {int(point): bytes.fromhex(value) for point, value in vector["shares"].items()}
    assert bytes.fromhex(vector["combined"]) == combine({p: shares[p] for p in vector["use"]})
    if "coefficients" in vector:
        fixed = Fixed(bytes.fromhex("".join(vector["coefficients"])))
        secret = bytes.fromhex(vector["secret"])
        assert shares == split(secret, threshold=vector["threshold"], shares=len(shares), entropy=fixed)


@pytest.mark.parametrize(
    ("threshold", "shares", "secret"), [(0, 3, b"x"), (4, 3, b"x"), (2, 256, b"x"), (2, 3, b"")], ids=str
)
def test_numbers_that_make_no_sense_are_refused(threshold: int, shares: int, secret: bytes) -> None:
    with pytest.raises(ValueError, match="threshold"):
        split(secret, threshold=threshold, shares=shares, entropy=CHANCE)


@pytest.mark.parametrize("shares", [{}, {1: b"a", 2: b"ab"}, {0: b"a"}, {256: b"a"}], ids=str)
def test_shares_out_of_form_are_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="points from 1 to 255"):
        combine(shares)
