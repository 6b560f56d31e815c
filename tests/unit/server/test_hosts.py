"""Which names a client may call a server by."""

from __future__ import annotations

import pytest

from strongroom.server.hosts import NO_HOST, WRONG_HOST, HostCheck


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8443",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8443",
        "[0:0:0:0:0:0:0:1]",
        "10.0.0.7:8443",
        "vault.example.com",
        "vault.example.com.:443",
        "a.wild.example.com",
    ],
)
def test_a_configured_name_passes_with_any_port(host: str) -> None:
    check = HostCheck("10.0.0.7", ["vault.example.com", "*.wild.example.com"])
    assert check([(b"host", host.encode())]) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":8443",
        "evil.example",
        "localhost.evil.example",
        "evil.example:localhost",
        "localhost:",
        "localhost:x",
        "localhost:123456",
        "[::1",
        "[::1]8443",
        "[::2]",
        "::1",
        "wild.example.com",
        "a.b.wild.example.com",
        "localhost, evil.example",
        "localhost@evil",
        "l\u00f6calhost",
        "\u0660",
    ],
)
def test_any_other_name_is_misdirected(host: str) -> None:
    check = HostCheck("127.0.0.1", ["*.wild.example.com"])
    assert WRONG_HOST == check([(b"host", host.encode())])


@pytest.mark.parametrize("headers", [[], [(b"host", b"localhost"), (b"host", b"localhost")]])
def test_a_request_names_its_host_exactly_once(headers: list[tuple[bytes, bytes]]) -> None:
    assert NO_HOST == HostCheck("127.0.0.1")(headers)


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", ""])
def test_a_wildcard_address_is_no_name(listening: str) -> None:
    assert ("localhost", "127.0.0.1", "::1") == HostCheck(listening).names


def test_a_flood_of_spellings_is_not_remembered_without_end() -> None:
    check = HostCheck("127.0.0.1")
    for port in range(500):
        assert check([(b"host", b"localhost:%d" % port)]) is None
    assert len(check._known) <= 64
