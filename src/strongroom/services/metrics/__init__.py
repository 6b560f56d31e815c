"""CloudWatch's metrics of this service: how many secrets there are, and how often what was called.

See README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from strongroom.base.clock import to_ms
from strongroom.kernel.metrics.usage import Use
from strongroom.kernel.registry import Registry
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import store
from strongroom.services.metrics.series import DENIED


def register(registry: Registry) -> None:
    """Declare the room's operations."""
    from strongroom.services.metrics.operations import ROOM  # noqa: PLC0415  migrations need the tables alone
    from strongroom.services.metrics.usage import used  # noqa: PLC0415

    registry.add(ROOM)
    registry.usage = used


def keep(tx: Transaction, counted: Mapping[Use, int], now: datetime) -> list[Use]:
    """Store what a process counted since it last did; the reads by principals that never read that secret before."""
    calls: dict[store.Counter, int] = {}
    new: list[Use] = []
    now_ms = to_ms(now)
    for use, number in counted.items():
        one = store.Counter(use.account, use.region, use.service, use.operation)
        calls[one] = calls.get(one, 0) + number
        if store.add_use(tx, use, number, now_ms):
            new.append(use)
    store.add(tx, calls, now_ms)
    return new


def add_denials(tx: Transaction, denials: Mapping[str, int], now: datetime) -> dict[str, tuple[int, int]]:
    """Add denials by account to this minute; what the minute had before, and has now, over all workers and nodes."""
    now_ms = to_ms(now)
    found: dict[str, tuple[int, int]] = {}
    for account, number in denials.items():
        one = store.Counter(account, "", DENIED, "")
        start = now_ms // (store.MINUTE * 1000) * store.MINUTE * 1000
        before = sum(count for _, count in store.calls_between(tx, one, store.MINUTE, start, start + 1))
        store.add(tx, {one: number}, now_ms)
        found[account] = (before, before + number)
    return found
