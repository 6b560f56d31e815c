"""What Lambda calls: one of the four steps, or the rehearsal.

An error leaves with its words, and with every value of the versions in play masked in them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from strongroom.rotations.contract import Finding, Plan, Value
from strongroom.rotations.engines import plan_for
from strongroom.rotations.errors import BadSecret, RotationError, said
from strongroom.rotations.passwords import password_settings
from strongroom.rotations.rehearsal import rehearse
from strongroom.rotations.secret import BARE, Secret, parsed
from strongroom.rotations.steps import run_step

_SHOWN = frozenset((
    "engine", "host", "port", "username", "dbname", "ssl", "masterarn", "ca", "host_key", "public_key",
    "access_key_id", "key_id", "client_id", "token_url", "test_url", "registration_client_uri", "url", "method",
))  # fmt: skip
"""Members that may be told, at whatever depth; whatever else a secret holds is masked."""
_SHORTEST_MASKED = 4
MOST_CHARACTERS = 1000
"""How long an error or a finding may be."""
_clients: dict[tuple[str, tuple[Any, ...]], Any] = {}


class FunctionTools:
    """The tools of a plan, inside a function."""

    environment: Mapping[str, str] = os.environ

    def __init__(self) -> None:
        self.seen: list[Value] = []

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client; those with the role's own credentials are kept while the process is warm."""
        import boto3  # noqa: PLC0415  the functions of a test without AWS need none

        if more:
            return boto3.client(service, **more)
        key = (service, ())
        if key not in _clients:
            _clients[key] = boto3.client(service)
        return _clients[key]

    @cached_property
    def secrets(self) -> Any:
        """Secrets Manager, where the function's environment says that it is."""
        return self.client("secretsmanager")

    def password(self) -> str:
        """One from GetRandomPassword."""
        found: str = self.secrets.get_random_password(**password_settings(self.environment))["RandomPassword"]
        self.seen.append({"password": found})
        return found

    def other_secret(self, arn: str) -> Value:
        """The current value of another secret."""
        found = parsed(self.secrets.get_secret_value(SecretId=arn)["SecretString"], "superuser's")
        self.seen.append(found)
        if BARE in found:
            raise BadSecret("the superuser's secret is not a JSON object")
        return found


def rotate(event: Mapping[str, Any], context: Any) -> list[dict[str, str]] | None:  # noqa: ARG001  Lambda's signature
    """Do what the event says. Raises RotationError with words that hold no value of the secret."""
    tools = FunctionTools()
    secret = Secret(tools.secrets, event["SecretId"], event.get("ClientRequestToken", ""))
    try:
        plan: Plan = plan_for(tools)
        if event["Step"] == "rehearse":
            findings: list[Finding] = rehearse(secret, plan)
            words = [asdict(one) for one in findings]
            return [{name: masked(text, [*secret.seen, *tools.seen]) for name, text in one.items()} for one in words]
        run_step(event["Step"], secret, plan)
    except Exception as error:  # noqa: BLE001  whatever it is, its words are masked before they leave
        kind = "" if isinstance(error, RotationError) else f"{type(error).__name__}: "
        words_ = masked(f"{event['Step']}: {kind}{said(error)}", [*secret.seen, *tools.seen])
        # The error's own chain would show the words that are masked here.
        raise RotationError(words_) from None
    return None


def masked(text: str, values: Iterable[Value]) -> str:
    """A text without any secret member of the values, in the forms in which drivers and URLs repeat them."""
    hidden: set[str] = set()
    for value in values:
        hidden.update(_secrets_in(value))
    for form in sorted({form for one in hidden for form in _forms(one)}, key=len, reverse=True):
        text = text.replace(form, "***")
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _forms(one: str) -> set[str]:
    """A value as it is, on one line, quoted for URLs, forms, SQL, Python and JSON."""
    slashed = one.replace("\\", "\\\\")
    quoted = {slashed.replace("'", "\\'"), one.replace("'", "''"), repr(one)[1:-1], json.dumps(one)[1:-1]}
    found = {one, " ".join(one.split()), quote(one, safe=""), quote(one), quote_plus(one), *quoted}
    return {form for form in found if len(form) >= _SHORTEST_MASKED}


def _secrets_in(part: Any) -> Iterable[str]:
    if isinstance(part, str):
        if len(part) >= _SHORTEST_MASKED:
            yield part
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name not in _SHOWN:
                yield from _secrets_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _secrets_in(inner)
