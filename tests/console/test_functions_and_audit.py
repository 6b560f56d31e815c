"""The pages of functions and of the trail."""

from __future__ import annotations

import shutil

import pytest

from tests.console.conftest import World
from tests.functions.packing import make_function, make_role
from tests.rotation.rotators import until

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


def test_the_event_history_lists_calls_where_the_server_offers_them_and_else_says_so(world: World) -> None:
    engine = world.server.worker.asgi.engine  # type: ignore[attr-defined]
    browser = world.signed_in()
    where = f"/console/{REGION}/audit?key=EventName&value=ConsoleLogin"

    if "cloudtrail" in engine.chain.registry.rooms:
        until(lambda: "signin.amazonaws.com" in browser.get(where).text, "the record of the sign-in")
    else:
        assert "does not offer CloudTrail's LookupEvents yet" in browser.get(where).text
