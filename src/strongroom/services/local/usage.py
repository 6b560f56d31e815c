"""What an account used, with AWS's list prices beside it.

Source: issue 7, point 6; AWS Secrets Manager pricing; AWS KMS pricing.

Action: strongroom:UsageRead. Of the caller's own account. Prices are settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Registry, Room, Used
from strongroom.kernel.storage.port import Transaction

_CALLS = 10_000
_UNTAGGED = "(none)"


@dataclass(frozen=True, slots=True)
class Prices:
    """USD: a secret for a month, ten thousand calls of Secrets Manager and of KMS; calls of KMS that cost nothing."""

    secret_month: float = 0.40
    calls: float = 0.05
    kms_calls: float = 0.03
    kms_free: int = 20_000


def declare(room: Room, registry: Registry, prices: Prices) -> None:
    """Declare the operation."""

    @room.operation("GetUsage", mode=Mode.SLOW, action="strongroom:UsageRead")
    def get_usage(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """One month's use: secrets by the hour, calls by principal and by the value of a tag."""
        first, end = month_of(call.get("Month"), call.now)
        used = registry.usage(tx, call.account, first, end)
        return {
            "From": first,
            "To": min(end, call.now),
            **costs(used, prices, (end - first) // timedelta(hours=1)),
            "ByPrincipal": [{"Name": name, "Calls": calls} for name, calls in used.by_principal],
            "ByTag": _by_tag(registry, tx, used, call.get("TagKey")),
        }


def month_of(text: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The month that ``YYYY-MM`` names, or the one of ``now``: its begin, and the next one's."""
    year, month = (now.year, now.month) if text is None else (int(text[:4]), int(text[5:]))
    first = datetime(year, month, 1, tzinfo=UTC)
    return first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def costs(used: Used, prices: Prices, hours: int) -> dict[str, Any]:
    """What AWS's list prices would make of it: secrets pro rata by the hour, calls by the ten thousand."""
    secrets, kms = used.calls.get("secretsmanager", 0), used.calls.get("kms", 0)
    months = used.secret_hours / hours
    parts = {
        "SecretsUSD": months * prices.secret_month,
        "CallsUSD": secrets / _CALLS * prices.calls,
        "KMSUSD": max(kms - prices.kms_free, 0) / _CALLS * prices.kms_calls,
    }
    return {
        "SecretHours": used.secret_hours,
        "SecretMonths": round(months, 6),
        "Calls": secrets,
        "KMSCalls": kms,
        **{name: round(value, 6) for name, value in parts.items()},
        "TotalUSD": round(sum(parts.values()), 6),
    }


def _by_tag(registry: Registry, tx: Transaction, used: Used, key: str | None) -> list[Mapping[str, Any]]:
    if key is None:
        return []
    sums: dict[str, int] = {}
    for arn, calls in used.by_resource:
        value = registry.tags_of(tx, arn).get(key, _UNTAGGED)
        sums[value] = sums.get(value, 0) + calls
    return [{"Name": name, "Calls": calls} for name, calls in sorted(sums.items(), key=lambda one: (-one[1], one[0]))]
