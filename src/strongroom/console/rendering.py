"""The templates' surroundings: what they can say of times, names and addresses. All text is escaped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import jinja2
import orjson

TEMPLATES = Path(__file__).with_name("templates")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


SAID = {
    "stored": "The secret was stored.",
    "policy-left": "The secret was stored; its resource policy was refused. You can mend it here.",
    "rotation-left": "The secret was stored; its rotation was refused. You can set it up here.",
    "put": "A new version was stored, and it is AWSCURRENT now.",
    "details": "The details were saved.",
    "tag": "The tag was saved.",
    "untag": "The tag was removed.",
    "delete": "The deletion was scheduled.",
    "restore": "The deletion was cancelled.",
    "rotate": "The rotation has begun.",
    "rehearse": "The rehearsal has begun: the function tests the present value.",
    "retry": "The rotation is tried again.",
    "abandon": "The rotation was abandoned. What value it had is kept.",
    "rotation": "The rotation was configured.",
    "rotation-off": "Rotation was turned off.",
    "policy": "The resource policy was saved.",
    "policy-drop": "The resource policy was deleted.",
    "replicate": "The replica is being made.",
    "replica-drop": "The replica was removed.",
    "key": "The key was created.",
    "saved": "The change was made.",
    "removed": "It was deleted.",
    "promote": "The version is AWSCURRENT now.",
}
"""What a page may say of the change before it, by a word in its address: nobody can make it say anything else."""

_SENTENCES = (
    ("AccessDenied", "You are not allowed to do this. Somebody who administers your account can allow it."),
    ("ResourceNotFound", "There is no such thing here. It may have been deleted, or be in another Region or account."),
    ("ResourceExists", "Something of this name is there already. Choose another name."),
    ("NextToken", "The list cannot be gone on with from there. Begin at its first page."),
    ("InvalidParameter", "Something that was filled in cannot be taken. Change it and try again."),
    ("Validation", "Something that was filled in cannot be taken. Change it and try again."),
    ("MalformedPolicy", "The policy is not one that can be stored. Mend it and try again."),
    ("PublicPolicy", "The policy would open the secret to everybody. Name who may use it."),
    ("TargetMayHaveIt", "The target may have the new value already. Read what is said below before you go on."),
    ("RotationRefused", "This cannot be done as the rotation stands."),
    ("NoSuchSecret", "There is no such thing here. It may have been deleted, or be in another Region or account."),
    ("InvalidRequest", "This cannot be done as things stand."),
    ("Decryption", "The encryption key refused to decrypt the value. Look at the key and its policy."),
    ("Encryption", "The encryption key refused to encrypt the value. Look at the key and its policy."),
    ("LimitExceeded", "A quota is used up."),
    ("PasswordPolicyViolation", "The account's password policy does not allow this password. Choose another one."),
    ("Throttling", "Too much was asked at once. Wait a moment and try again."),
    ("ServiceUnavailable", "The server is busy. Wait a moment and try again."),
    ("InternalFailure", "The server failed. Its log says more under the request id."),
    ("Internal", "The server failed. Its log says more under the request id."),
)


class Coded(Protocol):
    """A refusal as far as its sentence goes."""

    @property
    def code(self) -> str:
        """AWS's code."""
        ...


def sentence(refusal: Coded) -> str:
    """What a refusal means for the person who reads it, and a way out."""
    return next((text for word, text in _SENTENCES if word in refusal.code), "This was refused.")


def environment(mark: str) -> jinja2.Environment:
    """Jinja2 with escaping everywhere and no silence about names that are not there. ``mark`` is in the addresses of
    styles and scripts, so that a new version of them is fetched.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": f"/console/static/{mark}", "SAID": SAID, "sentence": sentence}
    made.filters |= {"moment": moment, "ago": ago, "pretty": pretty, "last": last_part}
    return made


def moment(when: datetime | None) -> str:
    """``2026-01-02 03:04 UTC``; a dash for never."""
    return "-" if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def ago(when: datetime | None, now: datetime) -> str:
    """``3 hours ago``, ``in 2 days``, ``today``; a dash for never."""
    if when is None:
        return "-"
    seconds = int((now - when) / timedelta(seconds=1))
    size = abs(seconds)
    if size < _MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if size >= unit:
            count = size // unit
            told = f"{count} {name}{'s' if count > 1 else ''}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return ""


def pretty(value: Any) -> str:
    """JSON as people read it; text that is none as it is."""
    try:
        read = orjson.loads(value) if isinstance(value, str | bytes) else value
        return orjson.dumps(read, option=orjson.OPT_INDENT_2, default=str).decode()
    except (orjson.JSONDecodeError, TypeError):
        return str(value)


def last_part(arn: str) -> str:
    """What stands behind the last colon or slash."""
    return arn.rpartition(":")[2].rpartition("/")[2]
