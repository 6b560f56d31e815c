"""A passphrase becomes a key at a bounded cost."""

from typing import Any

import pytest

from strongroom.kernel.crypto.passphrase import RECOMMENDED, Cost, stretch

LEAST = Cost(memory_kib=8192, iterations=1, lanes=1)
SALT = bytes(16)


def test_the_recommended_cost_is_the_rfcs() -> None:
    """Source: RFC 9106, section 4, second recommended option."""
    assert (64 * 1024, 3, 4) == (RECOMMENDED.memory_kib, RECOMMENDED.iterations, RECOMMENDED.lanes)


def test_the_same_passphrase_salt_and_cost_give_the_same_key() -> None:
    key = stretch(b"correct horse", SALT, LEAST)
    assert key == stretch(b"correct horse", SALT, LEAST)
    assert 32 == len(key)


@pytest.mark.parametrize(
    ("passphrase", "salt", "cost"),
    [
        (b"correct horsf", SALT, LEAST),
        (b"correct horse", b"\1" * 16, LEAST),
        (b"correct horse", SALT, Cost(8192, 2, 1)),
    ],
    ids=["passphrase", "salt", "cost"],
)
def test_any_other_input_gives_another_key(passphrase: bytes, salt: bytes, cost: Cost) -> None:
    assert stretch(b"correct horse", SALT, LEAST) != stretch(passphrase, salt, cost)


@pytest.mark.parametrize(
    "cost", [(8191, 1, 1), (1024 * 1024 + 1, 1, 1), (8192, 0, 1), (8192, 65, 1), (8192, 1, 0), (8192, 1, 17),
             (8192.0, 1, 1), (8192, True, 1), ("8192", 1, 1)],
)  # fmt: skip
def test_a_cost_out_of_bounds_is_refused(cost: tuple[Any, Any, Any]) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        Cost(*cost)


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1025])
def test_an_empty_or_endless_passphrase_is_refused(passphrase: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 1024"):
        stretch(passphrase, SALT, LEAST)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        stretch(b"correct horse", bytes(8), LEAST)
