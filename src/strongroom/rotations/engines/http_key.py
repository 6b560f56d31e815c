"""API keys of a service with an HTTP API: the secret itself says how one is made, tried and revoked.

``requests`` in the secret's JSON holds ``create``, and, where the service has them, ``test`` and ``revoke``::

    {"api_key": "...", "key_id": "...", "requests": {
        "create": {"method": "POST", "url": "https://api.example/keys",
                   "headers": {"Authorization": "Bearer {api_key}"}, "json": {"name": "app"},
                   "take": {"api_key": "/secret", "key_id": "/id"}},
        "test":   {"method": "GET", "url": "https://api.example/me", "headers": {"Authorization": "Bearer {api_key}"}},
        "revoke": {"method": "DELETE", "url": "https://api.example/keys/{old.key_id}",
                   "headers": {"Authorization": "Bearer {api_key}"}}}}

``{name}`` stands for a member of the secret, ``{old.name}`` for one of the value to be revoked, ``{token}`` for the
rotation's own token: services that know idempotency keys answer a repeated request with the same key. ``take`` says
with JSON pointers (RFC 6901) which members come from the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.engines.web import Answered, ask
from strongroom.rotations.errors import BadSecret, RotationError
from strongroom.rotations.secret import text_of
from strongroom.rotations.strategies import keeps_previous

_PLACE = re.compile(r"\{((?:old\.)?[A-Za-z_][A-Za-z0-9_]*)\}")
_GONE = (404, 410)


def plan(tools: Tools) -> Plan:
    """The plan of an API key."""
    return APIKey(tools)


class APIKey:
    """One key of one service."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:
        """Have the service make a key, with the current one."""
        request = _request(current, "create")
        if request is None:
            raise BadSecret("requests.create is missing from secret JSON")
        answer = _sent(current, request, {**_names(current), "token": attempt.token})
        take = request.get("take")
        if not isinstance(take, dict) or not take:
            raise BadSecret("requests.create.take must say which members come from the answer")
        taken = {str(name): _at(answer, str(pointer)) for name, pointer in take.items()}
        if "requests" in taken:
            raise BadSecret("requests.create.take must not replace the requests")
        return {**current, **taken}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Revoke the key before the current one: the service made the new one already."""
        if previous is not None and not _same(previous, current):
            _revoke(pending, previous)

    def test(self, value: Value) -> None:
        """Send the request that shows a key to be taken."""
        request = _request(value, "test")
        if request is not None:
            _sent(value, request, _names(value))

    def retire(self, current: Value, previous: Value | None) -> None:
        """Revoke the previous key, where two shall not be valid."""
        if previous is not None and not keeps_previous(self._tools) and not _same(previous, current):
            _revoke(current, previous)

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """Send the request that changes nothing."""
        if _request(current, "create") is None:
            raise BadSecret("requests.create is missing from secret JSON")
        missing = sorted(_places(_request(current, "revoke")) - set(_with_old(current, current)))
        if missing:
            raise BadSecret(f"{{{missing[0]}}} in requests.revoke is no member of the secret: no key would be revoked")
        if _request(current, "test") is None:
            return [Finding("login", "there is no test request: that the key works is not known")]
        self.test(current)
        seen = "whether the key may make another cannot be seen without making one"
        return [Finding("login", "the key works"), Finding("right to change", seen)]


def _request(value: Value, name: str) -> Mapping[str, Any] | None:
    found = value.get("requests")
    if not isinstance(found, dict):
        raise BadSecret("requests key is missing from secret JSON")
    one = found.get(name)
    if one is not None and not isinstance(one, dict):
        raise BadSecret(f"requests.{name} must be an object")
    return one


def _revoke(current: Value, old: Value) -> None:
    request = _request(current, "revoke")
    names = _with_old(current, old)
    # A version that was stored by hand may be of something else, with nothing to revoke.
    if request is None or not _places(request) <= set(names):
        return
    try:
        _sent(current, request, names)
    except Answered as answered:
        if answered.status not in _GONE:
            raise


def _places(request: Mapping[str, Any] | None) -> set[str]:
    return set(_PLACE.findall(json.dumps(request)))


def _with_old(current: Value, old: Value) -> dict[str, str]:
    return _names(current) | {f"old.{name}": text for name, text in _names(old).items()}


def _sent(value: Value, request: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    url = _filled(text_of(dict(request), "url"), {name: quote(text, safe="") for name, text in names.items()})
    headers = request.get("headers", {})
    if not isinstance(headers, dict):
        raise BadSecret("headers of a request must be an object")
    return ask(
        value,
        str(request.get("method", "POST")),
        url,
        headers={str(name): _filled(str(text), names) for name, text in headers.items()},
        body=_within(request.get("json"), names),
        form=_within(request.get("form"), names),
    )


def _names(value: Value) -> dict[str, str]:
    return {name: str(part) for name, part in value.items() if isinstance(part, (str, int)) and name != "requests"}


def _filled(text: str, names: Mapping[str, str]) -> str:
    """A text with its places filled. Raises BadSecret for a name that is not in the secret."""

    def one(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise BadSecret(f"{{{found[1]}}} in a request is no member of the secret")
        return names[found[1]]

    return _PLACE.sub(one, text)


def _within(part: Any, names: Mapping[str, str]) -> Any:
    """The same for every text of a JSON value: what is filled in cannot change the value's form."""
    if isinstance(part, str):
        return _filled(part, names)
    if isinstance(part, dict):
        return {name: _within(inner, names) for name, inner in part.items()}
    if isinstance(part, list):
        return [_within(inner, names) for inner in part]
    return part


def _at(answer: Any, pointer: str) -> str:
    """What a JSON pointer points to, as text. Source: RFC 6901, section 4."""
    found = answer
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise RotationError(f"the service's answer has nothing at {pointer}")
    if not isinstance(found, (str, int)) or found == "":
        raise RotationError(f"the service's answer has no text at {pointer}")
    return str(found)


def _same(one: Value, other: Value) -> bool:
    return {**one, "requests": None} == {**other, "requests": None}
