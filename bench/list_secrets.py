"""ListSecrets over many secrets: how full the pages of ordinary filters come back, and how long a page takes.

    PYTHONPATH=src python -m bench.list_secrets --secrets 500000

A page walks for at most 10 ms on the embedded store and may then come back short: AWS's contract. Exit 1 where the
first page of an ordinary filter is not full.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench import machine
from bench.filled import fill
from bench.servers import Strongroom
from strongroom.kernel.storage.open import open_store

REGION = "us-east-1"
PAGE = 100


@dataclass(frozen=True)
class Question:
    """One way to ask. ``ordinary``: that its pages must come back full."""

    told: str
    ordinary: bool
    asked: dict[str, Any]


def where(key: str, *values: str) -> dict[str, Any]:
    """A request's filter."""
    return {"Filters": [{"Key": key, "Values": list(values)}]}


QUESTIONS = (
    Question("no filter", True, {}),
    Question("newest first", True, {"SortOrder": "desc"}),
    Question("by name", True, {"SortBy": "name"}),
    Question("name of a team", True, where("name", "payments/")),
    Question("name of a team and stage", True, where("name", "identity/prod/")),
    Question("name of a team, by name", True, where("name", "support/") | {"SortBy": "name"}),
    Question("tag value of a team", True, where("tag-value", "billing")),
    Question("tag key that all have", True, where("tag-key", "team")),
    Question("words of a description", True, where("description", "password staging")),
    Question("any word", True, where("all", "growth dev")),
    Question("not a stage", True, where("tag-value", "!prod")),
    Question("one name", False, where("name", "data/prod/service-0000007")),
    Question("one in a thousand, by word", False, where("description", "certificate")),
    Question("nothing, by word", False, where("all", "nowhere")),
)


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--secrets", type=int, default=500_000)
    read.add_argument("--pages", type=int, default=20, help="how many pages of each question")
    given = read.parse_args()
    print("machine:", machine.describe())
    short = 0
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        data = Path(folder) / "data"
        with Strongroom(data, workers=1):
            pass  # makes the store
        begun = time.perf_counter()
        engine = open_store(f"sqlite:{data / 'store.db'}")
        fill(engine, "123456789012", REGION, given.secrets)
        engine.close()
        size = (data / "store.db").stat().st_size / 1e6
        print(f"{given.secrets:,} secrets, filled in {time.perf_counter() - begun:.0f} s, {size:,.0f} MB")
        with Strongroom(data, workers=1) as server:
            client = _client(server)
            for question in QUESTIONS:
                pages = list(_pages(client, question.asked, given.pages))
                entries, seconds, more = zip(*pages, strict=True)
                # The last page holds what is left.
                full = [count == PAGE for count, goes_on in zip(entries, more, strict=True) if goes_on]
                short += question.ordinary and not all(full)
                print(
                    f"{question.told:28} {len(pages):3} pages, {sum(full):3} of {len(full):3} full, "
                    f"{sum(entries):5} found, median {statistics.median(seconds) * 1e3:5.1f} ms, "
                    f"longest {max(seconds) * 1e3:5.1f} ms"
                )
    print("every ordinary page is full" if not short else f"{short} ordinary questions had short pages")
    return 1 if short else 0


def _client(server: Strongroom) -> Any:
    key_id, secret = server.key
    return boto3.client(
        "secretsmanager",
        REGION,
        endpoint_url=server.url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def _pages(client: Any, asked: dict[str, Any], most: int) -> Iterator[tuple[int, float, bool]]:
    """(entries, seconds, whether there are more) of each page."""
    token: dict[str, str] = {}
    for _ in range(most):
        begun = time.perf_counter()
        page = client.list_secrets(MaxResults=PAGE, **asked, **token)
        yield len(page["SecretList"]), time.perf_counter() - begun, "NextToken" in page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


if __name__ == "__main__":
    sys.exit(main())
