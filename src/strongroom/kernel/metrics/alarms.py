"""What a worker met that somebody should be told of, until it is stored: bounded, each kind of it once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

MOST = 1000


class Alarm(NamedTuple):
    """One thing to be told: the alert's name, the record of the call, and the ARN that it was about."""

    name: str
    event: Mapping[str, Any]
    resource: str


class Alarms:
    """Alarms and denials since they were last given out. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alarms: dict[tuple[str, str, str], Alarm] = {}
        self._denials: dict[str, int] = {}

    def raise_(self, alarm: Alarm, who: str) -> None:
        """Note an alarm, unless the same of the same caller is noted already."""
        with self._lock:
            if len(self._alarms) < MOST:
                self._alarms.setdefault((alarm.name, who, alarm.resource), alarm)

    def deny(self, account: str) -> None:
        """Note a denial."""
        with self._lock:
            if account in self._denials or len(self._denials) < MOST:
                self._denials[account] = self._denials.get(account, 0) + 1

    def given(self) -> tuple[list[Alarm], dict[str, int]]:
        """All since the last time, which are then forgotten here."""
        with self._lock:
            alarms, self._alarms = self._alarms, {}
            denials, self._denials = self._denials, {}
        return list(alarms.values()), denials
