"""Who may come in at the console, for how long, and what is recorded of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from strongroom.console import desk, store
from strongroom.services.iam import signin
from strongroom.services.iam.store import attempts
from tests import journals
from tests.console.conftest import PASSWORD, World, new_world
from tests.inprocess import InProcess
from tests.wire.test_iam_mfa import Token

WRONG = "Your authentication information is incorrect. Please try again."
MAY_CHANGE = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}
REGION = "us-east-1"


def product_now(server: InProcess) -> datetime:
    """The product's clock."""
    return datetime.fromisoformat(server.product.admin({"do": "clock status"}, None)["now"]).astimezone(UTC)


def logins(world: World) -> list[dict[str, Any]]:
    """The events of all sign-ins of the world's account."""
    found = journals.entries(world.server.settings.data)
    return [
        one.event for one in found if one.name == "ConsoleLogin" and one.event["recipientAccountId"] == world.account.id
    ]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_user_signs_in_with_a_password_and_is_seen_in_the_records(
    engine: str, request: pytest.FixtureRequest
) -> None:
    world = new_world(request.getfixturevalue("server" if engine == "sqlite" else "on_postgres"))
    browser = world.browser()

    page = browser.sign_in(world.account.id, "admin", PASSWORD)

    assert (200, f"/console/{REGION}/secrets") == (page.status, page.where)
    assert "No secrets in us-east-1 yet" in page.text
    (event,) = logins(world)
    assert ("signin.amazonaws.com", "AwsConsoleSignIn", "test-browser/1") == (
        event["eventSource"],
        event["eventType"],
        event["userAgent"],
    )
    assert {"ConsoleLogin": "Success"} == event["responseElements"]
    assert ("IAMUser", "admin") == (event["userIdentity"]["type"], event["userIdentity"]["userName"])
    assert "No" == event["additionalEventData"]["MFAUsed"]
    asked = [one.event for one in journals.entries(world.server.settings.data) if one.name == "ListSecrets"]
    mine = [one for one in asked if one["recipientAccountId"] == world.account.id]
    assert ["true"] == [one["sessionCredentialFromConsole"] for one in mine]
    identity = mine[0]["userIdentity"]
    assert identity["accessKeyId"].startswith("ASIA")
    assert "false" == identity["sessionContext"]["attributes"]["mfaAuthenticated"]
    assert ("test-browser/1", world.address) == (mine[0]["userAgent"], mine[0]["sourceIPAddress"])


def test_when_a_password_was_last_used_is_told_of_the_user(world: World) -> None:
    """Source: IAM API reference, User, PasswordLastUsed; IAM User Guide, credential reports."""
    iam = world.account.client("iam")
    assert "PasswordLastUsed" not in iam.get_user(UserName="admin")["User"]
    world.browser().sign_in(world.account.id, "admin", "wrong-password-1")
    assert "PasswordLastUsed" not in iam.get_user(UserName="admin")["User"]

    browser = world.signed_in()

    used = iam.get_user(UserName="admin")["User"]["PasswordLastUsed"]
    assert abs(product_now(world.server) - used) < timedelta(minutes=5)
    assert [used] == [one["PasswordLastUsed"] for one in iam.list_users()["Users"]]
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    report = iam.get_credential_report()["Content"].decode()
    (row,) = [one for one in csv.DictReader(io.StringIO(report)) if one["user"] == "admin"]
    assert used == datetime.fromisoformat(row["password_last_used"])
    assert 200 == browser.get(f"/console/{REGION}/secrets").status, "signing in ends no session"
    iam.update_login_profile(UserName="admin", Password=f"{PASSWORD}-2")
    assert used == iam.get_user(UserName="admin")["User"]["PasswordLastUsed"]


def test_an_account_alias_stands_for_the_account(world: World) -> None:
    alias = f"shop-{world.account.id}"
    world.account.client("iam").create_account_alias(AccountAlias=alias)

    assert 200 == world.browser().sign_in(alias, "admin", PASSWORD).status


def test_an_access_key_signs_in_whoever_has_no_password_yet(server: InProcess) -> None:
    account = server.account()
    world = World(server, account)
    browser = world.browser()

    page = browser.post("/console/sign-in", access_key_id=account.key_id, secret_key=account.secret, **{"with": "key"})

    assert f"/console/{REGION}/secrets" == page.where
    account.client("iam").update_access_key(UserName="admin", AccessKeyId=account.key_id, Status="Active")
    other = account.client("iam").create_access_key(UserName="admin")["AccessKey"]
    again = account.client(
        "iam", aws_access_key_id=other["AccessKeyId"], aws_secret_access_key=other["SecretAccessKey"]
    )
    again.update_access_key(UserName="admin", AccessKeyId=account.key_id, Status="Inactive")
    assert "/console/sign-in?over=1" == browser.get(f"/console/{REGION}/secrets").where


@pytest.mark.parametrize(
    ("user", "secret", "recorded"),
    [("admin", "wrong", "admin"), ("nobody", PASSWORD, signin.HIDDEN), ("admin", "", "admin"), ("", "", signin.HIDDEN)],
)
def test_what_is_wrong_is_never_told_and_always_recorded(world: World, user: str, secret: str, recorded: str) -> None:
    page = world.browser().sign_in(world.account.id, user, secret)

    assert (403, True) == (page.status, WRONG in page.text)
    assert "set-cookie" not in page.headers
    (event,) = logins(world)
    assert {"ConsoleLogin": "Failure"} == event["responseElements"]
    assert recorded == event["userIdentity"]["userName"]
    assert (signin.NO_USER if recorded == signin.HIDDEN else signin.FAILED) == event["errorMessage"]


def test_an_unknown_account_is_answered_like_a_wrong_password(world: World) -> None:
    assert WRONG in world.browser().sign_in("000000000001", "admin", PASSWORD).text
    assert WRONG in world.browser().sign_in("no-such-alias", "admin", PASSWORD).text
    assert (
        WRONG
        in world.browser()
        .post("/console/sign-in", access_key_id="AKIANOTAKEYATALL0000", secret_key="x", **{"with": "key"})
        .text
    )


def test_an_enrolled_device_is_asked_for_and_its_code_is_good_once(world: World) -> None:
    iam = world.account.client("iam")
    token = Token(iam, "mine")
    iam.enable_mfa_device(UserName="admin", SerialNumber=token.serial, **token.pair(-3))

    assert WRONG in world.browser().sign_in(world.account.id, "admin", PASSWORD).text
    code = token.code(-1)
    assert 200 == world.browser().sign_in(world.account.id, "admin", PASSWORD, code).status
    assert WRONG in world.browser().sign_in(world.account.id, "admin", PASSWORD, code).text
    assert ["No", "Yes", "No"] == [event["additionalEventData"]["MFAUsed"] for event in logins(world)]


def test_a_session_begun_with_mfa_says_so_to_policies(world: World) -> None:
    with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    world.user("ann", {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*", "Condition": with_mfa})
    bare = world.signed_in("ann")
    assert 403 == bare.get(f"/console/{REGION}/secrets").status
    iam = world.account.client("iam")
    token = Token(iam, "anns")
    iam.enable_mfa_device(UserName="ann", SerialNumber=token.serial, **token.pair(-3))
    browser = world.browser()

    page = browser.sign_in(world.account.id, "ann", PASSWORD, token.code(-1))

    assert 200 == page.status


def test_after_five_wrong_passwords_none_is_judged_for_a_minute(world: World) -> None:
    for _ in range(5):
        world.browser().sign_in(world.account.id, "admin", "wrong")

    assert WRONG in world.browser().sign_in(world.account.id, "admin", PASSWORD).text


def test_wrong_sign_ins_from_one_address_are_counted_in_the_store_and_then_none_is_judged(world: World) -> None:
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    subject, now = signin.address_subject(world.address), world.server.product.clock()
    with engine.store.write() as tx:
        attempts.put(tx, subject, attempts.Attempts(signin.FROM_ONE_ADDRESS, now))
    assert WRONG in world.browser().sign_in(world.account.id, "admin", PASSWORD).text
    with engine.store.write() as tx:
        attempts.put(tx, subject, attempts.Attempts(signin.FROM_ONE_ADDRESS, now - timedelta(minutes=2)))
    assert 200 == world.browser().sign_in(world.account.id, "admin", PASSWORD).status


def test_wrong_sign_ins_count_for_their_address_and_old_counts_are_forgotten(world: World) -> None:
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    old, now = signin.address_subject("198.51.100.1"), world.server.product.clock()
    with engine.store.write() as tx:
        attempts.put(tx, old, attempts.Attempts(3, now - timedelta(minutes=2)))
    for _ in range(2):
        world.browser().sign_in(world.account.id, "nobody", "wrong")

    with engine.store.read() as tx:
        counted = attempts.of(tx, signin.address_subject(world.address))
        assert attempts.of(tx, old) is None
    assert counted is not None
    assert 2 == counted.failed


def test_addresses_of_one_ipv6_network_count_together() -> None:
    assert signin.address_subject("2001:db8::1") == signin.address_subject("2001:db8::ffff:2")
    assert signin.address_subject("2001:db8::1") != signin.address_subject("2001:db8:0:1::1")
    assert signin.address_subject("192.0.2.1") != signin.address_subject("192.0.2.2")


# ---------------------------------------------------------------------- the end of a session


def sign_out(world: World) -> None:
    browser = world.signed_in()
    held = dict(browser.cookies)
    assert "/console/sign-in?out=1" == browser.post("/console/sign-out").where
    assert {} == browser.cookies
    browser.cookies = held
    assert "/console/sign-in?over=1" == browser.get("/console").where


def delete_user(world: World) -> None:
    world.user("ann")
    browser = world.browser()
    browser.sign_in(world.account.id, "ann", PASSWORD)
    iam = world.account.client("iam")
    iam.delete_login_profile(UserName="ann")
    iam.delete_user(UserName="ann")
    assert "/console/sign-in?over=1" == browser.get("/console").where


def change_password(world: World) -> None:
    browser = world.signed_in()
    world.account.client("iam").update_login_profile(UserName="admin", Password="Another-horse-2")
    assert "/console/sign-in?over=1" == browser.get("/console").where


def everywhere(world: World) -> None:
    one, other = world.signed_in(), world.signed_in()
    page = one.get("/console/sessions")
    assert 1 == page.text.count("this one")
    assert 3 == page.html.count("<tr>")
    one.post("/console/sign-out", everywhere="1")
    assert "/console/sign-in?over=1" == other.get("/console").where


@pytest.mark.parametrize("end", [sign_out, delete_user, change_password, everywhere], ids=lambda end: end.__name__)
def test_a_session_ends_at_once_with(world: World, end: Callable[[World], None]) -> None:
    end(world)


def test_a_session_ends_when_it_is_idle_and_when_its_time_is_over(world: World) -> None:
    """The product's clock counts; used every now and then, a session lasts twelve hours and no more."""
    idle, busy = world.signed_in(), world.signed_in()
    for _ in range(26):
        assert f"/console/{REGION}/secrets" == busy.get("/console").where
        world.server.advance(timedelta(minutes=27))
    assert "/console/sign-in?over=1" == idle.get("/console").where
    assert f"/console/{REGION}/secrets" == busy.get("/console").where
    world.server.advance(timedelta(minutes=27))
    assert "/console/sign-in?over=1" == busy.get("/console").where


def test_a_user_has_a_bounded_number_of_sessions_and_the_oldest_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "SESSIONS_OF_ONE_USER", 2)
    browsers = [world.signed_in() for _ in range(3)]

    assert ["/console/sign-in?over=1", *[f"/console/{REGION}/secrets"] * 2] == [
        one.get("/console").where for one in browsers
    ]


# ---------------------------------------------------------------------- passwords


def test_a_password_that_must_be_changed_opens_nothing_but_its_change(world: World) -> None:
    world.user("ann", MAY_CHANGE)
    world.account.client("iam").update_login_profile(UserName="ann", PasswordResetRequired=True)
    browser = world.signed_in("ann")

    assert "/console/password" == browser.get(f"/console/{REGION}/secrets").where
    weak = browser.post("/console/password", old=PASSWORD, new="short", again="short")
    assert (400, True) == (weak.status, "PasswordPolicyViolation" in weak.text)
    assert "not the same" in browser.post("/console/password", old=PASSWORD, new="Another-horse-2", again="x").text
    page = browser.post("/console/password", old=PASSWORD, new="Another-horse-2", again="Another-horse-2")
    assert "/console/sign-in?changed=1" == page.where
    assert WRONG in world.browser().sign_in(world.account.id, "ann", PASSWORD).text
    assert f"/console/{REGION}/secrets" == world.signed_in("ann", "Another-horse-2").get("/console").where


def test_a_password_that_is_too_old_must_be_changed_or_is_good_no_more(world: World) -> None:
    iam = world.account.client("iam")
    iam.update_account_password_policy(MaxPasswordAge=1, AllowUsersToChangePassword=True)
    world.server.advance(timedelta(days=2))

    assert "/console/password" == world.browser().sign_in(world.account.id, "admin", PASSWORD).where
    iam.update_account_password_policy(MaxPasswordAge=1, HardExpiry=True)
    assert "has expired" in world.browser().sign_in(world.account.id, "admin", PASSWORD).text


# ---------------------------------------------------------------------- what is kept


def test_the_store_has_neither_the_cookie_nor_the_session_in_clear(world: World) -> None:
    browser = world.signed_in()
    (cookie,) = browser.cookies.values()
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        rows = tx.rows(select(*store.session.columns).where(store.session.c.account == world.account.id))

    told = repr(rows)
    assert 1 == len(rows)
    assert cookie not in told
    assert browser.token not in told
    assert "ASIA" not in told


def test_a_session_is_found_and_opened_by_what_seals_everything_anew(world: World) -> None:
    """The rotation of the root key goes by these rows; what they are bound to must open them."""
    world.signed_in()
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        assert 1 <= store.SEALED.count(tx)
        for row in store.SEALED.page(tx, None, 1000):
            assert b"ASIA" in engine.chain.keyring.open(store.SEALED.purpose, row.sealed, row.bound)
