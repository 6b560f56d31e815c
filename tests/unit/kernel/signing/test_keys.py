"""Derived keys and how long they are kept."""

from __future__ import annotations

import hmac
from dataclasses import replace

from strongroom.kernel.signing.claim import Claim
from strongroom.kernel.signing.headers import signed_names
from strongroom.kernel.signing.keys import SigningKeys

CLAIM = Claim(
    "AKID",
    "20150830",
    "us-east-1",
    "iam",
    "aws4_request",
    "20150830T123600Z",
    signed_names("host"),
    b"",
    "0" * 64,
    None,
    presigned=False,
    expires_s=None,
)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def test_the_key_is_that_of_awss_published_example() -> None:
    """Source: AWS General Reference, "Examples of how to derive a signing key"."""
    key = bytes.fromhex("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9")

    assert hmac.digest(key, b"text", "sha256").hex() == SigningKeys().key(CLAIM, SECRET).signature(b"text")


def test_a_kept_key_answers_the_same_again() -> None:
    keys = SigningKeys()
    keys.keep(keys.key(CLAIM, SECRET))

    assert keys.key(CLAIM, SECRET) is keys.key(CLAIM, SECRET)
    assert keys.key(CLAIM, SECRET).signature(b"a") == keys.key(CLAIM, SECRET).signature(b"a")


def test_a_changed_secret_is_never_served_by_the_old_key() -> None:
    keys = SigningKeys()
    keys.keep(keys.key(CLAIM, SECRET))

    assert keys.key(CLAIM, SECRET).signature(b"a") != keys.key(CLAIM, SECRET[::-1]).signature(b"a")


def test_each_part_of_the_scope_makes_another_key() -> None:
    claims = [
        CLAIM,
        *(replace(CLAIM, **{part: "x"}) for part in ("date", "region", "service")),
    ]

    assert 4 == len({SigningKeys().key(claim, SECRET).signature(b"a") for claim in claims})


def test_no_more_than_the_capacity_is_kept_and_the_oldest_goes() -> None:
    keys = SigningKeys(capacity=2)
    made = [keys.key(replace(CLAIM, region=f"r-{number}"), SECRET) for number in range(3)]
    for key in made:
        keys.keep(key)

    assert 2 == len(keys)
    assert made[0] is not keys.key(replace(CLAIM, region="r-0"), SECRET)
    assert made[2] is keys.key(replace(CLAIM, region="r-2"), SECRET)


def test_a_keys_plain_spelling_shows_neither_key_nor_secret() -> None:
    shown = repr(SigningKeys().key(CLAIM, SECRET))

    assert "SigningKey(scope=b'20150830/us-east-1/iam/aws4_request')" == shown
