"""How a test drives Chromium: contexts, signing in, what pages complain about, pictures, axe-core."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.console.conftest import PASSWORD, World

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[1] / "clients" / "js" / "node_modules" / "axe-core" / "axe.min.js"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WAIT_MS = 60_000
REGION = "us-east-1"
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@contextmanager
def started() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        # Started by root, Chromium refuses its own sandbox; nothing but our pages is opened.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def opened(chromium: Browser, **more: Any) -> BrowserContext:
    """A new context."""
    made = chromium.new_context(**({"viewport": {"width": 1200, "height": 800}} | more))
    made.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    return made


def faults(page: Page) -> list[str]:
    """What the page complains about: filled while it is used. A dialog is one too."""
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)

    def dialog(one: Any) -> None:
        told.append(f"dialog: {one.message}")
        one.dismiss()

    page.on("dialog", dialog)
    return told


def sign_in(page: Page, world: World, user: str = "admin") -> None:
    """As a person does."""
    page.goto(f"{world.server.url}/console")
    page.get_by_label("Account ID").fill(world.account.id)
    page.get_by_label("IAM user name").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").first.click()
    expect(page.get_by_role("heading", name="Secrets", exact=True).or_(page.get_by_role("alert")).first).to_be_visible()


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page, where that is asked for."""
    if os.environ.get("SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png")


def findings(context: BrowserContext, page: Page) -> list[str]:
    """What axe-core calls serious or worse, and whether the page is wider than its window.

    Asked past the page's own policy, which lets nobody evaluate anything.
    """
    session = context.new_cdp_session(page)

    def evaluated(expression: str) -> Any:
        answer = session.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    evaluated(AXE.read_text())
    told = evaluated(
        "axe.run().then(told => JSON.stringify(told.violations.map(one => [one.impact, one.id, one.nodes[0].html])))"
    )
    wide = evaluated("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    session.detach()
    found = [f"{page.url}: {fault}" for fault in json.loads(told) if fault[0] in ("serious", "critical")]
    return [*found, f"{page.url} is wider than its window"] if wide else found
