"""A store with many secrets in it, for benches and long tests: rows as CreateSecret leaves them, without values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import orjson

from strongroom.kernel.storage.port import Store
from strongroom.services.secretsmanager import store

TEAMS = ("payments", "search", "inventory", "identity", "billing", "mobile", "platform", "data", "growth", "support")
STAGES = ("prod", "staging", "dev")
BATCH = 10_000
BEGAN_MS = 1_700_000_000_000
ROTATED_EVERY = 500
"""One in so many secrets has a schedule."""
DAY_MS = 86_400_000


def row(number: int) -> dict[str, Any]:
    """The columns of one secret. One in a thousand is a certificate, the others are database passwords."""
    team, stage = TEAMS[number % len(TEAMS)], STAGES[number // 7 % len(STAGES)]
    what = "certificate" if number % 1000 == 0 else "database password"
    rotated = {
        "rotation_enabled": 1,
        "rotation_rules": orjson.dumps({"AutomaticallyAfterDays": 30}).decode(),
        "rotation_lambda_arn": "arn:aws:lambda:us-east-1:123456789012:function:rotator",
        "next_rotation_ms": int(time.time() * 1000) + (number // ROTATED_EVERY % 30 + 1) * DAY_MS,
    }
    return {
        "name": f"{team}/{stage}/service-{number:07}",
        "suffix": "aaaaaa",
        "created_ms": BEGAN_MS + number,
        "changed_ms": BEGAN_MS + number,
        "description": f"{what} of {team} for {stage}",
        "tags": orjson.dumps([{"Key": "team", "Value": team}, {"Key": "stage", "Value": stage}]).decode(),
        **(rotated if number % ROTATED_EVERY == 0 else {}),
    }


def fill(engine: Store, account: str, region: str, count: int) -> None:
    """Put ``count`` secrets into an account and Region."""
    for rows in _batches(count):
        with engine.write() as tx:
            for one in rows:
                made = store.secrets.add_secret(tx, {"account": account, "region": region, **one})
                store.secrets.write_tags(tx, made.pk, orjson.loads(one["tags"]))
                store.counts.more(tx, account, region)


def _batches(count: int) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, count, BATCH):
        yield [row(number) for number in range(first, min(first + BATCH, count))]
