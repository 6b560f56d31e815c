"""When issuers are asked for their keys: by a clock that the test moves."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.oidc import jwk

from strongroom.kernel.outside.https import Unreachable
from strongroom.services.sts.errors import IDPCommunicationErrorException, InvalidIdentityTokenException
from strongroom.services.sts.web_identity.keys import (
    KEEP_SECONDS,
    MOST_ISSUERS,
    PAUSE_AFTER_FAILURE_SECONDS,
    PAUSE_SECONDS,
    IssuerKeys,
)
from strongroom.services.sts.web_identity.token import Claimed

KEY = ed25519.Ed25519PrivateKey.generate()


class World:
    """Issuers that answer from memory, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.ids = ["one"]
        self.down = False
        self.keys = IssuerKeys(self, lambda: self.now)

    def get(self, url: str) -> bytes:
        """Discovery, or keys."""
        self.asked.append(url)
        if self.down:
            raise Unreachable("down")
        issuer = url.partition("/.well-known")[0]
        if issuer != url:
            return json.dumps({"issuer": issuer, "jwks_uri": "https://keys.example"}).encode()
        return json.dumps({"keys": [jwk(KEY, one) for one in self.ids]}).encode()

    def find(self, key_id: str, issuer: str = "h.example") -> str:
        """The id of the key found."""
        return self.keys.key_of(Claimed("EdDSA", key_id, {}, b"", b""), issuer).id


def test_a_key_that_came_later_is_found_after_the_pause() -> None:
    world = World()
    world.find("one")
    world.ids.append("two")
    with pytest.raises(InvalidIdentityTokenException):
        world.find("two")
    world.now += PAUSE_SECONDS

    assert "two" == world.find("two")
    assert 4 == len(world.asked)


def test_a_key_that_was_taken_back_is_believed_for_an_hour_at_most() -> None:
    world = World()
    world.find("one")
    world.ids = ["two"]
    world.now += KEEP_SECONDS - 1
    world.find("one")
    world.now += 1
    with pytest.raises(InvalidIdentityTokenException):
        world.find("one")


def test_a_failure_is_remembered_for_seconds_and_old_keys_are_not_believed_meanwhile() -> None:
    world = World()
    world.find("one")
    world.now += KEEP_SECONDS
    world.down = True
    for _ in range(3):
        with pytest.raises(IDPCommunicationErrorException):
            world.find("one")
    assert 3 == len(world.asked)
    world.down = False
    world.now += PAUSE_AFTER_FAILURE_SECONDS

    assert "one" == world.find("one")


def test_issuers_are_remembered_in_bounds() -> None:
    world = World()
    for number in range(MOST_ISSUERS + 10):
        world.find("one", f"h{number}.example")

    assert len(world.keys._issuers) == MOST_ISSUERS
