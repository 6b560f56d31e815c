"""Write tests/vectors/shamir/: shares made by arithmetic that shares no line with the product's.

    python tools/make_shamir_vectors.py

Products go through logarithms to the base 3, which the product's own code must not do: the tables are indexed by
secrets. Here nothing is secret.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parents[1] / "tests" / "vectors" / "shamir"
EXP = [1]
for _ in range(254):
    doubled = EXP[-1] << 1
    EXP.append((doubled ^ (0x11B if doubled > 0xFF else 0)) ^ EXP[-1])
LOG = {element: power for power, element in enumerate(EXP)}


def times(one: int, other: int) -> int:
    """The product, by logarithms."""
    return EXP[(LOG[one] + LOG[other]) % 255] if one and other else 0


def power(base: int, exponent: int) -> int:
    """A power, by repeated products."""
    result = 1
    for _ in range(exponent):
        result = times(result, base)
    return result


def value_at(point: int, secret: bytes, coefficients: list[bytes]) -> bytes:
    """The share of one point: each term by itself."""
    made = bytearray(secret)
    for degree, coefficient in enumerate(coefficients, start=1):
        for at, byte in enumerate(coefficient):
            made[at] ^= times(byte, power(point, degree))
    return bytes(made)


def stream(name: str, count: int) -> bytes:
    """Bytes that look random and are the same each time."""
    return hashlib.shake_256(name.encode()).digest(count)


def main() -> None:
    """Write all vectors."""
    HERE.mkdir(exist_ok=True)
    cases = {"two_of_two": (2, 2), "three_of_five": (3, 5), "five_of_nine": (5, 9), "sixteen_of_thirty_two": (16, 32)}
    for name, (threshold, count) in cases.items():
        secret = stream(f"{name} secret", 32)
        coefficients = [stream(f"{name} {degree}", 32) for degree in range(1, threshold)]
        shares = {point: value_at(point, secret, coefficients) for point in range(1, count + 1)}
        base: dict[str, object] = {
            "threshold": threshold,
            "secret": secret.hex(),
            "coefficients": [one.hex() for one in coefficients],
            "shares": {str(point): share.hex() for point, share in shares.items()},
        }
        _write(name, {**base, "use": list(range(1, threshold + 1)), "combined": secret.hex()})
        last = list(range(count, count - threshold, -1))
        _write(f"{name}_from_the_end", {**base, "use": last, "combined": secret.hex()})
    flat: dict[str, object] = {"shares": {"1": "00", "255": "00"}, "use": [1, 255], "combined": "00"}
    _write("the_last_point", flat)
    _write("one_share_is_itself", {"shares": {"7": "c0ffee"}, "use": [7], "combined": "c0ffee"})


def _write(name: str, vector: dict[str, object]) -> None:
    (HERE / f"{name}.json").write_text(json.dumps(vector, indent=1) + "\n")


if __name__ == "__main__":
    main()
