"""The pages of functions and of the trail."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.console.conftest import PASSWORD, World
from tests.functions.packing import make_function, make_role

REGION = "us-east-1"
CODE = """
def handler(event, context):
    print("<script>alert('planted in a log')</script>")
    if event.get("fail"):
        raise ValueError("as asked")
    return {"got": event, "markup": "<b>bold</b>"}
"""


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not on this machine")
def test_a_function_is_tested_and_what_it_prints_is_text(world: World) -> None:
    role = make_role(world.account, "runs", {"Action": ["logs:*"], "Resource": "*"})
    make_function(world.account, "greeter", CODE, role, Timeout=30)
    browser = world.signed_in()
    assert "greeter" in browser.get(f"/console/{REGION}/functions").text

    page = browser.post(f"/console/{REGION}/function/invoke", name="greeter", event='{"a": 1}')

    assert "The function succeeded" in page.text
    assert '"got"' in page.text
    failed = browser.post(f"/console/{REGION}/function/invoke", name="greeter", event='{"fail": true}')
    assert "The function failed" in failed.text
    assert "as asked" in failed.text
    for one in (page, failed):
        assert "planted in a log" in one.text
        assert "<script>alert" not in one.html
        assert "<b>bold" not in one.html
    refused = browser.post(f"/console/{REGION}/function/invoke", name="greeter", event="{")
    assert "InvalidRequestContentException" in refused.text


def test_without_functions_the_page_says_what_they_are(world: World) -> None:
    assert "No functions in us-east-1 yet" in world.signed_in().get(f"/console/{REGION}/functions").text


def test_the_event_history_is_searched_by_who_what_and_when_and_exported(world: World) -> None:
    world.account.client("secretsmanager").create_secret(Name="a", SecretString="canary-audit")
    browser = world.signed_in()
    browser.post(f"/console/{REGION}/secret/reveal", id="a")
    where = f"/console/{REGION}/audit"

    page = browser.get(f"{where}?key=EventName&value=ConsoleLogin")
    assert "signin.amazonaws.com" in page.text
    assert "GetSecretValue" in browser.get(f"{where}?key=Username&value=admin").text
    assert "No events fit." in browser.get(f"{where}?key=Username&value=nobody").text
    assert "No events fit." in browser.get(f"{where}?until=2001-01-01").text
    assert "GetSecretValue" in browser.get(f"{where}?since=2001-01-01&until=x").text
    assert "GetSecretValue" in browser.get(f"/console/{REGION}/secret?id=a&tab=activity").text
    told = browser.get(f"{where}/export?key=EventName&value=GetSecretValue")
    assert "attachment" in told.headers["content-disposition"]
    (record,) = json.loads(told.html)["Records"]
    assert ("GetSecretValue", "true") == (record["eventName"], record["sessionCredentialFromConsole"])
    assert "canary" not in told.html


def test_who_may_not_read_the_trail_is_told_so(world: World) -> None:
    world.user("ann")
    browser = world.signed_in("ann")
    assert 403 == browser.get(f"/console/{REGION}/audit").status
    assert 403 == browser.get(f"/console/{REGION}/audit/export").status


def test_a_planted_user_agent_is_text_in_the_event_history(world: World) -> None:
    browser = world.browser(agent="<script>alert(1)</script>")
    browser.sign_in(world.account.id, "admin", PASSWORD)
    page = browser.get(f"/console/{REGION}/audit")
    assert "alert(1)" in page.text
    assert "<script>alert" not in page.html
