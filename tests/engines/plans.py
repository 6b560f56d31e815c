"""A plan run by itself, without a server of secrets: for what depends on the target alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from strongroom.rotations.contract import Attempt, Plan, Value


class Alone:
    """Tools without AWS (contract.Tools): passwords of one's own, and the secrets of superusers by name."""

    def __init__(
        self, passwords: list[str] | None = None, *, others: Mapping[str, Value] | None = None, **environment: str
    ) -> None:
        self.environment: Mapping[str, str] = environment
        self._passwords = passwords or []
        self._others = others or {}

    def password(self) -> str:
        """The next of those given, else a random one."""
        return self._passwords.pop(0) if self._passwords else secrets.token_urlsafe(24)

    def other_secret(self, arn: str) -> Value:
        """A superuser's value."""
        return self._others[arn]

    def client(self, service: str, **more: Any) -> Any:
        """There is no AWS here."""
        raise AssertionError(f"nobody should ask {service} {more}")


def turned(plan: Plan, current: Value, previous: Value | None = None) -> Value:
    """One rotation of a value: each step twice, for each may be repeated; the value after it."""
    pending = plan.create(current, Attempt(token=secrets.token_hex(16), previous=previous))
    for _ in range(2):
        plan.set(pending, current, previous)
        plan.test(pending)
    for _ in range(2):
        plan.retire(pending, current)
    return pending
