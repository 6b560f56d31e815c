"""The words of `credentials assume` and the endpoint's own bounds."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.base.keyids import LONG_TERM, mint
from strongroom.cli.assuming import Given, Wish, assume, role_arn
from strongroom.cli.client import Client, Keys
from strongroom.cli.container import AT_ONCE, Endpoint, Token
from strongroom.server.parts import StartRefused

KEY_ID = mint(LONG_TERM, "123456789012", SystemEntropy())
CLIENT = Client("http://127.0.0.1:1", "us-east-1", Keys(KEY_ID, "s"), None)
GIVEN = Given("ASIA1", "very-secret", "session-token", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("role", "arn"),
    [
        ("reader", "arn:aws:iam::123456789012:role/reader"),
        ("ops/reader", "arn:aws:iam::123456789012:role/ops/reader"),
        ("arn:aws:iam::210987654321:role/x", "arn:aws:iam::210987654321:role/x"),
    ],
)
def test_a_role_is_named_by_arn_or_by_name_in_the_keys_account(role: str, arn: str) -> None:
    assert arn == role_arn(role, CLIENT)


@pytest.mark.parametrize("role", ["", "/x", "a b", "x\n", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x"])
def test_what_is_no_role_is_refused(role: str) -> None:
    with pytest.raises(StartRefused, match="no role"):
        role_arn(role, CLIENT)


def test_a_name_means_nothing_with_a_key_that_names_no_account() -> None:
    with pytest.raises(StartRefused, match="no role"):
        role_arn("reader", Client("http://h", "us-east-1", Keys("AKIAIOSFODNN7EXAMPLE", "s"), None))


def test_secrets_show_in_no_repr_and_a_server_that_is_gone_is_told_plainly() -> None:
    assert "very-secret" not in repr(GIVEN)
    assert "session-token" not in repr(GIVEN)
    with pytest.raises(StartRefused, match="does not answer"):
        assume(CLIENT, Wish("arn:aws:iam::123456789012:role/x", "s"))


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """An endpoint on a free port whose token is `t`."""
    (tmp_path / "token").write_text("t")
    with Endpoint("127.0.0.1:0", Token(tmp_path / "token"), lambda: GIVEN.for_container("arn:role")) as made:
        thread = threading.Thread(target=made.run)
        thread.start()
        yield made
        made.stop()
        thread.join(5)


def test_idle_connections_take_no_more_than_their_places(endpoint: Endpoint) -> None:
    parts = urlsplit(endpoint.url)
    address = (parts.hostname or "", parts.port or 0)
    before = threading.active_count()
    idle = [socket.create_connection(address, 2) for _ in range(AT_ONCE + 4)]
    time.sleep(0.1)
    assert threading.active_count() - before <= AT_ONCE
    for one in idle:
        one.close()
    connection = http.client.HTTPConnection(*address, timeout=5)
    connection.request("GET", parts.path, headers={"Authorization": "t"})
    assert 200 == connection.getresponse().status
    connection.close()


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_token_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("t")
    path.chmod(mode)
    with pytest.raises(StartRefused, match="written by others"):
        Token(path).make()


def test_an_empty_token_file_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    with pytest.raises(StartRefused, match="holds no token"):
        Token(tmp_path / "token").make()
    assert not Token(tmp_path / "token").is_shown_by("")
