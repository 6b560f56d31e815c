"""Whom a request came from: the peer, or whom trusted proxies name; never whom a stranger names."""

from __future__ import annotations

import pytest

from strongroom.base.http import Headers
from strongroom.server.proxies import HOPS_AT_MOST, Proxies, trusted_network

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::1"])


def forwarded(*values: str) -> Headers:
    return [(b"x-forwarded-for", value.encode()) for value in values]


@pytest.mark.parametrize("trusting", [Proxies(), PROXIES])
def test_a_stranger_names_nobody_but_itself(trusting: Proxies) -> None:
    assert "203.0.113.9" == trusting.source_of("203.0.113.9", forwarded("198.51.100.7"))


@pytest.mark.parametrize(
    ("values", "source"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["192.0.2.1, 198.51.100.7"], "198.51.100.7"),
        (["192.0.2.1", "198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        (["10.0.0.1, 198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:DB8::7"], "2001:db8::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["10.0.0.2"], "10.0.0.2"),
        ([], "10.1.1.1"),
        (["unknown"], "10.1.1.1"),
        (["198.51.100.7, unknown"], "10.1.1.1"),
        (["198.51.100.7, unknown, 10.0.0.3"], "10.0.0.3"),
        ([""], "10.1.1.1"),
        (["fe80::1%eth0"], "10.1.1.1"),
        (["1.2.3.4.5"], "10.1.1.1"),
    ],
)
def test_a_trusted_proxy_is_believed_from_the_right(values: list[str], source: str) -> None:
    assert source == PROXIES.source_of("10.1.1.1", forwarded(*values))


def test_an_address_in_ipv6_form_is_the_ipv4_address() -> None:
    assert "198.51.100.7" == Proxies().source_of("::ffff:198.51.100.7", [])
    assert "198.51.100.7" == PROXIES.source_of("::ffff:10.0.0.1", forwarded("198.51.100.7"))
    assert "198.51.100.7" == PROXIES.source_of("2001:db8::1", forwarded("198.51.100.7"))


def test_a_chain_is_followed_so_far_and_no_farther() -> None:
    assert "10.9.9.9" == PROXIES.source_of(
        "10.1.1.1", forwarded(", ".join(["192.0.2.1", *["10.9.9.9"] * HOPS_AT_MOST]))
    )


def test_what_is_no_address_stays_what_it_is() -> None:
    assert "" == PROXIES.source_of("", forwarded("198.51.100.7"))


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "proxy.example.com", "10.0.0.1/8", ""])
def test_everybody_and_names_are_no_proxies(text: str) -> None:
    with pytest.raises(ValueError):
        trusted_network(text)
