"""Whom events are sent to, and what counts as an alert: the operator's file, and nothing else.

    [[webhook]]
    name = "siem"
    url = "https://siem.internal/strongroom"
    key_file = "/etc/strongroom/siem.key"
    sources = ["aws.secretsmanager"]            what is left out is not asked for
    names = ["PutSecretValue", "RotationSucceeded"]
    accounts = ["123456789012"]

    heads = true                                signed heads of the journal, too

    [alerts]
    rotation_failed = true

    [heads]
    file = "/mnt/elsewhere/heads.jsonl"
    every_seconds = 10

No operation can change it: whoever may write a policy must not be able to send secrets' names elsewhere.
A name that is not known refuses to start.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.outside.https import HTTPS, Outside
from strongroom.server.parts import StartRefused

MOST_WEBHOOKS = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_OF_WEBHOOKS = frozenset({
    "name", "url", "key_file", "ca_file", "internal", "sources", "names", "accounts", "alerts", "heads", "retry_hours",
})  # fmt: skip
HEADS_EVERY_SECONDS = 10.0
_LEAST_KEY_BYTES = 24
_MOST_KEY_BYTES = 4096
_STANDARD = b"whsec_"
ALERTS = "strongroom.alerts"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. ``key`` signs; empty ``sources``, ``names`` and ``accounts`` ask for all."""

    name: str
    url: str
    key: bytes = field(repr=False)
    sources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    alerts: bool = True
    heads: bool = False
    retry_hours: float = 24.0
    outside: Outside = field(default_factory=Outside)

    def wants(self, one: Event) -> bool:
        """Whether an event is for it."""
        if self.accounts and one.account not in self.accounts:
            return False
        if one.source == ALERTS:
            return self.alerts
        return (not self.sources or one.source in self.sources) and (not self.names or one.name in self.names)

    def client(self) -> HTTPS:
        """What calls it: to checked addresses, trusting its CA where it has one of its own."""
        return HTTPS(self.outside)


@dataclass(frozen=True, slots=True)
class Alerts:
    """What is told as an alert."""

    rotation_failed: bool = False
    key_deletion_scheduled: bool = False
    pending_deletion_read: bool = False
    new_reader: bool = False
    denials_a_minute: int = 0

    @property
    def any(self) -> bool:
        """Whether anything is."""
        return any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Heads:
    """Where signed heads go beside webhooks, and how long lies between two of them at least, anywhere."""

    file: Path | None = None
    every_seconds: float = HEADS_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Sinks:
    """The whole file."""

    webhooks: tuple[Webhook, ...] = ()
    alerts: Alerts = Alerts()
    heads: Heads = Heads()


def read_sinks(path: Path) -> Sinks:
    """The file at ``path``; nothing where there is none. Raises StartRefused with one sentence."""
    try:
        with path.open("rb") as file:
            told = tomllib.load(file)
    except FileNotFoundError:
        return Sinks()
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path} cannot be read: {error}") from None
    unknown = set(told) - {"webhook", "alerts", "heads"}
    if unknown:
        raise StartRefused(f"{path} has an unknown name: {min(unknown)}")
    try:
        hooks = tuple(_webhook(one) for one in told.get("webhook", ()))
        alerts = _alerts(told.get("alerts", {}))
        heads = _heads(told.get("heads", {}))
    except (TypeError, ValueError) as error:
        raise StartRefused(f"{path}: {error}") from None
    if len(hooks) > MOST_WEBHOOKS:
        raise StartRefused(f"{path} has more than {MOST_WEBHOOKS} webhooks")
    if len({one.name for one in hooks}) != len(hooks):
        raise StartRefused(f"{path} has two webhooks of one name")
    return Sinks(hooks, alerts, heads)


def _webhook(told: Mapping[str, Any]) -> Webhook:
    unknown = set(told) - _OF_WEBHOOKS
    if unknown:
        raise ValueError(f"a webhook has an unknown name: {min(unknown)}")
    name, url = _text(told, "name"), _text(told, "url")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a webhook's name")
    if not url.startswith("https://"):
        raise ValueError(f"the URL of webhook {name} must begin with https://")
    host = url.removeprefix("https://").partition("/")[0].lower()
    retry = float(told.get("retry_hours", 24))
    if not 0 < retry <= 24 * 7:
        raise ValueError(f"retry_hours of webhook {name} must be more than 0 and at most 168")
    return Webhook(
        name=name,
        url=url,
        key=_key(Path(_text(told, "key_file"))),
        sources=_texts(told, "sources"),
        names=_texts(told, "names"),
        accounts=_texts(told, "accounts"),
        alerts=_yes(told, "alerts", default=True),
        heads=_yes(told, "heads", default=False),
        retry_hours=retry,
        outside=Outside(
            internal=frozenset({host}) if _yes(told, "internal", default=False) else frozenset(),
            authorities={host: Path(_text(told, "ca_file"))} if "ca_file" in told else {},
        ),
    )


def _alerts(told: Mapping[str, Any]) -> Alerts:
    known = {one.name: one.type for one in fields(Alerts)}
    for name, value in told.items():
        if name not in known:
            raise ValueError(f"there is no alert {name!r}")
        fits = isinstance(value, bool) if known[name] == "bool" else type(value) is int and value >= 0
        if not fits:
            raise ValueError(f"alert {name} cannot be {value!r}")
    return Alerts(**told)


def _heads(told: Mapping[str, Any]) -> Heads:
    unknown = set(told) - {"file", "every_seconds"}
    if unknown:
        raise ValueError(f"heads have an unknown name: {min(unknown)}")
    file, every = told.get("file"), told.get("every_seconds", HEADS_EVERY_SECONDS)
    if file is not None and not (isinstance(file, str) and Path(file).is_absolute()):
        raise ValueError("the file of heads must be an absolute path")
    if isinstance(every, bool) or not isinstance(every, int | float) or not 1 <= every <= 86400:
        raise ValueError("every_seconds of heads must be from 1 to 86400")
    return Heads(None if file is None else Path(file), float(every))


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not found:
        raise ValueError(f"a webhook needs {name}")
    return found


def _texts(told: Mapping[str, Any], name: str) -> frozenset[str]:
    found = told.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{name} of a webhook must be a list of texts")
    return frozenset(found)


def _yes(told: Mapping[str, Any], name: str, *, default: bool) -> bool:
    found = told.get(name, default)
    if not isinstance(found, bool):
        raise TypeError(f"{name} of a webhook must be true or false")
    return found


def _key(path: Path) -> bytes:
    """The signing key in a file: as Standard Webhooks writes it (``whsec_`` and base64), or the bytes themselves."""
    try:
        with path.open("rb") as file:
            found = path.stat()
            raw = file.read(_MOST_KEY_BYTES).strip()
    except OSError as error:
        raise StartRefused(f"the key file {path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        raise StartRefused(f"{path} must be a file that only its owner may read: chmod 600 {path}")
    if raw.startswith(_STANDARD):
        try:
            raw = base64.b64decode(raw.removeprefix(_STANDARD), validate=True)
        except (binascii.Error, ValueError):
            raise StartRefused(f"{path} holds a key that begins with whsec_ and is not base64") from None
    if len(raw) < _LEAST_KEY_BYTES:
        raise StartRefused(f"{path} must hold a key of at least {_LEAST_KEY_BYTES} bytes")
    return raw
