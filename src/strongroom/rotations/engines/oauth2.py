"""OAuth 2.0: refresh tokens that are exchanged for new ones, and client secrets of registered clients.

With ``refresh_token`` in the secret, it is exchanged at ``token_url``; else ``registration_client_uri`` and
``registration_access_token`` have the client's secret changed. Both hand out the new value and end the old one in
one answer: an answer that is lost cannot be asked for again, unless the provider takes the old one for a while.
Source: RFC 6749, section 6; RFC 7592, section 2.2; RFC 9700, section 4.14.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_plus

from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.engines.web import ask
from strongroom.rotations.errors import RotationError
from strongroom.rotations.secret import text_of


def plan(tools: Tools) -> Plan:
    """The plan of an OAuth client."""
    return OAuthClient(tools)


class OAuthClient:
    """One client of one provider."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """Exchange the refresh token, or have the client's secret changed."""
        if "refresh_token" in current:
            form = {"grant_type": "refresh_token", "refresh_token": text_of(current, "refresh_token")}
            told = _token(current, form)
            taken: dict[str, Any] = {
                name: told[name] for name in ("access_token", "expires_in", "refresh_token") if name in told
            }
            return {**current, **taken}
        return {**current, **_registered(current)}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Nothing: the provider made it."""

    def test(self, value: Value) -> None:
        """Use what was given: the access token at ``test_url``, or the client's secret for a token of its own."""
        if "refresh_token" not in value:
            _token(value, {"grant_type": "client_credentials"})
        elif "test_url" in value:
            bearer = {"Authorization": f"Bearer {text_of(value, 'access_token')}"}
            ask(value, "GET", text_of(value, "test_url"), headers=bearer)

    def retire(self, current: Value, previous: Value | None) -> None:
        """Nothing: the provider ended the old one."""

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """What does not use anything up."""
        lost = "an answer that is lost takes the only copy with it, unless the provider allows the old one for a while"
        if "refresh_token" in current:
            text_of(current, "token_url")
            return [Finding("login", f"a refresh token is not tried, for trying it uses it up; {lost}")]
        self.test(current)
        text_of(current, "registration_access_token")
        return [Finding("login", "the client's secret works"), Finding("right to change", lost)]


def _token(value: Value, form: dict[str, str]) -> dict[str, Any]:
    """What the token endpoint answers. Source: RFC 6749, sections 2.3.1 and 5.1."""
    pair = f"{quote_plus(text_of(value, 'client_id'))}:{quote_plus(text_of(value, 'client_secret'))}"
    basic = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    told = ask(value, "POST", text_of(value, "token_url"), headers=basic, form=form)
    if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
        raise RotationError("the token endpoint answered without an access token")
    return told


def _registered(value: Value) -> dict[str, str]:
    """Have the registration changed as it is; what the provider then says of secrets. Source: RFC 7592, 2.1 and 2.2."""
    uri = text_of(value, "registration_client_uri")
    bearer = {"Authorization": f"Bearer {text_of(value, 'registration_access_token')}"}
    found = ask(value, "GET", uri, headers=bearer)
    if not isinstance(found, dict):
        raise RotationError("the registration endpoint answered without a client")
    unchanged = {name: part for name, part in found.items() if name not in _OF_THE_SERVER}
    unchanged |= {"client_id": text_of(value, "client_id"), "client_secret": text_of(value, "client_secret")}
    told = ask(value, "PUT", uri, headers=bearer, body=unchanged)
    secret = told.get("client_secret") if isinstance(told, dict) else None
    if not isinstance(secret, str) or secret == value["client_secret"]:
        raise RotationError("the provider did not change the client's secret")
    kept = ("registration_access_token", "registration_client_uri")
    return {"client_secret": secret} | {name: told[name] for name in kept if isinstance(told.get(name), str)}


_OF_THE_SERVER = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
"""What a client must not send. Source: RFC 7592, section 2.2."""
