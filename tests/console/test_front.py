"""The console's front: what a worker pays for it before anybody comes, where it is on, and when it is sealed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.server.asgi import is_page
from strongroom.settings import Settings
from tests.deployment import ROOT, Deployment, clean_environment
from tests.raw import send


@pytest.mark.parametrize(
    ("console", "host", "on"),
    [
        ("auto", "127.0.0.1", True),
        ("auto", "::1", True),
        ("auto", "192.0.2.1", False),
        ("on", "192.0.2.1", True),
        ("off", "127.0.0.1", False),
    ],
)
def test_the_console_is_on_by_default_on_loopback_alone(tmp_path: Path, console: str, host: str, on: bool) -> None:
    assert on is Settings(data=tmp_path, host=host, console=console).console_on


def test_nothing_imports_starlette_before_the_first_page() -> None:
    asked = "print(sorted({'starlette', 'jinja2'} & set(sys.modules)))"
    code = f"import sys, strongroom.app, strongroom.console.front; {asked}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize(
    ("path", "page"),
    [(b"/console", True), (b"/console/", True), (b"/console/x", True), (b"/consoles", False), (b"/", False)],
)
def test_only_its_own_paths_are_the_consoles(path: bytes, page: bool) -> None:
    assert page is is_page(path)


def test_as_a_user_runs_it_the_console_answers_is_sealed_with_the_server_and_stays_off_where_it_is_off(
    tmp_path: Path,
) -> None:
    """Over plain HTTP, so that the test needs no certificate; TLS is the server's business."""
    with Deployment(tmp_path / "on", "--workers", "1", "--tls", "off") as server:
        page = send(server.url, "GET", "/console/sign-in", b"", {})
        assert (200, True) == (page.status, b"Sign in" in page.body)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        server.admin({"do": "seal"})
        server.wait_until("sealed", timeout=60)
        sealed = send(server.url, "GET", "/console/sign-in", b"", {})
        assert (503, True) == (sealed.status, b"Strongroom is sealed" in sealed.body)
    off = {"STRONGROOM_CONSOLE": "off"}
    with Deployment(tmp_path / "off", "--workers", "1", "--tls", "off", env=off) as server:
        assert b"Sign in" not in send(server.url, "GET", "/console/sign-in", b"", {}).body
