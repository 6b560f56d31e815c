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


def register(registry: Registry) -> None:
    """Declare the room's operations."""
    from strongroom.services.metrics.operations import ROOM  # noqa: PLC0415  migrations need the tables alone

    registry.add(ROOM)


def keep(tx: Transaction, counted: Mapping[Use, int], now: datetime) -> None:
    """Store what a process counted since it last did."""
    calls: dict[store.Counter, int] = {}
    for use, number in counted.items():
        one = store.Counter(use.account, use.region, use.service, use.operation)
        calls[one] = calls.get(one, 0) + number
    store.add(tx, calls, to_ms(now))
