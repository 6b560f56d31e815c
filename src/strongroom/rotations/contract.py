"""The one shape of all engines: a Plan says what the four steps do, a Session is a login that was let in.

A database engine gives sessions (``Engine``), over which ``strategies`` writes single and alternating users once.
A target that hands out its own secrets (access keys, API keys, tokens) is a Plan itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Value = dict[str, Any]
"""A secret's value: the JSON object of its SecretString."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rehearsal looked at. ``mend`` says how to put right what would break; "" where nothing would."""

    about: str
    seen: str
    mend: str = ""


class Session(Protocol):
    """A login at a target. Its methods raise CannotChange with the target's words."""

    encrypted: bool

    def set_password(self, user: str, password: str) -> None:
        """Have the target take another password for a user: its own, or another's where it may."""
        ...

    def clone(self, user: str, clone: str, password: str) -> None:
        """Make sure of a second user with the rights of the first, and set its password."""
        ...

    def rehearse(self, user: str, candidate: str, *, clone: str | None) -> list[Finding]:
        """Show that ``set_password`` (``clone``, where given) would be taken, and leave all as it was."""
        ...


class Engine(Protocol):
    """A kind of server with users and passwords."""

    user_characters: int
    """How long a user's name may be."""

    def open(self, value: Value) -> AbstractContextManager[Session]:
        """Log in as the value says. Raises BadSecret, Unreachable, Refused."""
        ...

    def address(self, value: Value) -> str:
        """Where the target is, for messages."""
        ...


class Tools(Protocol):
    """What plans need beside their target."""

    environment: Mapping[str, str]

    def password(self) -> str:
        """A new random password, as the function's settings want it."""
        ...

    def other_secret(self, arn: str) -> Value:
        """The current value of another secret (a superuser's). Raises BadSecret where it is no JSON object."""
        ...

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client with the function's role."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """The rotation that a value is made for: its token, and what came before the current value.

    ``began`` answers when the version was reserved, and so before which nothing of this rotation can have been made.
    """

    token: str = ""
    previous: Value | None = None
    began: Callable[[], datetime | None] = lambda: None


class Plan(Protocol):
    """What the four steps do for one secret. Every method may be called again after it has succeeded."""

    def create(self, current: Value, attempt: Attempt) -> Value:
        """The new value, from the current one. It is stored before anything else is done with it."""
        ...

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Have the target take the new value."""
        ...

    def test(self, value: Value) -> None:
        """Show that the target takes a value."""
        ...

    def retire(self, current: Value, previous: Value | None) -> None:
        """After the labels moved: have the target forget what it should not take any more."""
        ...

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:
        """Prove what can be proven of ``set`` and ``test`` without changing anything."""
        ...
