"""Encoded authorization messages: what was sealed for an account opens there, and nothing else does."""

from __future__ import annotations

import json

import pytest

from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.messages import MOST_CHARACTERS, MessageBroken, decode_message, encode_message

KEYRING = Keyring(bytes(range(32)))
ACCOUNT = "123456789012"


def test_what_was_encoded_for_an_account_is_decoded_there() -> None:
    assert {"a": ["é"]} == json.loads(decode_message(KEYRING, ACCOUNT, encode_message(KEYRING, ACCOUNT, {"a": ["é"]})))


@pytest.mark.parametrize("text", ["", "A", "AAAA", "é", "A" * (MOST_CHARACTERS + 1)])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(MessageBroken):
        decode_message(KEYRING, ACCOUNT, text)


def test_another_account_another_keyring_or_a_changed_message_opens_nothing() -> None:
    text = encode_message(KEYRING, ACCOUNT, {"a": 1})
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    for keyring, account, given in (
        (KEYRING, "210987654321", text),
        (Keyring(bytes(32)), ACCOUNT, text),
        (KEYRING, ACCOUNT, changed[:60] + "AAAA" + changed[64:]),
    ):
        with pytest.raises(MessageBroken):
            decode_message(keyring, account, given)


def test_reasons_too_long_for_the_operation_are_left_out() -> None:
    chance = [hex(number * 0x9E3779B97F4A7C15 % 2**61) for number in range(2000)]
    assert "" == encode_message(KEYRING, ACCOUNT, {"a": chance})
