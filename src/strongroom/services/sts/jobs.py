"""What happens to STS later: a new key for session tokens, once a period."""

from __future__ import annotations

from datetime import datetime

from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Job, JobRun
from strongroom.kernel.sealing.tokenkeys import PERIOD, rotate, token_keys
from strongroom.kernel.storage.port import Transaction

ROTATION = "sts:rotate-token-key"
"""Kind of the one job, whose key is empty."""


def plan_rotation(tx: Transaction, made: datetime) -> None:
    """Have the key that was made then replaced when its period is over."""
    due.schedule(tx, kind=ROTATION, key="", due=made + PERIOD)


def rotate_token_key(job: Job, run: JobRun, tx: Transaction) -> None:  # noqa: ARG001
    """Make a new key, unless an operator did so less than a period ago; and plan the next."""
    made = token_keys(tx, run.keyring).made
    if made + PERIOD <= run.now:
        rotate(tx, run.keyring, run.entropy, run.now)
        made = run.now
    plan_rotation(tx, made)
