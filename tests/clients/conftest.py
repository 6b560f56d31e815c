"""One server for all client tests of a test process, as a user runs it: over TLS, with its own CA."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deployment import Deployment


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """``strongroom serve`` on a new data directory."""
    with Deployment(tmp_path_factory.mktemp("clients") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture(scope="session")
def told(server: Deployment) -> dict[str, str]:
    """What ``strongroom env`` tells clients: the whole of what a client is given here."""
    return server.env()
