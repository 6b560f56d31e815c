"""When issuers are asked for their keys: by a clock that the test moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.oidc import jwk

from strongroom.kernel.outside.https import Unreachable
from strongroom.services.sts.errors import IDPCommunicationErrorException, InvalidIdentityTokenException
from strongroom.services.sts.web_identity.board import PLACES, Board
from strongroom.services.sts.web_identity.keys import (
    KEEP_SECONDS,
    MOST_ISSUERS,
    PAUSE_AFTER_FAILURE_SECONDS,
    PAUSE_SECONDS,
    IssuerKeys,
)
from strongroom.services.sts.web_identity.token import Claimed

KEY = ed25519.Ed25519PrivateKey.generate()


Get = Callable[[str], bytes]


@dataclass(frozen=True)
class Answers:
    """Whatever a function answers."""

    get: Get


class World:
    """Issuers that answer from memory, and a clock."""

    def __init__(self, board: Board | None = None) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.ids = ["one"]
        self.down = False
        self.keys = IssuerKeys(self, lambda: self.now, board)

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


def test_what_one_process_was_told_all_of_a_server_know(tmp_path: Path) -> None:
    first, second = (World(Board(tmp_path)) for _ in range(2))
    first.find("one")
    assert "one" == second.find("one")
    assert (2, 0) == (len(first.asked), len(second.asked))

    second.ids = first.ids = ["one", "two"]
    for world in (first, second):  # within the minute nobody asks again, whoever asked
        with pytest.raises(InvalidIdentityTokenException):
            world.find("two")
        world.now += PAUSE_SECONDS
    assert "two" == second.find("two")
    assert "two" == first.find("two")
    assert (2, 2) == (len(first.asked), len(second.asked))


def test_a_failure_is_one_failure_for_all_processes(tmp_path: Path) -> None:
    first, second = (World(Board(tmp_path)) for _ in range(2))
    first.down = True
    for world in (first, second):
        with pytest.raises(IDPCommunicationErrorException):
            world.find("one")
    assert (1, 0) == (len(first.asked), len(second.asked))


def test_one_fetch_is_in_flight_however_many_processes_ask(tmp_path: Path) -> None:
    worlds = [World(Board(tmp_path)) for _ in range(4)]
    inside, most = threading.Semaphore(1), []
    for world in worlds:
        real = world.get

        def alone(url: str, real: Get = real) -> bytes:
            most.append(inside.acquire(blocking=False))
            try:
                return real(url)
            finally:
                inside.release()

        world.keys._outside = Answers(alone)
    threads = [threading.Thread(target=world.find, args=("one",)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [True, True] == most
    assert 2 == sum(len(world.asked) for world in worlds)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"issuer": "h.example"}', b"\xff" * 9], ids=repr)
def test_what_is_on_the_board_and_cannot_be_read_is_nothing(tmp_path: Path, content: bytes) -> None:
    for number in range(PLACES):
        (tmp_path / f"{number:03}").write_bytes(content)
    world = World(Board(tmp_path))
    assert "one" == world.find("one")
    assert 2 == len(world.asked)
    assert 1 == sum(path.read_bytes() != content for path in tmp_path.iterdir())


def test_without_a_place_for_the_board_a_process_asks_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    world = World(Board(tmp_path / "file" / "board"))
    assert "one" == world.find("one")
    assert 2 == len(world.asked)
