"""Switching to a role and back: whose session it then is, how it is recorded, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from strongroom.console.pages import switching
from tests import journals
from tests.browsing import Browser
from tests.console.conftest import World, new_world
from tests.inprocess import InProcess

REGION = "us-east-1"
LIST = f"/console/{REGION}/secrets"
MAY_READ = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}


def role(world: World, name: str, trusted: str, *statements: dict[str, Any], path: str = "/") -> str:
    """A role that trusts an ARN; its own ARN."""
    iam = world.account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document)["Role"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return str(made["Arn"])


@pytest.fixture
def other(server: InProcess) -> World:
    """Another account, whose role ``readers`` the first one's people may take."""
    return new_world(server)


def switched(world: World, other: World, **more: str) -> Browser:
    """A browser whose administrator acts as the other account's role."""
    role(other, "readers", f"arn:aws:iam::{world.account.id}:root", MAY_READ)
    browser = world.signed_in()
    page = browser.post("/console/switch-role", account=other.account.id, role="readers", **more)
    assert 200 == page.status, page.text
    return browser


def events(world: World, *names: str) -> list[dict[str, Any]]:
    """What an account's records have under these names."""
    found = [one.event for one in journals.entries(world.server.settings.data) if one.name in names]
    return [one for one in found if one["recipientAccountId"] == world.account.id]


def test_another_account_is_a_switch_away_and_back_again(world: World, other: World) -> None:
    world.account.client("secretsmanager").create_secret(Name="ours", SecretString="x")
    other.account.client("secretsmanager").create_secret(Name="theirs", SecretString="x")
    browser = switched(world, other, display="Their readers")

    page = browser.get(LIST)
    assert "theirs" in page.text
    assert "ours" not in page.text
    assert f"Their readers @ {other.account.id}" in page.text
    assert "Role readers Signed in as admin , without MFA Switch back to admin" in page.text
    (asked, *_) = events(other, "ListSecrets")
    identity = asked["userIdentity"]
    assert ("AssumedRole", "true") == (identity["type"], asked["sessionCredentialFromConsole"])
    assert identity["arn"].endswith("assumed-role/readers/admin")

    page = browser.post("/console/switch-back")
    assert "ours" in page.text
    assert "theirs" not in page.text
    assert f"Their readers @ {other.account.id}" in page.text, "the role stays in the menu"


def test_a_switch_is_recorded_as_such_on_both_sides(world: World, other: World) -> None:
    browser = switched(world, other)
    browser.post("/console/switch-back")

    (assumed,) = events(world, "AssumeRole")
    assert ("admin", "true") == (assumed["userIdentity"]["userName"], assumed["sessionCredentialFromConsole"])
    begun, ended = events(other, "SwitchRole", "ExitRole")
    for one, name in ((begun, "SwitchRole"), (ended, "ExitRole")):
        assert (name, "AwsConsoleSignIn", {name: "Success"}) == (
            one["eventName"],
            one["eventType"],
            one["responseElements"],
        )
        assert f"arn:aws:iam::{world.account.id}:user/admin" == one["additionalEventData"]["SwitchFrom"]
        assert one["userIdentity"]["arn"].endswith("assumed-role/readers/admin")


def test_a_role_with_a_path_an_alias_and_a_link_from_elsewhere(world: World) -> None:
    alias = f"ours-{world.account.id}"
    world.account.client("iam").create_account_alias(AccountAlias=alias)
    role(world, "deep", f"arn:aws:iam::{world.account.id}:root", MAY_READ, path="/ops/eu/")
    browser = world.signed_in()

    page = browser.get(f"/console/switch-role?account={alias}&roleName=ops/eu/deep&displayName=%3Cb%3EDeep")
    assert 'value="ops/eu/deep"' in page.html
    assert "<b>Deep" not in page.html
    page = browser.post("/console/switch-role", account=alias, role="ops/eu/deep")

    assert "deep @" in page.text


@pytest.mark.parametrize(
    ("account", "name", "says"),
    [
        ("mine", "absent", "AccessDenied"),
        ("theirs", "closed", "AccessDenied"),
        ("000000000000", "closed", "There is no such account here"),
        ("no-such-alias", "closed", "There is no such account here"),
        ("mine", "a b", "There is no such account here"),
        ("mine", "", "There is no such account here"),
    ],
)
def test_what_the_user_may_not_assume_is_not_switched_to(
    world: World, other: World, account: str, name: str, says: str
) -> None:
    role(other, "closed", f"arn:aws:iam::{other.account.id}:root")
    ids = {"mine": world.account.id, "theirs": other.account.id}
    browser = world.signed_in()

    page = browser.post("/console/switch-role", account=ids.get(account, account), role=name)

    assert says in page.text, page.text
    assert page.status in (400, 403)
    assert f"admin @ {world.account.id}" in browser.get(LIST).text


def test_a_role_may_do_what_it_may_and_its_user_nothing_beside_it(world: World) -> None:
    world.account.client("secretsmanager").create_secret(Name="kept", SecretString="canary-switched")
    role(world, "lister", f"arn:aws:iam::{world.account.id}:root", {**MAY_READ, "Action": "secretsmanager:ListSecrets"})
    browser = world.signed_in()
    browser.post("/console/switch-role", account=world.account.id, role="lister")

    assert "kept" in browser.get(LIST).text
    page = browser.post(f"/console/{REGION}/secret/reveal", id="kept")
    assert 403 == page.status
    assert "canary" not in page.html


def test_a_form_that_was_opened_before_a_switch_changes_nothing_after_it(world: World, other: World) -> None:
    """A second window still shows the old account: its buttons must not act in the new one."""
    role(other, "readers", f"arn:aws:iam::{world.account.id}:root", MAY_READ)
    browser = world.signed_in()
    old = browser.token
    browser.post("/console/switch-role", account=other.account.id, role="readers")
    during = browser.token

    page = browser.post(f"/console/{REGION}/store", kind="text", text="x", Name="stray", token=old)

    assert 403 == page.status
    assert [] == other.account.client("secretsmanager").list_secrets()["SecretList"]
    browser.token = during
    browser.post("/console/switch-back")
    assert 403 == browser.post(f"/console/{REGION}/store", kind="text", text="x", Name="stray", token=during).status


def _no_role(other: World, _browser: Browser) -> None:
    iam = other.account.client("iam")
    iam.delete_role_policy(RoleName="readers", PolicyName="p")
    iam.delete_role(RoleName="readers")


def _its_time_is_over(other: World, browser: Browser) -> None:
    for _ in range(3):  # the user's own session would end, were it not used
        browser.get(LIST)
        other.server.advance(switching.LONGEST / 3 + timedelta(seconds=1))


@pytest.mark.parametrize("end", [_no_role, _its_time_is_over])
def test_where_the_roles_session_ends_nothing_is_done_as_the_user_instead(
    world: World, other: World, end: Callable[[World, Browser], None]
) -> None:
    browser = switched(world, other)
    end(other, browser)

    page = browser.post(f"/console/{REGION}/store", kind="text", text="x", Name="stray")

    assert "The role's session has ended; you are admin again." in page.text
    assert [] == world.account.client("secretsmanager").list_secrets()["SecretList"]
    assert f"admin @ {world.account.id}" in browser.get(LIST).text


def test_it_ends_with_its_user(world: World, other: World) -> None:
    browser = switched(world, other)
    world.account.client("iam").delete_login_profile(UserName="admin")

    assert "/console/sign-in?over=1" == browser.get(LIST).where


def test_sessions_and_signing_out_everywhere_are_the_users(world: World, other: World) -> None:
    browser, second = switched(world, other), world.signed_in()

    assert "Where admin is signed in" in browser.get("/console/sessions").text
    browser.post("/console/sign-out", everywhere="1")

    assert "/console/sign-in?over=1" == second.get(LIST).where
    assert "/console/sign-in" == browser.get(LIST).where


def test_the_menu_remembers_the_last_few_roles(world: World) -> None:
    browser = world.signed_in()
    for at in range(7):
        role(world, f"role{at}", f"arn:aws:iam::{world.account.id}:root", MAY_READ)
        page = browser.post("/console/switch-role", account=world.account.id, role=f"role{at}")

    menu = page.html.partition("Switch role</a>")[2].partition("Sessions</a>")[0]
    assert [False, False, True, True, True, True, True] == [f"role{at}" in menu for at in range(7)]
