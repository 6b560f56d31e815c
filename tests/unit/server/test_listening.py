"""Which addresses only this machine reaches."""

from __future__ import annotations

import pytest

from strongroom.server.listening import is_loopback, listen
from strongroom.server.parts import StartRefused


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.com", "localhost.example", "127.1"])
def test_everything_else_counts_as_reachable(host: str) -> None:
    assert not is_loopback(host)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartRefused, match=r"203\.0\.113\.7 is not an address of this machine"):
        listen("203.0.113.7", 0, slots=1, backlog=1)
