"""Which addresses are called: whatever their spelling, none of this machine's own unless an operator says so."""

from __future__ import annotations

import ipaddress
import threading

import pytest

from strongroom.kernel.outside.addresses import NotAllowed, Resolver, allowed, may_be_called

LOCAL = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::",
)
NEVER = ("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0")
OPEN = ("203.0.113.7", "10.1.2.3", "192.168.0.1", "172.16.0.1", "2001:db8::1", "fd12:3456::1", "::ffff:203.0.113.7")


@pytest.mark.parametrize("address", LOCAL)
def test_the_machines_own_addresses_are_called_only_where_a_setting_says_so(address: str) -> None:
    assert not may_be_called(ipaddress.ip_address(address), internal=False)
    assert may_be_called(ipaddress.ip_address(address), internal=True)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_no_address_of_one_host_is_never_called(address: str) -> None:
    assert not may_be_called(ipaddress.ip_address(address), internal=True)


@pytest.mark.parametrize("address", OPEN)
def test_public_and_private_networks_are_called(address: str) -> None:
    assert may_be_called(ipaddress.ip_address(address), internal=False)


def test_one_address_that_must_not_be_called_spoils_the_host() -> None:
    with pytest.raises(NotAllowed, match=r"127\.0\.0\.1"):
        allowed("h", ["203.0.113.7", "127.0.0.1"], internal=False)
    with pytest.raises(NotAllowed, match="no address"):
        allowed("h", [], internal=True)


def test_a_zone_does_not_hide_a_link_local_address() -> None:
    with pytest.raises(NotAllowed):
        allowed("h", ["fe80::1%eth0"], internal=False)


def test_a_look_up_that_takes_too_long_is_given_up_on() -> None:
    hold = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        hold.wait(5)
        return []

    with pytest.raises(TimeoutError):
        Resolver(slow)("h", 443, 0.02)
    hold.set()
