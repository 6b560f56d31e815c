"""When an access key was last used: noted once an hour by each process, apart from the calls that use it."""

from __future__ import annotations

from datetime import datetime, timedelta

from strongroom.kernel.call import Call
from strongroom.kernel.registry import PrincipalSource
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Outcome

KEYS_REMEMBERED = 10_000
_HOUR = timedelta(hours=1)


class LastUsed:
    """The keys that one process has met in this hour. Safe to share between threads."""

    __slots__ = ("_met", "_principals")

    def __init__(self, principals: PrincipalSource) -> None:
        self._principals = principals
        self._met: dict[str, tuple[datetime, datetime]] = {}

    def is_first_use(self, access_key_id: str, now: datetime) -> bool:
        """Whether this process has not met the key in this hour yet, so that its last-used date is to be noted."""
        met = self._met.get(access_key_id)
        if met is not None and met[0] <= now < met[1]:
            return False
        if len(self._met) >= KEYS_REMEMBERED:
            self._met.clear()
        hour = now.replace(minute=0, second=0, microsecond=0)
        self._met[access_key_id] = hour, hour + _HOUR
        return True

    def note(self, call: Call, tx: Transaction) -> Outcome:
        """Store a key's last-used date: work for the write queue, apart from the call, so that a refused one counts."""
        self._principals.used(tx, call.credential, service=call.service, region=call.region, now=call.now)
        return Outcome(keep=True, records=(), value=None)
