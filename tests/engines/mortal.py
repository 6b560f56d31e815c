"""Runs the steps of a rotation in processes that are killed where a test says.

Started once, it forks for each order that it reads: a JSON line ``{"event", "steps", "kill_at"}``. A point is reached
before and after each call to AWS that writes and each statement that changes a password, and before each step.
The answer is a JSON line: the points passed, and whether the process was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import boto3
import psycopg

from strongroom.rotations import handler

_WRITES = ("PutSecretValue", "UpdateSecretVersionStage")
_reached: list[str] = []
_kill_at = ""


def reach(point: str) -> None:
    """One point; the last one where it is the one that was named."""
    _reached.append(point)
    if point == _kill_at:
        os.write(1, (json.dumps({"points": _reached, "killed": True}) + "\n").encode())
        os.kill(os.getpid(), signal.SIGKILL)


class Connection(psycopg.Connection[Any]):
    """A stock connection that tells when it changes a password."""

    def execute(self, query: Any, *args: Any, **more: Any) -> Any:
        """Run it."""
        text = query if isinstance(query, str) else query.as_string(self)
        changes = text.startswith(("ALTER", "CREATE", "GRANT"))
        if changes:
            reach(f"before {text.split()[0]}")
        done = super().execute(query, *args, **more)
        if changes:
            reach(f"after {text.split()[0]}")
        return done


def run(order: dict[str, Any]) -> None:
    """Do what one order says."""
    global _kill_at  # noqa: PLW0603  it is this process's whole purpose
    _kill_at = order["kill_at"]
    client = handler._clients[("secretsmanager", ())]
    for name in _WRITES:
        for when, event in (("before", "before-call"), ("after", "after-call")):
            client.meta.events.register(
                f"{event}.secrets-manager.{name}", lambda point=f"{when} {name}", **_: reach(point)
            )
    psycopg.connect = Connection.connect
    for step in order["steps"]:
        reach(f"before {step}")
        handler.rotate({**order["event"], "Step": step}, None)
    os.write(1, (json.dumps({"points": _reached, "killed": False}) + "\n").encode())


def main() -> None:
    """Fork for each order. The client is made once: nothing of it is connected yet."""
    handler._clients[("secretsmanager", ())] = boto3.client("secretsmanager")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run(json.loads(line))
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        os.write(1, b"\n")


if __name__ == "__main__":
    main()
