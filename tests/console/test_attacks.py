"""Attacks on the console: forms from elsewhere, planted markup, fixed and stolen sessions, other people's pages."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from urllib.parse import quote

import pytest

from strongroom.base.http import HTTPRequest
from strongroom.console import guard, visit
from strongroom.console.desk import Desk
from strongroom.kernel import signedin
from strongroom.kernel.call import Source
from tests import journals
from tests.console.conftest import PASSWORD, World
from tests.inprocess import InProcess
from tests.raw import JSON_11, send

REGION = "us-east-1"
LIST = f"/console/{REGION}/secrets"
STORE = f"/console/{REGION}/store"
SECRET = f"/console/{REGION}/secret"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}${7*7}"


def stored(world: World, name: str) -> bool:
    """Whether the account has such a secret."""
    found = world.account.client("secretsmanager").list_secrets()["SecretList"]
    return name in [one["Name"] for one in found]


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", None),
        ("null", None),
        ("", "cross-site"),
        ("", "same-site"),
        ("", "none"),
        (None, None),
        ("http://127.0.0.1", None),
        ("http://[", None),
        ("file://127.0.0.1", None),
    ],
)
def test_a_form_from_elsewhere_changes_nothing_though_it_has_the_token(
    world: World, origin: str | None, site: str | None
) -> None:
    browser = world.signed_in()
    browser.origin = origin
    if site is not None:
        browser.more = {**browser.more, "Sec-Fetch-Site": site}

    page = browser.post(STORE, kind="text", text="x", Name="planted")

    assert 403 == page.status
    assert not stored(world, "planted")


@pytest.mark.parametrize("token", ["", "x" * 43, "é" * 43, "another's"])
def test_a_form_without_this_sessions_token_changes_nothing(world: World, token: str) -> None:
    browser, other = world.signed_in(), world.signed_in()

    page = browser.post(
        STORE, kind="text", text="x", Name="planted", token=other.token if token == "another's" else token
    )

    assert 403 == page.status
    assert not stored(world, "planted")


def test_nobody_signs_a_browser_in_from_elsewhere(world: World) -> None:
    """A forged sign-in would have somebody store their secrets in the attacker's account."""
    browser = world.browser(origin="https://evil.example")

    page = browser.sign_in(world.account.id, "admin", PASSWORD)

    assert 403 == page.status
    assert {} == browser.cookies


def test_a_cookie_that_was_planted_is_not_the_one_that_is_signed_in_with(world: World) -> None:
    browser = world.browser()
    planted = "A" * 43
    browser.cookies = {guard.PLAIN_COOKIE: planted}

    browser.sign_in(world.account.id, "admin", PASSWORD)

    assert planted != browser.cookies[guard.PLAIN_COOKIE]
    thief = world.browser(cookies={guard.PLAIN_COOKIE: planted})
    assert "/console/sign-in?over=1" == thief.get("/console").where


def test_signing_in_again_ends_the_session_that_the_browser_had(world: World) -> None:
    browser = world.signed_in()
    old = dict(browser.cookies)
    browser.sign_in(world.account.id, "admin", PASSWORD)

    assert "/console/sign-in?over=1" == world.browser(cookies=old).get("/console").where
    assert LIST == browser.get("/console").where


def test_two_cookies_of_one_name_are_none(world: World) -> None:
    """A neighbouring name's page can add one; nobody then knows which is whose."""
    (cookie,) = world.signed_in().cookies.values()
    browser = world.browser()
    browser.more = {**browser.more, "Cookie": f"{guard.PLAIN_COOKIE}={cookie}; {guard.PLAIN_COOKIE}={cookie}"}

    assert "/console/sign-in" == browser.get("/console").where


def test_the_cookie_is_for_the_server_alone() -> None:
    assert guard.set_cookie("x", secure=True) == ("__Host-strongroom=x; Path=/; HttpOnly; SameSite=Strict; Secure")
    assert guard.set_cookie("x", secure=False) == ("strongroom-console=x; Path=/console; HttpOnly; SameSite=Strict")
    assert "Max-Age=0" in guard.set_cookie("", secure=True)


@pytest.mark.parametrize("where", [LIST, f"{SECRET}?id=x", STORE, "/console", "/console/sessions", "/console/password"])
def test_without_a_session_every_page_is_the_sign_in(world: World, where: str) -> None:
    assert "/console/sign-in" == world.browser().get(where).where


@pytest.mark.parametrize("act", ["reveal", "edit", "put", "delete", "policy", "compare"])
def test_without_a_session_nothing_is_done(world: World, act: str) -> None:
    world.account.client("secretsmanager").create_secret(Name="kept", SecretString="canary-1")

    page = world.browser().post(f"{SECRET}/{act}", id="kept", days="7", kind="text", text="x", policy="{}")

    assert "/console/sign-in" == page.where
    assert "canary-1" == world.account.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]


def test_markup_in_names_descriptions_tags_and_values_is_text(world: World) -> None:
    """Jinja2 escapes everywhere, and were it not so, the policy of the page would run nothing inline."""
    client = world.account.client("secretsmanager")
    client.create_secret(
        Name="planted",
        Description=EVIL,
        SecretString=json.dumps({EVIL: EVIL}),
        Tags=[{"Key": "<b>t</b>", "Value": "<i>v</i>"}],
    )
    client.create_secret(Name="plain", SecretString=EVIL)
    browser = world.signed_in()
    pages = [
        browser.get(f"{LIST}?q={quote(EVIL)}&f={quote('name:' + EVIL)}&value={quote(EVIL)}&key=name"),
        browser.get(LIST),
        browser.get(f"{LIST}?said={quote(EVIL)}"),
        *(browser.get(f"{SECRET}?id=planted&tab={tab}") for tab in ("overview", "versions", "code", "permissions")),
        browser.get(f"{SECRET}?id={quote(EVIL)}"),
        browser.post(f"{SECRET}/reveal", id="planted"),
        browser.post(f"{SECRET}/reveal", id="plain"),
        browser.post(f"{SECRET}/edit", id="planted"),
        browser.post(f"{SECRET}/edit", id="plain"),
        browser.post(f"{SECRET}/policy", id="plain", policy=EVIL, only="check"),
        browser.post(STORE, Name=EVIL, kind="text", text=EVIL, description=EVIL, policy=EVIL),
        browser.get(f"/console/explain?request={quote(EVIL)}"),
    ]
    assert any("alert(1)" in page.text for page in pages)
    for page in pages:
        assert "<script>alert" not in page.html, page.where
        assert "<img src=x" not in page.html, page.where
        assert "<b>t</b>" not in page.html, page.where
        assert "{{7*7}}" in page.html or "7*7" not in page.html, page.where
        assert guard.POLICY == page.headers["content-security-policy"]


def test_every_answer_forbids_what_a_page_does_not_need(world: World) -> None:
    browser = world.signed_in()
    static = browser.get(LIST).html.partition('href="/console/static/')[2].partition('"')[0]
    for page in (
        world.browser().get("/console/sign-in"),
        browser.get(LIST),
        browser.get("/console/nothing/here/at/all"),
        browser.get("/console/no-such-region-1/secrets"),
        world.browser().get("/console/sign-in/"),
        browser.send("PUT", "/console/sign-in", [("a", "b")]),
        browser.get(f"/console/static/{static}"),
        browser.send("GET", "/console"),
        browser.send("GET", "/console/sign-in", [("a", "b")]),
    ):
        assert guard.POLICY == page.headers["content-security-policy"], page.where
        assert "nosniff" == page.headers["x-content-type-options"]
        assert "DENY" == page.headers["x-frame-options"]
        if "/static/" not in page.where:
            assert "no-store" == page.headers["cache-control"], page.where
    assert "'unsafe" not in guard.POLICY


def test_no_page_has_a_script_or_a_style_of_its_own(world: World) -> None:
    world.account.client("secretsmanager").create_secret(Name="one", SecretString='{"k":"v"}')
    browser = world.signed_in()
    pages = [
        browser.get(LIST),
        browser.get(STORE),
        browser.get(f"{SECRET}?id=one"),
        world.browser().get("/console/sign-in"),
    ]
    for page in pages:
        assert " style=" not in page.html
        assert "<style" not in page.html
        assert page.html.count("<script") == page.html.count('<script src="/console/static/')
        assert "http://" not in page.html.replace("http://127.0.0.1", "")
        assert "https://" not in page.html


@pytest.mark.parametrize("name", ["../site.py", "..%2fsite.py", "site.py", "%2e%2e/desk.py", "console.css%00"])
def test_nothing_but_the_static_files_is_served(world: World, name: str) -> None:
    assert 404 == world.browser().get(f"/console/static/x/{name}").status


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"\xff", b"&".join(b"a%d=1" % at for at in range(visit.FIELDS_AT_MOST + 1))]
)
def test_a_form_that_no_page_made_is_refused(world: World, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": world.server.url}
    assert 400 == send(world.server.url, "POST", "/console/sign-in", body, headers).status
    assert 400 == send(world.server.url, "POST", "/console/sign-in", b"{}", headers | {"Content-Type": JSON_11}).status


def test_an_unknown_host_is_refused_before_the_console_sees_it(world: World) -> None:
    browser = world.browser()
    browser.more = {**browser.more, "Host": "rebound.example"}
    assert 421 == browser.send("GET", "/console/sign-in").status


def test_a_page_shows_what_its_person_may_see_and_explains_what_not(world: World) -> None:
    client = world.account.client("secretsmanager")
    client.create_secret(Name="mine", SecretString="canary-mine")
    client.create_secret(Name="theirs", SecretString="canary-theirs")
    arn = client.describe_secret(SecretId="mine")["ARN"]
    world.user("ann", {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": arn})
    browser = world.signed_in("ann")

    assert "canary-mine" in browser.post(f"{SECRET}/reveal", id="mine").text
    for page in (
        browser.get(f"{SECRET}?id=theirs"),
        browser.post(f"{SECRET}/reveal", id="theirs"),
        browser.post(f"{SECRET}/edit", id="theirs"),
    ):
        assert "canary-theirs" not in page.html
        assert "AccessDenied" in page.text
    assert 403 == browser.get(f"{SECRET}?id=theirs").status
    denied = browser.get(f"{SECRET}?id=theirs")
    request = denied.html.partition("/console/explain?request=")[2].partition('"')[0]
    told = world.signed_in().get(f"/console/explain?request={request}")
    assert "secretsmanager:DescribeSecret" in told.text
    assert "user/ann" in told.text


def test_another_accounts_people_do_not_find_what_is_here(world: World, server: InProcess) -> None:
    world.account.client("secretsmanager").create_secret(Name="mine", SecretString="canary-other-account")
    arn = world.account.client("secretsmanager").describe_secret(SecretId="mine")["ARN"]
    stranger = server.account()
    stranger.client("iam").create_login_profile(UserName="admin", Password=PASSWORD)
    browser = World(server, stranger).signed_in()

    for where in (f"{SECRET}?id={arn}", f"{SECRET}?id=mine"):
        assert "canary" not in browser.get(where).html
    assert "canary" not in browser.post(f"{SECRET}/reveal", id=arn).html


def test_nothing_of_a_person_is_in_the_log_the_journal_or_any_file(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        browser = world.signed_in()
        browser.post(STORE, kind="text", text="canary-typed-value", Name="a")
        browser.post(f"{SECRET}/put", id="a", kind="text", text="canary-second-value")
        world.browser().sign_in(world.account.id, "canary-password-in-user", "canary-wrong-password")
    (cookie,) = browser.cookies.values()
    files = [path for path in world.server.settings.data.rglob("*") if path.is_file()]
    disk = b"".join(path.read_bytes() for path in files)
    assert world.account.id.encode() in disk
    secrets = ("canary-typed", "canary-second", "canary-password-in-user", "canary-wrong", PASSWORD)
    for secret in (*secrets, cookie, browser.token):
        assert secret not in caplog.text
        assert secret.encode() not in disk


def test_the_door_opens_for_sessions_of_the_console_alone(world: World) -> None:
    """A session token of sts is none, whatever it may do over the wire."""
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    door = signedin.SignedIn(engine.chain, engine.queue, engine.recorder)
    given = world.account.client("sts").get_session_token()["Credentials"]

    with pytest.raises(signedin.SessionOver):
        door.who(signedin.KeptSession(given["AccessKeyId"], given["SessionToken"]))
    with pytest.raises(signedin.SessionOver):
        door.who(signedin.KeptSession(given["AccessKeyId"], "x"))


def test_where_every_record_is_synced_a_page_s_are_too_before_its_answer(world: World) -> None:
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    door = signedin.SignedIn(engine.chain, engine.queue, engine.recorder, sync_each=True)
    browser = world.signed_in()
    desk = Desk(door, idle=timedelta(minutes=5), length=timedelta(hours=1))
    person = desk.person(next(iter(browser.cookies.values())))
    for _ in range(5):
        door.ask(person.kept, Source("127.0.0.1"), "secretsmanager", "ListSecrets", {}, region="us-east-1")
        assert engine.recorder.journal.durable


def test_what_is_refused_is_recorded_as_any_refusal(world: World) -> None:
    world.user("ann")
    world.signed_in("ann")

    asked = [one.event for one in journals.entries(world.server.settings.data) if one.name == "ListSecrets"]
    mine = [one for one in asked if one["recipientAccountId"] == world.account.id]
    assert ["AccessDenied"] == [one["errorCode"] for one in mine]


def test_a_request_is_from_here_only_if_everything_says_so() -> None:
    def asked(**headers: str) -> HTTPRequest:
        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return HTTPRequest("POST", b"/console", b"", told, b"")

    assert guard.is_from_here(asked(host="a:1", origin="https://a:1"))
    assert guard.is_from_here(asked(host="a:1", sec_fetch_site="same-origin"))
    assert guard.is_from_here(asked(host="a:1", sec_fetch_site="same-origin", origin="http://a:1"))
    assert not guard.is_from_here(asked(host="a:1", sec_fetch_site="same-origin", origin="http://a:2"))
    assert not guard.is_from_here(asked(host="a:1", sec_fetch_site="cross-site", origin="http://a:1"))
    assert not guard.is_from_here(asked(host="a:1"))
