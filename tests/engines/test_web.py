"""Ready-made rotation of API keys and OAuth 2.0 secrets, against a service in the test."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rotations.engines import http_key, oauth2
from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.targets.web import WebTarget


def api_key(web: WebTarget, *, encrypted: bool = True) -> dict[str, Any]:
    """The value of a secret with a key that the service knows."""
    url, bearer = web.url if encrypted else web.plain_url, {"Authorization": "Bearer {api_key}"}
    web.keys.clear()
    web.keys["first"] = "k'\"{}&1"
    return {
        "api_key": web.keys["first"],
        "key_id": "first",
        "ssl": encrypted,
        "ca": web.authority,
        "app": "billing",
        "requests": {
            "create": {
                "method": "POST",
                "url": f"{url}/keys",
                "headers": bearer | {"Idempotency-Key": "{token}"},
                "json": {"name": "{app}"},
                "take": {"api_key": "/data/0/key/secret", "key_id": "/data/0/key/id"},
            },
            "test": {"method": "GET", "url": f"{url}/me", "headers": bearer},
            "revoke": {"method": "DELETE", "url": f"{url}/keys/{{old.key_id}}", "headers": bearer},
        },
    }


@pytest.mark.parametrize("encrypted", [True, False])
def test_the_key_before_the_current_lives_until_the_next_rotation(web_target: WebTarget, encrypted: bool) -> None:
    first = api_key(web_target, encrypted=encrypted)
    second = turned(http_key.plan(Alone()), first)
    assert {first["api_key"], second["api_key"]} <= set(web_target.keys.values())
    third = turned(http_key.plan(Alone()), second, first)
    assert {second["api_key"], third["api_key"]} == set(web_target.keys.values())


def test_a_previous_version_that_was_no_key_stops_nothing(web_target: WebTarget) -> None:
    second = turned(http_key.plan(Alone()), api_key(web_target), {"\0bare": "placeholder"})
    assert {"k'\"{}&1", second["api_key"]} == set(web_target.keys.values())


def test_the_old_key_can_end_at_once(web_target: WebTarget) -> None:
    second = turned(http_key.plan(Alone(KEEP_PREVIOUS="false")), api_key(web_target))
    assert second["api_key"] in web_target.keys.values()
    assert "first" not in web_target.keys


def test_a_repeated_attempt_gets_the_same_key_of_a_service_that_knows_the_token(
    rotating: Rotating, web_target: WebTarget
) -> None:
    from strongroom.rotations.contract import Attempt  # noqa: PLC0415

    first = api_key(web_target)
    plan = http_key.plan(Alone())
    assert plan.create(first, Attempt("t-1")) == plan.create(first, Attempt("t-1"))
    assert plan.create(first, Attempt("t-1")) != plan.create(first, Attempt("t-2"))


def test_a_redirect_is_not_followed(web_target: WebTarget) -> None:
    first = api_key(web_target)
    web_target.redirects = True
    try:
        with pytest.raises(RotationError, match=r"GET https://127\.0\.0\.1:\d+/me answered 302"):
            http_key.plan(Alone()).test(first)
    finally:
        web_target.redirects = False


def test_plain_http_is_spoken_only_where_the_secret_says_so(web_target: WebTarget) -> None:
    first = api_key(web_target, encrypted=False) | {"ssl": True}
    with pytest.raises(RotationError, match="is without TLS"):
        http_key.plan(Alone()).test(first)


def test_a_place_that_the_secret_does_not_fill_is_an_error(web_target: WebTarget) -> None:
    first = api_key(web_target)
    del first["app"]
    with pytest.raises(RotationError, match=r"\{app\} in a request is no member of the secret"):
        turned(http_key.plan(Alone()), first)


def test_a_key_that_would_never_be_revoked_is_found_in_a_rehearsal(web_target: WebTarget) -> None:
    first = api_key(web_target)
    assert {""} == {found.mend for found in http_key.plan(Alone()).rehearse(first, None)}
    first["requests"]["revoke"]["url"] += "/{old.other}"
    with pytest.raises(RotationError, match=r"\{old\.other\} in requests\.revoke is no member"):
        http_key.plan(Alone()).rehearse(first, None)


def test_a_refresh_token_is_exchanged(web_target: WebTarget) -> None:
    web_target.clients["app"], web_target.tokens = "c:'%&", {"r'%&+"}
    first = {
        "client_id": "app",
        "client_secret": "c:'%&",
        "refresh_token": "r'%&+",
        "token_url": f"{web_target.url}/token",
        "test_url": f"{web_target.url}/userinfo",
        "ca": web_target.authority,
    }
    second = turned(oauth2.plan(Alone()), first)
    assert {second["refresh_token"]} == web_target.tokens
    third = turned(oauth2.plan(Alone()), second, first)
    assert {third["refresh_token"]} == web_target.tokens != {second["refresh_token"]}
    with pytest.raises(RotationError, match=r"answered 400: .*invalid_grant"):
        turned(oauth2.plan(Alone()), first)


def test_a_clients_secret_is_changed_at_its_registration(web_target: WebTarget) -> None:
    web_target.clients["app"] = "before"
    first = {
        "client_id": "app",
        "client_secret": "before",
        "token_url": f"{web_target.plain_url}/token",
        "registration_client_uri": f"{web_target.plain_url}/register",
        "registration_access_token": "r",
        "ssl": False,
    }
    second = turned(oauth2.plan(Alone()), first)
    assert second["client_secret"] == web_target.clients["app"] != "before"


def test_api_keys_and_refresh_tokens_rotate_end_to_end(rotating: Rotating, web_target: WebTarget) -> None:
    rotating.make("key", api_key(web_target))
    assert rotating.enable("key", "http-key")["api_key"] in web_target.keys.values()
    web_target.clients["app"], web_target.tokens = "c", {"r"}
    first = {"client_id": "app", "client_secret": "c", "refresh_token": "r", "ca": web_target.authority}
    rotating.make("tokens", first | {"token_url": f"{web_target.url}/token"})
    assert {rotating.enable("tokens", "oauth2")["refresh_token"]} == web_target.tokens
