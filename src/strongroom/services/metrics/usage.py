"""What an account used in a month, for the report of usage. Names and numbers; prices are the asker's business."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.clock import to_ms
from strongroom.kernel.registry import Used
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import store

_TOLD_AT_MOST = 1000


def used(tx: Transaction, account: str, first: datetime, end: datetime) -> Used:
    """As the registry's UsageOf."""
    first_ms, end_ms = to_ms(first), to_ms(end)
    return Used(
        secret_hours=store.paid_hours(tx, account, first_ms, end_ms),
        calls=store.calls_by_service(tx, account, first_ms, end_ms),
        by_principal=store.uses_by_principal(tx, account, first_ms, end_ms, _TOLD_AT_MOST),
        by_resource=store.uses_by_resource(tx, account, first_ms, end_ms, _TOLD_AT_MOST),
    )
