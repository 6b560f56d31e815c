"""A password with no target: a random string, or the member ``password`` of an object, is made anew."""

from __future__ import annotations

from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.secret import BARE


def plan(tools: Tools) -> Plan:
    """The plan of a bare password."""
    return Bare(tools)


class Bare:
    """Nothing beyond the secret itself takes part."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """Another password in the same place."""
        return {**current, BARE if BARE in current else "password": self._tools.password()}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Nothing takes it."""

    def test(self, value: Value) -> None:
        """Nothing can say that it is wrong."""

    def retire(self, current: Value, previous: Value | None) -> None:
        """Nothing took the old one."""

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002  any value will do
        """The settings make a password."""
        return [Finding("password", f"passwords of {len(self._tools.password())} characters are made")]
