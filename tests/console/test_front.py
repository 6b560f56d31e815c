"""The console's front: what a worker pays for it before anybody comes, where it is on, and when it is sealed."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from strongroom.console import front
from strongroom.server.asgi import is_page
from strongroom.services.iam import signin
from strongroom.settings import Settings
from tests.console.conftest import PASSWORD, World
from tests.deployment import ROOT, Deployment, clean_environment
from tests.raw import send
from tests.rotation.rotators import until


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


def test_as_a_user_runs_it_the_console_is_behind_tls_and_sealed_with_the_server(tmp_path: Path) -> None:
    with Deployment(tmp_path / "on", "--workers", "1") as server:
        told = server.env()
        trusting = ssl.create_default_context(cafile=told["AWS_CA_BUNDLE"])

        def asked(method: str, body: str | None = None, **headers: str) -> tuple[int, str, str]:
            parts = urlsplit(server.url)
            connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=60, context=trusting)
            try:
                connection.request(method, "/console/sign-in", body, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheader("set-cookie") or "", answer.read().decode()
            finally:
                connection.close()

        status, _, page = asked("GET")
        assert (200, True) == (status, "Sign in with an access key" in page)
        form = {"access_key_id": told["AWS_ACCESS_KEY_ID"], "secret_key": told["AWS_SECRET_ACCESS_KEY"]}
        body = urlencode({"with": "key", **form})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, cookie, _ = asked("POST", body, Origin=server.url, **kind)
        assert 303 == status
        assert cookie.startswith("__Host-strongroom=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
        server.admin({"do": "seal"})
        server.wait_until("sealed", timeout=60)
        status, _, page = asked("GET")
        assert (503, True) == (status, "Strongroom is sealed" in page)


def test_where_it_is_off_there_is_no_page(tmp_path: Path) -> None:
    off = {"STRONGROOM_CONSOLE": "off"}
    with Deployment(tmp_path / "off", "--workers", "1", "--tls", "off", env=off) as server:
        assert b"Sign in" not in send(server.url, "GET", "/console/sign-in", b"", {}).body


def test_a_flood_of_sign_ins_is_cut_and_keeps_nobody_from_the_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both threads for sign-ins are held here; one more waits, the next is told to come again."""
    monkeypatch.setattr(front, "SIGN_INS_WAITING", 1)
    held, let_go = threading.Barrier(front.SIGN_INS_AT_ONCE + 1), threading.Event()
    prepared = signin.prepare

    def wait(*given: Any) -> Any:
        held.wait(60)
        let_go.wait(60)
        return prepared(*given)

    browser = world.signed_in()
    monkeypatch.setattr(signin, "prepare", wait)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(world.browser().sign_in, world.account.id, "admin", PASSWORD) for _ in range(2)]
        held.wait(60)
        monkeypatch.setattr(signin, "prepare", prepared)
        waiting = threads.submit(world.browser().sign_in, world.account.id, "admin", PASSWORD)
        worker = world.server.worker.asgi.console  # type: ignore[attr-defined]
        until(lambda: worker._waiting[True] == 3, "the third sign-in")
        assert "Too busy" in world.browser().sign_in(world.account.id, "admin", PASSWORD).text
        assert 200 == browser.get("/console/sessions").status
        let_go.set()
        assert [200] * 3 == [one.result(60).status for one in (*asked, waiting)]
