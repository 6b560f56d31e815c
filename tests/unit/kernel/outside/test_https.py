"""One GET: to the address that was judged, within bounds. What needs a server is in tests/wire/test_web_identity.py."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.oidc import Provider

from strongroom.kernel.outside.addresses import Resolver
from strongroom.kernel.outside.https import HTTPS, BadAnswer, Outside, Unreachable


class Names:
    """A resolver that answers differently each time, as a rebinding attacker's does."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def client(names: Names, outside: Outside | None = None) -> HTTPS:
    """A client that has its addresses from there."""
    return HTTPS(outside or Outside(), Resolver(names))


def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["203.0.113.7"], ["127.0.0.1"])
    called: list[Any] = []

    def connect(address: Any, timeout: float) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Unreachable):
        client(names).get("https://provider.example/x")

    assert (["provider.example"], [("203.0.113.7", 443)]) == (names.asked, called)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])
def test_a_name_that_points_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("called"))
    with pytest.raises(BadAnswer, match="not called"):
        client(Names([address])).get("https://provider.example/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://h/",
        "ftp://h/",
        "https:///x",
        "https://user@h/",
        "https://h/#f",
        "https://h:99999/",
        "https://h/a b",
        "https://h/a\r\nX: y",
        "https://h/\u00e9",
    ],
)
def test_only_plain_https_urls_are_taken(url: str) -> None:
    with pytest.raises(BadAnswer):
        client(Names(["127.0.0.1"]), Outside(internal=frozenset({"h"}))).get(url)


def test_it_trusts_the_ca_of_the_host_and_no_other(tmp_path: Path) -> None:
    with Provider(tmp_path / "one") as provider, Provider(tmp_path / "two") as other:
        internal = frozenset({provider.host, other.host})
        outside = Outside(internal, {provider.host: provider.ca, other.host: provider.ca})
        https = HTTPS(outside)

        assert b'"keys"' in https.get(f"{provider.url}/keys")
        with pytest.raises(BadAnswer, match="not trusted"):
            https.get(f"{other.url}/keys")
        with pytest.raises(BadAnswer, match="not trusted"):
            HTTPS(Outside(internal)).get(f"{provider.url}/keys")
