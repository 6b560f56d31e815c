"""The console in a real browser: Debian's Chromium, driven by Playwright.

``SCREENSHOTS=1`` has the pictures in docs/images made anew.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.console.conftest import PASSWORD, World
from tests.console.driving import AXE, CHROMIUM, EVIL, REGION, faults, findings, opened, picture, sign_in
from tests.functions.packing import ECHO, make_function, make_role
from tests.rotation.rotators import rotator

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on this machine")


def seeded(world: World) -> None:
    """A few secrets."""
    client = world.account.client("secretsmanager")
    value = json.dumps({"username": "shop", "password": "correct horse", "host": "db.internal"})
    for name, description in (("prod/shop/database", "The shop's database"), ("prod/mail/smtp", "Outgoing mail")):
        client.create_secret(
            Name=name, Description=description, SecretString=value, Tags=[{"Key": "team", "Value": "shop"}]
        )


def test_a_person_stores_reveals_rotates_deletes_and_restores_a_secret(context: BrowserContext, world: World) -> None:
    """The way of AWS's console: the wizard, the masked value, a function that rotates it, the waiting period."""
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    rotator(world.account)
    page = context.new_page()
    told = faults(page)
    sign_in(page, world)
    page.get_by_role("link", name="Store a new secret").first.click()
    page.get_by_label("Other type of secret: key/value pairs").check()
    page.get_by_label("Key", exact=True).first.fill("user")
    page.get_by_label("Value", exact=True).first.fill("u")
    page.get_by_role("button", name="Add row").click()
    page.get_by_label("Key", exact=True).nth(1).fill("password")
    page.get_by_label("Value", exact=True).nth(1).fill("canary-browser")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Secret name").fill("lab/first")
    page.get_by_label("Description").fill("From the browser")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    review = page.locator("[data-review]")
    expect(review).to_contain_text("lab/first")
    expect(review).not_to_contain_text("canary")
    expect(page.locator("pre").first).to_contain_text("lab/first")
    page.get_by_role("button", name="Store", exact=True).click()

    expect(page.get_by_role("heading", name="lab/first")).to_be_visible()
    assert "canary" not in page.content()
    page.get_by_role("button", name="Retrieve secret value").click()
    expect(page.get_by_text("canary-browser").first).to_be_visible()
    page.get_by_role("link", name="Hide").click()
    expect(page.get_by_role("button", name="Retrieve secret value")).to_be_visible()
    assert "canary" not in page.content()

    page.get_by_role("link", name="Rotation", exact=True).click()
    page.get_by_label("Rotate immediately when the schedule is saved").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#standing")).to_contain_text("succeeded")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("img", name="Rotations that succeeded and failed")).to_be_visible()
    picture(page, "dashboard")
    page.go_back()

    page.get_by_text("Actions").click()
    page.get_by_label("Delete after").fill("7")
    page.get_by_role("button", name="Schedule deletion").click()
    expect(page.get_by_text("This secret is scheduled for deletion")).to_be_visible()
    page.get_by_role("button", name="Cancel deletion").click()
    expect(page.get_by_text("The deletion was cancelled.")).to_be_visible()
    client = world.account.client("secretsmanager")
    before = client.get_secret_value(SecretId="lab/first", VersionStage="AWSPREVIOUS")["SecretString"]
    assert {"user": "u", "password": "canary-browser"} == json.loads(before)
    assert before != client.get_secret_value(SecretId="lab/first")["SecretString"]
    assert [] == told


def test_a_value_is_hidden_again_after_a_minute(context: BrowserContext, world: World) -> None:
    seeded(world)
    page = context.new_page()
    sign_in(page, world)
    page.goto(f"{world.server.url}/console/{REGION}/secret?id=prod/shop/database")
    page.clock.install()
    page.get_by_role("button", name="Retrieve secret value").click()
    expect(page.get_by_text("correct horse").first).to_be_visible()
    picture(page, "secret-value")

    page.clock.run_for(61_000)

    expect(page.get_by_role("button", name="Retrieve secret value")).to_be_visible()
    assert "correct horse" not in page.content()


def test_the_list_narrows_while_one_types(context: BrowserContext, world: World) -> None:
    seeded(world)
    page = context.new_page()
    told = faults(page)
    sign_in(page, world)
    expect(page.get_by_role("link", name="prod/mail/smtp")).to_be_visible()
    picture(page, "secrets")

    page.get_by_role("searchbox").press_sequentially("datab")

    expect(page.get_by_role("link", name="prod/mail/smtp")).to_have_count(0)
    expect(page.get_by_role("link", name="prod/shop/database")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert "q=datab" in page.url
    assert [] == told


def test_planted_markup_runs_nothing(context: BrowserContext, world: World) -> None:
    client = world.account.client("secretsmanager")
    client.create_secret(
        Name="planted",
        Description=EVIL,
        SecretString=json.dumps({EVIL: EVIL}),
        Tags=[{"Key": "k", "Value": "javascript:alert(3)"}],
    )
    page = context.new_page()
    told = faults(page)
    sign_in(page, world)
    expect(page.get_by_text(EVIL)).to_be_visible()
    page.get_by_role("searchbox").press_sequentially("img")
    expect(page.get_by_text(EVIL)).to_be_visible()
    page.get_by_role("link", name="planted").click()
    page.get_by_role("button", name="Retrieve secret value").click()
    expect(page.get_by_role("cell", name=EVIL).first).to_be_visible()

    assert [] == told


def test_a_page_of_another_origin_can_neither_frame_nor_use_the_console(context: BrowserContext, world: World) -> None:
    page = context.new_page()
    sign_in(page, world)
    target = f"{world.server.url}/console/{REGION}"
    fields = "".join(f'<input name="{name}" value="{text}">' for name, text in (("Name", "forged"), ("kind", "text")))
    form = f'<form method="post" action="{target}/store">{fields}<button>Go</button></form>'
    evil = f'{form}<iframe src="{target}/secrets"></iframe>'
    other = context.new_page()
    other.route("http://evil.example/", lambda route: route.fulfill(body=evil, content_type="text/html"))
    other.goto("http://evil.example/")
    assert ["chrome-error://chromewebdata/"] == [frame.url for frame in other.frames[1:]]
    other.get_by_role("button", name="Go").click()
    expect(other.get_by_role("heading", name="This request was refused")).to_be_visible()

    assert [] == world.account.client("secretsmanager").list_secrets()["SecretList"]
    cookie = next(one for one in context.cookies() if one["name"] == "strongroom-console")
    assert (True, "Strict") == (cookie["httpOnly"], cookie["sameSite"])


def test_everything_is_done_with_the_keyboard_alone(context: BrowserContext, world: World) -> None:
    seeded(world)
    page = context.new_page()
    page.goto(f"{world.server.url}/console")
    keys = page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(40):
            keys.press("Tab")
            focused = page.locator(":focus")
            told = focused.get_attribute("name") or (focused.text_content() or "").strip()
            if told == name:
                return
        raise AssertionError(f"the keyboard never comes to {name}")

    for field, text in (("account", world.account.id), ("user", "admin"), ("password", PASSWORD)):
        tab_to(field)
        keys.type(text)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Secrets", exact=True)).to_be_visible()
    tab_to("prod/shop/database")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="prod/shop/database")).to_be_visible()
    tab_to("Retrieve secret value")
    keys.press("Enter")
    expect(page.get_by_text("correct horse").first).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)], ids=["light", "dark-at-phone-width"])
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_the_screen(
    chromium: Browser, world: World, scheme: Any, width: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm is not on this machine")
    seeded(world)
    kms = world.account.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.rotate_key_on_demand(KeyId=key_id)
    world.account.client("secretsmanager").get_secret_value(SecretId="prod/mail/smtp")
    assert world.server.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]
    make_function(world.account, "greeter", ECHO, make_role(world.account), Timeout=30)
    at = f"{world.server.url}/console/{REGION}"
    context = opened(chromium, color_scheme=scheme, viewport={"width": width, "height": 800})
    try:
        page = context.new_page()
        page.goto(f"{world.server.url}/console/sign-in")
        found = findings(context, page)
        sign_in(page, world)
        secret = f"{world.server.url}/console/{REGION}/secret?id=prod/shop/database"
        tabs = ("versions", "rotation", "permissions", "replication", "activity", "code")
        for where in (
            page.url,
            f"{world.server.url}/console/{REGION}/store",
            secret,
            *(f"{secret}&tab={tab}" for tab in tabs),
            *(f"{world.server.url}/console/{REGION}/{name}" for name in ("dashboard", "keys", "functions", "audit")),
            f"{world.server.url}/console/{REGION}/key?id={key_id}",
            *(f"{at}/identities?kind={kind}" for kind in ("users", "roles", "policies")),
            f"{at}/identity?kind=roles&name=runs",
            f"{at}/function?name=greeter",
            f"{at}/secrets?q=nothing-fits-this",
            f"{at}/secret?id=absent",
            f"{at}/nowhere",
            f"{world.server.url}/console/explain?request=absent",
            f"{world.server.url}/console/switch-role",
            f"{world.server.url}/console/{REGION}/identity?kind=users&name=admin",
            f"{world.server.url}/console/sessions",
            f"{world.server.url}/console/password",
        ):
            page.goto(where)
            found += findings(context, page)
        page.goto(secret)
        page.get_by_role("button", name="Retrieve secret value").click()
        expect(page.get_by_text("correct horse").first).to_be_visible()
        found += findings(context, page)
        if scheme == "dark":
            picture(page, "secret-at-phone-width")
        assert [] == found
    finally:
        context.close()
