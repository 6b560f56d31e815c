"""Session tokens: what is sealed comes back, and nothing else does."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.tokens import (
    Session,
    SessionKind,
    TokenBroken,
    issue,
    make_secret,
    open_token,
    packed,
)

KEYRING = Keyring(bytes(range(32)))
KEY_ID = "ASIAQAAAAAAAAAAAAAAA"
ISSUED = from_ms(1_700_000_000_123)
SESSION = Session(
    kind=SessionKind.ROLE,
    account="123456789012",
    issuer_id="AROAAAAAAAAAAAAAAAAAA",
    secret=make_secret(SystemEntropy()),
    issued=ISSUED,
    expires=ISSUED + timedelta(hours=1),
    name="deploy",
)


@settings(max_examples=50)
@given(
    kind=st.sampled_from(SessionKind),
    name=st.text(max_size=64),
    policies=st.lists(st.text(max_size=200), max_size=1),
    tags=st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=20)), max_size=5),
    source_identity=st.none() | st.text(min_size=2, max_size=64),
    mfa=st.booleans(),
)
def test_what_was_issued_opens_to_the_same_session(
    kind: SessionKind,
    name: str,
    policies: list[str],
    tags: list[tuple[str, str]],
    source_identity: str | None,
    mfa: bool,
) -> None:
    session = replace(
        SESSION,
        kind=kind,
        name=name,
        policies=tuple(policies),
        tags=tuple(tags),
        transitive=tuple(key for key, _ in tags),
        source_identity=source_identity,
        mfa=mfa,
    )

    assert session == open_token(KEYRING, issue(KEYRING, session, KEY_ID), KEY_ID)


def test_a_token_belongs_to_one_access_key_id() -> None:
    token = issue(KEYRING, SESSION, KEY_ID)

    with pytest.raises(TokenBroken):
        open_token(KEYRING, token, "ASIAQAAAAAAAAAAAAAAB")


def test_every_changed_bit_breaks_a_token() -> None:
    blob = base64.b64decode(issue(KEYRING, SESSION, KEY_ID))
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 0x10]) + blob[at + 1 :]
        with pytest.raises(TokenBroken):
            open_token(KEYRING, base64.b64encode(changed).decode(), KEY_ID)


@pytest.mark.parametrize("text", ["", "x", "====", "é", "IQoJb3JpZ2lu", "A" * 9000, "\x00" * 200])
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(TokenBroken):
        open_token(KEYRING, text, KEY_ID)


def test_a_token_of_another_root_key_is_broken() -> None:
    with pytest.raises(TokenBroken):
        open_token(Keyring(bytes(32)), issue(KEYRING, SESSION, KEY_ID), KEY_ID)


def test_the_secret_is_in_no_repr() -> None:
    assert SESSION.secret not in repr(SESSION)
    assert 40 == len(SESSION.secret)


def test_policies_and_tags_are_measured_packed() -> None:
    with_policy = replace(SESSION, policies=('{"Version":"2012-10-17","Statement":[]}' * 20,))

    assert len(packed(SESSION)) < len(packed(with_policy)) < 200
