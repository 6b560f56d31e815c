"""How many secrets an account may have in a Region, counted as they come and go.

Source: Secrets Manager User Guide, "Quotas" (facts: secretsmanager section 3): 500,000; here a setting.
"""

from __future__ import annotations

from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, store

QUOTA = "secrets_quota"
"""The setting's name, and the key of ``Kernel.quotas``."""


def count_one_more(call: Call, tx: Transaction, *, account: str, region: str) -> None:
    """Count a secret that is about to be added. Raises LimitExceededException (the text is Our choice)."""
    most = call.kernel.quotas[QUOTA]
    if not store.counts.one_more(tx, account, region, most):
        refuse_beyond(call, most + 1)


def refuse_beyond(call: Call, count: int) -> None:
    """Raise LimitExceededException where an account would have so many secrets in a Region."""
    # DIFFERS: secrets quota.
    if is_beyond(call, count):
        most = call.kernel.quotas[QUOTA]
        raise errors.LimitExceededException(f"You can't create more than {most} secrets in an account and Region.")


def is_beyond(call: Call, count: int) -> bool:
    """Whether an account may not have so many secrets in a Region."""
    return count > call.kernel.quotas[QUOTA]
