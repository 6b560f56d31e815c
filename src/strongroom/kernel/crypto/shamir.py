"""Shamir's secret sharing: a secret cut into n shares, any k of which give it back, and k - 1 nothing.

Each byte of the secret is the value at 0 of a random polynomial of degree k - 1 over GF(256); a share is the
values at one other point. The field is that of AES, with the polynomial x^8 + x^4 + x^3 + x + 1.

No branch and no look-up depends on a secret: products are made bit by bit with masks. Python's own arithmetic
on small integers is not promised to take constant time, but it looks nothing up in tables either.
Source: A. Shamir, "How to share a secret", CACM 22(11), 1979; FIPS 197, section 4.2, for the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from strongroom.base.entropy import Entropy

SHARES_AT_MOST = 255
"""Points other than 0."""
_REDUCE = 0x1B


def split(secret: bytes, *, threshold: int, shares: int, entropy: Entropy) -> dict[int, bytes]:
    """The shares by their points 1 to ``shares``; any ``threshold`` of them give the secret back.

    Raises ValueError for numbers that make no sense.
    """
    if not 1 <= threshold <= shares <= SHARES_AT_MOST or not secret:
        raise ValueError("1 <= threshold <= shares <= 255, and a secret that is not empty")
    higher = [entropy.take(len(secret)) for _ in range(threshold - 1)]
    return {point: _value_at(point, (secret, *higher)) for point in range(1, shares + 1)}


def combine(shares: Mapping[int, bytes]) -> bytes:
    """The secret from as many shares as its threshold, or more. Whether they were the right ones it cannot tell.

    Raises ValueError for no shares, unequal lengths, or points out of range.
    """
    lengths = {len(share) for share in shares.values()}
    if len(lengths) != 1 or not all(1 <= point <= SHARES_AT_MOST for point in shares):
        raise ValueError("shares have one length and points from 1 to 255")
    weights = {point: _weight_at_zero(point, list(shares)) for point in shares}
    return bytes(
        _sum(multiply(weights[point], share[at]) for point, share in shares.items()) for at in range(lengths.pop())
    )


def multiply(one: int, other: int) -> int:
    """The product of two elements of the field. Source: FIPS 197, section 4.2.1."""
    product = 0
    for _ in range(8):
        product ^= -(other & 1) & one
        one = (one << 1) ^ (-(one >> 7) & (0x100 | _REDUCE))
        other >>= 1
    return product


def invert(element: int) -> int:
    """The inverse of an element, which is its 254th power; 0 for 0."""
    result, power = 1, element
    for _ in range(7):  # 254 = 2 + 4 + 8 + 16 + 32 + 64 + 128
        power = multiply(power, power)
        result = multiply(result, power)
    return result


def _value_at(point: int, coefficients: Sequence[bytes]) -> bytes:
    """Horner's scheme for every byte. Coefficients from the constant one upwards."""
    values = bytes(len(coefficients[0]))
    for coefficient in reversed(coefficients):
        values = bytes(multiply(value, point) ^ byte for value, byte in zip(values, coefficient, strict=True))
    return values


def _weight_at_zero(point: int, points: Sequence[int]) -> int:
    """The Lagrange basis polynomial of one point, at 0. Points are public."""
    weight = 1
    for other in points:
        if other != point:
            weight = multiply(weight, multiply(other, invert(other ^ point)))
    return weight


def _sum(parts: Iterable[int]) -> int:
    total = 0
    for part in parts:
        total ^= part
    return total
