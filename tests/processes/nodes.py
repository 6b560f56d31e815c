"""Two nodes on one PostgreSQL: two data directories, one root key apart from both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from tests.deployment import Deployment
from tests.processes.test_canaries import without_password


@contextmanager
def two_nodes(place: Path, *options: str, workers: int = 1) -> Iterator[tuple[Deployment, Deployment]]:
    """Two servers, started for the first time at the same moment on an empty database."""
    server = postgres.started()
    try:
        store, _ = without_password(server.database("template0"), place)
        first, second = (node(place, name, store, *options, workers=workers) for name in ("a", "b"))
        with ThreadPoolExecutor(2) as both:
            for started in [both.submit(one.start) for one in (first, second)]:
                started.result()
        try:
            yield first, second
        finally:
            for one in (first, second):
                one.__exit__()
    finally:
        postgres.remove(server)


def node(place: Path, name: str, store: str, *options: str, workers: int = 1) -> Deployment:
    """One node that is not started yet."""
    key = place / "root.key"
    if not key.exists():
        key.touch(0o600)
        key.write_text(secrets.token_hex(32) + "\n")
    return Deployment(
        place / name, "--store", store, "--seal", f"file:{key}", "--workers", str(workers), "--tls", "off", *options
    )
