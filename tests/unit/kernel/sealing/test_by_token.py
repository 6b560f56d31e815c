"""A PKCS#11 URI names a token and its key, and never holds a PIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.kernel.sealing.by_token import TokenSeal, token_named
from strongroom.kernel.sealing.files import SealFailure


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("pkcs11:token=t", "needs object and module-path"),
        ("pkcs11:token=t;object=o?module-path=/m&pin-value=1234", "not 'pin-value'"),
        ("pkcs11:token=t;token=u;object=o?module-path=/m", "once each"),
        ("pkcs11:slot-id=1?module-path=/m", "not 'slot-id'"),
    ],
)
def test_a_uri_that_names_no_key_or_holds_a_pin_is_refused(uri: str, text: str) -> None:
    with pytest.raises(SealFailure, match=text):
        token_named(uri)


def test_names_in_a_uri_are_percent_decoded(tmp_path: Path) -> None:
    named = token_named("pkcs11:token=my%20token;object=a%3Bb?module-path=/m.so&pin-source=file:/run/pin")
    assert ("my token", "a;b", "/m.so", Path("/run/pin")) == (
        named.key.token,
        named.key.key,
        named.key.module,
        named.pin_file,
    )
    seal = TokenSeal(tmp_path / "pkcs11.json", named)
    assert ("", "the PIN lies in /run/pin") == (seal.asks, seal.describe()[-25:-1].lstrip())
