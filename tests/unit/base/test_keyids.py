"""Access key ids carry their account."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base import keyids
from strongroom.base.entropy import SystemEntropy


@settings(max_examples=100)
@given(number=st.integers(0, 999_999_999_999), prefix=st.sampled_from(keyids.PREFIXES))
def test_the_account_can_be_read_back_from_a_minted_id(number: int, prefix: str) -> None:
    account = f"{number:012d}"
    minted = keyids.mint(prefix, account, SystemEntropy())

    assert (prefix, 20, account) == (minted[:4], len(minted), keyids.account_of(minted))
    assert set(minted[4:]) <= set(keyids.BASE32)


def test_the_published_rule_reads_the_same_account() -> None:
    """Source: facts, iam, section 12: first six bytes, masked with 0x7fffffffff80, shifted by seven."""
    minted = keyids.mint("AKIA", "123456789012", SystemEntropy())
    head = int.from_bytes(base64.b32decode(minted[4:])[:6], "big")

    assert 123456789012 == (head & 0x7FFFFFFFFF80) >> 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AKIA",
        "AKIDEXAMPLE",
        "AKIAIOSFODNN7EXAMPLE",
        "AKIA" + "7" * 16,
        "AKIA" + "a" * 16,
        "AKIA" + "é" * 16,
        "AROA" + "Q" * 16,
        "AKIA" + "0" * 16,
        "AKIA" + "Q" * 17,
    ],
)
def test_what_was_never_minted_has_no_account(text: str) -> None:
    assert keyids.account_of(text) is None


def test_two_ids_of_one_account_differ() -> None:
    entropy = SystemEntropy()

    assert 100 == len({keyids.mint("AKIA", "000000000001", entropy) for _ in range(100)})
