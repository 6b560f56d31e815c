"""Each page of the console in a real browser, and its main action done there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.console.conftest import PASSWORD, World, new_world
from tests.console.driving import CHROMIUM, EVIL, REGION, faults, opened, picture, sign_in
from tests.console.test_switching import MAY_READ, role
from tests.functions.packing import make_function, make_role, zipped
from tests.inprocess import InProcess
from tests.rotation.rotators import COPYBOOK, misbehaving, rotator

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on this machine")
LANGUAGES = ("Python", "JavaScript", "Java", "Go", "Ruby", ".NET", "AWS CLI")


@pytest.fixture
def visit(context: BrowserContext, world: World) -> tuple[Page, list[str]]:
    """A page whose administrator has signed in, and what it complains about."""
    page = context.new_page()
    told = faults(page)
    sign_in(page, world)
    return page, told


def tab(page: Page, name: str) -> None:
    """Open one part of a secret."""
    page.get_by_role("navigation", name="Parts of this secret").get_by_role("link", name=name).click()


def service(page: Page, name: str) -> None:
    """Open one page of the menu at the side."""
    page.get_by_role("navigation", name="Services").get_by_role("link", name=name, exact=True).click()


def test_the_wizard_stores_a_database_s_credentials_with_everything(visit: Any, world: World) -> None:
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    page, told = visit
    rotator(world.account)
    kms = world.account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/lab", TargetKeyId=key)
    trusted = f"arn:aws:iam::{world.account.id}:root"
    policy = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "secretsmanager:*", "Resource": "*"}
    service(page, "Store a new secret")
    page.get_by_label("Credentials for a database").check()
    page.get_by_label("Database engine").select_option("mysql")
    for label, text in (("User name", "app"), ("Server address", "db.internal"), ("Database name", "shop")):
        page.get_by_label(label).fill(text)
    page.get_by_label("Password", exact=True).fill("canary-wizard")
    page.get_by_label("Port").fill("3306")
    page.get_by_label("Encryption key").select_option("alias/lab")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Secret name").fill("lab/database")
    page.get_by_label("Description").fill("The lab's database")
    tags = page.locator("#tags")
    tags.get_by_label("Key").fill("team")
    tags.get_by_label("Value").fill("lab")
    page.get_by_role("button", name="Add tag").click()
    tags.get_by_label("Key").nth(1).fill("stage")
    tags.get_by_label("Value").nth(1).fill("dev")
    page.get_by_label("Resource permissions").fill(json.dumps({"Version": "2012-10-17", "Statement": policy}))
    page.get_by_label("Replicate to").select_option("eu-west-1")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Automatic rotation").check()
    page.get_by_label("Rotate every (days)").fill("7")
    page.get_by_role("button", name="Next").click()
    review = page.locator("[data-review]")
    for text in ("MySQL", "db.internal", "alias/lab", "lab/database", "eu-west-1", "rotator", "7"):
        expect(review).to_contain_text(text)
    assert "canary" not in (review.text_content() or "")
    for language in LANGUAGES:
        code = page.locator("details").filter(has=page.locator("summary", has_text=language)).locator("[data-sample]")
        expect(code.first).to_contain_text("lab/database")
        expect(code.first).to_contain_text(world.server.url)
    picture(page, "wizard")
    page.get_by_role("button", name="Store", exact=True).click()

    expect(page.get_by_role("heading", name="lab/database")).to_be_visible()
    client = world.account.client("secretsmanager")
    told_of = client.describe_secret(SecretId="lab/database")
    assert "alias/lab" in told_of["KmsKeyId"] or key in told_of["KmsKeyId"]
    assert [{"Key": "team", "Value": "lab"}, {"Key": "stage", "Value": "dev"}] == told_of["Tags"]
    assert ({"AutomaticallyAfterDays": 7}, ["eu-west-1"]) == (
        told_of["RotationRules"],
        [one["Region"] for one in told_of["ReplicationStatus"]],
    )
    tab(page, "Rotation")
    expect(page.locator("#standing")).to_contain_text("succeeded")
    tab(page, "Permissions")
    expect(page.get_by_role("textbox", name="Policy")).to_have_value(re.compile(re.escape(trusted)))
    tab(page, "Sample code")
    for language in LANGUAGES:
        expect(page.locator("summary", has_text=language).first).to_be_visible()
    assert [] == told


def test_a_value_is_edited_and_two_versions_differ_by_keys_alone(visit: Any, world: World) -> None:
    page, told = visit
    client = world.account.client("secretsmanager")
    client.create_secret(Name="lab", SecretString=json.dumps({"user": "u", "password": "canary-old"}))
    page.goto(f"{world.server.url}/console/{REGION}/secret?id=lab")
    page.get_by_role("button", name="Edit").click()
    rows = page.locator("#pairs .row")
    rows.nth(1).get_by_label("Value").fill("canary-new")
    page.get_by_role("button", name="Add row").click()
    rows.nth(2).get_by_label("Key").fill("host")
    rows.nth(2).get_by_label("Value").fill("h")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A new version was stored")).to_be_visible()
    assert {"user": "u", "password": "canary-new", "host": "h"} == json.loads(
        client.get_secret_value(SecretId="lab")["SecretString"]
    )
    tab(page, "Versions")
    page.get_by_role("button", name="Compare keys").click()
    difference = page.locator("main")
    for word in ("Added", "host", "Changed", "password", "Unchanged", "user"):
        expect(difference).to_contain_text(re.compile(word, re.IGNORECASE))
    assert "canary" not in page.content()
    page.get_by_text("Make another version the current one").click()
    page.get_by_role("button", name="Make current").click()
    expect(page.get_by_text("The version is AWSCURRENT now.")).to_be_visible()
    assert "canary-old" in client.get_secret_value(SecretId="lab")["SecretString"]
    tab(page, "Activity")
    expect(page.get_by_role("row", name="admin GetSecretValue").first).to_be_visible()
    assert [] == told


def test_permissions_are_checked_saved_and_explained_and_copies_made(visit: Any, world: World) -> None:
    page, told = visit
    world.account.client("secretsmanager").create_secret(Name="lab", SecretString="x")
    page.goto(f"{world.server.url}/console/{REGION}/secret?id=lab&tab=permissions")
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*"}
    document = {"Version": "2012-10-17", "Statement": statement}
    page.get_by_role("textbox", name="Policy").fill(json.dumps(document))
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#checks")).to_contain_text("Resource")
    statement |= {"Principal": {"AWS": f"arn:aws:iam::{world.account.id}:user/admin"}, "Resource": "*"}
    page.get_by_role("textbox", name="Policy").fill(json.dumps(document))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The resource policy was saved.")).to_be_visible()
    expect(page.get_by_role("row", name="user/admin")).to_be_visible()
    tab(page, "Replication")
    page.locator("[name=to_region]").select_option("eu-central-1")
    page.get_by_role("button", name="Replicate").click()
    expect(page.locator("#replicas")).to_contain_text("InSync")
    page.get_by_role("link", name="eu-central-1").last.click()
    expect(page.get_by_text("This is a replica.")).to_be_visible()
    assert [] == told


def test_a_rotation_that_failed_is_tried_again_and_its_past_is_drawn(visit: Any, world: World) -> None:
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    page, told = visit
    client = world.account.client("secretsmanager")
    client.create_secret(Name="lab", SecretString="first")
    rotator(world.account, code=misbehaving('raise ValueError("the driver said no")'))
    page.goto(f"{world.server.url}/console/{REGION}/secret?id=lab&tab=rotation")
    page.get_by_label("Rotate immediately when the schedule is saved").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("the driver said no").first).to_be_visible()
    service(page, "Dashboard")
    expect(page.get_by_role("link", name="The rotation of lab fails")).to_be_visible()
    functions = world.account.client("lambda")
    functions.update_function_code(FunctionName="rotator", ZipFile=zipped({"app.py": COPYBOOK}))
    functions.get_waiter("function_updated_v2").wait(FunctionName="rotator")
    page.get_by_role("link", name="The rotation of lab fails").click()

    page.get_by_role("button", name="Try again now").click()

    expect(page.locator("#standing")).to_contain_text("succeeded")
    assert "first" != client.get_secret_value(SecretId="lab")["SecretString"]
    page.reload()
    expect(page.get_by_role("img", name="Rotations of this secret")).to_be_visible()
    page.get_by_role("button", name="Rehearse").click()
    expect(page.locator("#standing")).to_contain_text("rehearsal")
    assert [] == told


def test_a_key_is_made_rotated_and_its_users_and_rotations_shown(visit: Any, world: World) -> None:
    page, told = visit
    service(page, "Keys")
    page.get_by_label("Alias").fill("lab")
    page.get_by_role("button", name="Create a symmetric key").click()
    expect(page.get_by_text("The key was created.")).to_be_visible()
    world.account.client("secretsmanager").create_secret(Name="under-it", SecretString="x", KmsKeyId="alias/lab")
    page.get_by_role("button", name="Rotate now").click()
    expect(page.get_by_role("img", name="Rotations of this key")).to_be_visible()
    expect(page.get_by_text("1 secrets of this account are encrypted under it")).to_be_visible()
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Rotated automatically every 365 days")).to_be_visible()
    picture(page, "key")
    assert [] == told


def test_a_function_is_tested_and_markup_in_its_log_runs_nothing(visit: Any, world: World) -> None:
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    page, told = visit
    runs = make_role(world.account, "runs", {"Action": ["logs:*"], "Resource": "*"})
    code = f"def handler(event, context):\n    print({EVIL!r})\n    return {{'markup': {EVIL!r}}}\n"
    make_function(world.account, "greeter", code, runs, Timeout=30)
    service(page, "Functions")
    page.get_by_role("link", name="greeter").click()
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#result")).to_contain_text("The function succeeded")
    page.get_by_text("Log of this invocation").click()
    expect(page.get_by_text(EVIL).first).to_be_visible()
    page.reload()
    expect(page.locator("pre", has_text=EVIL).first).to_be_visible()
    assert [] == [one for one in told if "reload" not in one]


def test_a_user_is_made_and_the_simulator_explains(visit: Any, world: World) -> None:
    page, told = visit
    service(page, "Identities")
    page.get_by_label("User name").fill("ann")
    page.get_by_role("button", name="Create user").click()
    page.get_by_label("Attach a managed policy").fill("arn:aws:iam::aws:policy/SecretsManagerReadWrite")
    page.get_by_role("button", name="Attach", exact=True).click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("Has a password since")).to_be_visible()
    for action, says in (("secretsmanager:GetSecretValue", "allowed"), ("kms:DisableKey", "implicitDeny")):
        page.get_by_label("Action", exact=True).fill(action)
        page.get_by_role("button", name="Simulate").click()
        expect(page.locator("#simulator").get_by_role("status")).to_contain_text(f"{action}: {says}")
    service(page, "Identities")
    page.get_by_role("navigation", name="Identities").get_by_role("link", name="Roles").click()
    expect(page.get_by_role("heading", name="Create a role")).to_be_visible()
    assert [] == told


def test_the_trail_is_searched_and_taken_away(visit: Any, world: World) -> None:
    page, told = visit
    world.account.client("secretsmanager").create_secret(Name="lab", SecretString="canary-trail")
    service(page, "Event history")
    page.get_by_label("Attribute").select_option("EventName")
    page.get_by_label("Value").fill("CreateSecret")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("rowheader", name=re.compile("CreateSecret"))).to_be_visible()
    with page.expect_download() as going:
        page.get_by_role("link", name="Export").click()
    records = json.loads(Path(going.value.path()).read_text())["Records"]
    assert ["CreateSecret"] == [one["eventName"] for one in records]
    assert "canary" not in json.dumps(records)
    assert [] == told


def test_accounts_and_regions_are_switches_in_the_header(visit: Any, world: World, server: InProcess) -> None:
    page, told = visit
    other = new_world(server)
    role(other, "readers", f"arn:aws:iam::{world.account.id}:root", MAY_READ)
    other.account.client("secretsmanager", "eu-west-1").create_secret(Name="theirs", SecretString="x")
    banner = page.get_by_role("banner")
    banner.get_by_text("admin").first.click()
    banner.get_by_role("link", name="Switch role").click()
    page.get_by_label("Account ID").fill(other.account.id)
    page.get_by_label("Role name").fill("readers")
    page.get_by_label("Display name").fill("Their readers")
    page.get_by_role("button", name="Switch role").click()
    expect(banner).to_contain_text(f"Their readers @ {other.account.id}")
    banner.get_by_text(REGION).first.click()
    banner.get_by_role("link", name="eu-west-1").click()
    expect(page.get_by_role("link", name="theirs")).to_be_visible()
    banner.get_by_text("Their readers").first.click()
    banner.get_by_role("button", name="Switch back to admin").click()
    expect(banner).to_contain_text(f"admin @ {world.account.id}")
    assert [] == told


def test_a_second_user_s_pages_show_nothing_of_the_first_and_say_why(chromium: Browser, world: World) -> None:
    client = world.account.client("secretsmanager")
    arn = client.create_secret(Name="theirs", SecretString="canary-second-user")["ARN"]
    world.user("ann", {"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "strongroom:*"], "Resource": "*"})
    first, second = opened(chromium), opened(chromium)
    try:
        mine = first.new_page()
        sign_in(mine, world)
        mine.goto(f"{world.server.url}/console/{REGION}/secret?id=theirs")
        mine.get_by_role("button", name="Retrieve secret value").click()
        expect(mine.get_by_text("canary-second-user").first).to_be_visible()
        page = second.new_page()
        sign_in(page, world, "ann")
        page.goto(f"{world.server.url}/console/{REGION}/secret?id={arn}")
        page.get_by_role("button", name="Retrieve secret value").click()
        expect(page.get_by_role("alert")).to_contain_text("You are not allowed to do this.")
        expect(page.get_by_role("alert")).to_contain_text("AccessDenied")
        assert "canary" not in page.content()
        page.get_by_role("link", name="Explain this denial").click()
        expect(page.get_by_role("heading", name=re.compile("GetSecretValue"))).to_be_visible()
        # Her cookie in the other window is still hers, and his buttons are not hers to press.
        token = mine.locator("[name=form_token]").first.input_value()
        answer = page.request.post(
            f"{world.server.url}/console/{REGION}/secret/reveal",
            form={"form_token": token, "id": "theirs"},
            headers={"Origin": world.server.url},
        )
        assert 403 == answer.status
        assert "canary" not in answer.text()
    finally:
        first.close()
        second.close()
