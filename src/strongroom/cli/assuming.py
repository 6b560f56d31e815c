"""Asking a server's STS for the credentials of a role, in the forms that AWS's SDKs take them.

Source: API reference, AssumeRole; AWS SDKs and Tools Reference, "Process credential provider" and "Container
credential provider".
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from urllib.parse import urlencode
from xml.etree import ElementTree

from strongroom.base.classes import dataclass, field
from strongroom.base.keyids import account_of
from strongroom.cli.client import Client
from strongroom.server.parts import StartRefused

VERSION = "2011-06-15"
_ROLE_NAME = re.compile(r"[\w+=,.@-]+(?:/[\w+=,.@-]+)*", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws:iam::[0-9]{12}:role/[\x21-\x7e]+")
_MEMBERS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


@dataclass(frozen=True, slots=True)
class Wish:
    """What AssumeRole is to be asked for; ``seconds`` None leaves the length to the server."""

    role: str
    session_name: str
    seconds: int | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """The credentials of one session. ``expiration`` in ISO 8601, as the server wrote it."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expiration: str

    def for_process(self) -> dict[str, str | int]:
        """As ``credential_process`` prints them."""
        return {
            "Version": 1,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret,
            "SessionToken": self.token,
            "Expiration": self.expiration,
        }

    def for_container(self, role_arn: str) -> dict[str, str]:
        """As a container-credentials endpoint answers."""
        return {
            "RoleArn": role_arn,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret,
            "Token": self.token,
            "Expiration": self.expiration,
        }


def add_wish(made: argparse.ArgumentParser) -> None:
    """The arguments that say which session is wanted."""
    made.add_argument(
        "role", metavar="ROLE", help="the role's ARN, or its name (with its path) in the account of the keys"
    )
    made.add_argument("--session-name", metavar="NAME", default="strongroom", help="default strongroom")
    made.add_argument("--duration", metavar="SECONDS", type=int, help="900 to the role's maximum (default 3600)")
    made.add_argument("--external-id", metavar="ID", help="what the role's trust policy asks for")


def wish_of(given: argparse.Namespace, client: Client) -> Wish:
    """The session that the arguments mean. Raises StartRefused for what cannot be a role."""
    return Wish(role_arn(given.role, client), given.session_name, given.duration, given.external_id)


def role_arn(role: str, client: Client) -> str:
    """A role's ARN from what a person wrote; a name alone is one of the account that the keys' id names."""
    if _ROLE_ARN.fullmatch(role):
        return role
    account = account_of(client.keys.access_key_id)
    if account is None or _ROLE_NAME.fullmatch(role) is None:
        raise StartRefused(f"{role!r} is no role: give arn:aws:iam::ACCOUNT:role/NAME")
    return f"arn:aws:iam::{account}:role/{role}"


def assume(client: Client, wish: Wish) -> Given:
    """Credentials of a new session. Raises StartRefused with the server's own words."""
    asked = {
        "Action": "AssumeRole",
        "Version": VERSION,
        "RoleArn": wish.role,
        "RoleSessionName": wish.session_name,
    }
    if wish.seconds is not None:
        asked["DurationSeconds"] = str(wish.seconds)
    if wish.external_id is not None:
        asked["ExternalId"] = wish.external_id
    form = "application/x-www-form-urlencoded; charset=utf-8"
    status, body = client.send("POST", "/", urlencode(asked).encode(), form, service="sts")
    found = _members(body)
    if status != 200 or not all(name in found for name in _MEMBERS):
        raise StartRefused(found.get("Message", f"the server answered with status {status}"))
    return Given(*(found[name] for name in _MEMBERS))


def _members(body: bytes) -> Mapping[str, str]:
    """The texts of an answer by the names of their elements, without namespaces; nothing where it is no XML."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  as above
    except ElementTree.ParseError:
        return {}
    return {one.tag.rpartition("}")[2]: one.text for one in root.iter() if one.text and one.text.strip()}
