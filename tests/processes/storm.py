"""Writers that go on whatever is killed under them, and remember exactly what was acknowledged."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.deployment import Deployment
from tests.inprocess import Account
from tests.processes.doors import Keys
from tests.raw import signed

YES, PERHAPS = "acknowledged", "perhaps"


@dataclass
class Written:
    """What one writer asked of one secret, in order, and what it heard: YES, or PERHAPS where nobody answered.

    After a PERHAPS a secret is left alone, so that only its last call is in doubt.
    """

    name: str
    versions: dict[str, str] = field(default_factory=dict)
    deletion: str = ""
    forced: bool = False

    @property
    def certain(self) -> set[str]:
        """The versions that must be there."""
        return {token for token, heard in self.versions.items() if heard == YES}

    @property
    def created(self) -> bool:
        """Whether the secret itself must have been made."""
        return YES in self.versions.values()


def value_of(token: str) -> str:
    """The value that is written as version ``token``."""
    return f"the value of {token}"


STUCK_SECONDS = 90
"""Without one acknowledged write: no machine is that slow."""


class Storm:
    """Threads that write until ``target`` calls were acknowledged, all together."""

    def __init__(
        self, server: Deployment, keys: Keys, *, seed: int, target: int, threads: int = 16, puts: int | None = None
    ) -> None:
        """``puts``: how many values each secret gets after its first, and none is deleted; None for a mixture."""
        self.server = server
        self._puts = puts
        self.target = target
        self.written: list[Written] = []
        self.wrong: list[str] = []
        self.acknowledged = 0
        self.in_doubt = 0
        self._keys = keys
        self._lock = threading.Lock()
        self._progress = (0, time.monotonic())  # how many were acknowledged when that last changed
        self._threads = [
            threading.Thread(target=self._write, args=(number, random.Random(f"{seed} {number}")), daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Whether enough was acknowledged, or something went wrong."""
        known, since = self._progress
        if self.acknowledged != known:
            self._progress = (self.acknowledged, time.monotonic())
        elif time.monotonic() - since > STUCK_SECONDS:
            return True
        return self.acknowledged >= self.target or bool(self.wrong)

    def wait_for(self, acknowledged: int) -> None:
        """Wait until so many calls were acknowledged."""
        while self.acknowledged < acknowledged and not self.over:
            time.sleep(0.002)

    def join(self) -> None:
        """Wait for all writers."""
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _write(self, number: int, dice: random.Random) -> None:
        count = 0
        while not self.over:
            count += 1
            one = Written(f"storm/{number}-{count}")
            with self._lock:
                self.written.append(one)
            self._live_through(one, dice)

    def _live_through(self, one: Written, dice: random.Random) -> None:
        """Create, put none to three times, and sometimes delete; or put as often as was said."""
        puts = dice.randrange(4) if self._puts is None else self._puts
        for operation in ["CreateSecret"] + ["PutSecretValue"] * puts:
            token = str(uuid.UUID(int=dice.getrandbits(128), version=4))
            named = "Name" if operation == "CreateSecret" else "SecretId"
            heard = self._ask(
                operation, {named: one.name, "ClientRequestToken": token, "SecretString": value_of(token)}
            )
            if heard:
                one.versions[token] = heard
            if heard != YES:
                return
        if self._puts is None and dice.random() < 0.4:
            one.forced = dice.random() < 0.5
            how = {"ForceDeleteWithoutRecovery": True} if one.forced else {"RecoveryWindowInDays": 7}
            one.deletion = self._ask("DeleteSecret", {"SecretId": one.name, **how})

    def _ask(self, operation: str, params: dict[str, Any]) -> str:
        """YES, PERHAPS, or nothing where the call certainly never came to the server."""
        body = json.dumps(params).encode()
        while not self.over:
            url = self.server.url
            if not url:
                time.sleep(0.01)
                continue
            try:
                reply = signed(Account(url, "", *self._keys), body, target=f"secretsmanager.{operation}")
            except ConnectionRefusedError:
                time.sleep(0.01)
                continue
            except (OSError, http.client.HTTPException):
                return self._count(PERHAPS)
            if reply.status == 200:
                return self._count(YES)
            if reply.status < 500:
                self.wrong.append(f"{operation}: {reply.status} {reply.body!r}")
                return ""
            return self._count(PERHAPS)
        return ""

    def _count(self, heard: str) -> str:
        with self._lock:
            if heard == YES:
                self.acknowledged += 1
            else:
                self.in_doubt += 1
        return heard
