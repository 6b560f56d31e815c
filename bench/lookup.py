"""How long a page of LookupEvents takes with many events: by each attribute, rare and common, first and late pages.

    PYTHONPATH=src python -m bench.lookup --events 1000000

A journal is made up, indexed, and looked up in this process, without the network. Exit 1 where the slowest of a
question's pages (99 of 100) takes more than 100 ms.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench import machine
from strongroom.base.clock import from_ms, iso_seconds, machine_clock, to_ms
from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.trail.find import Wanted
from strongroom.kernel.trail.follow import Follower
from strongroom.kernel.trail.index import Index, next_after
from strongroom.kernel.trail.indexing import rebuild
from strongroom.kernel.trail.lookup import Trail

ACCOUNT, REGION = "111122223333", "us-east-1"
MOST_MS = 100.0
USERS, SECRETS = 500, 50_000
OPERATIONS = (
    ("secretsmanager", "GetSecretValue", True, 60),
    ("secretsmanager", "DescribeSecret", True, 10),
    ("secretsmanager", "ListSecrets", True, 5),
    ("secretsmanager", "PutSecretValue", False, 4),
    ("secretsmanager", "CreateSecret", False, 1),
    ("kms", "Decrypt", True, 10),
    ("sts", "AssumeRole", False, 5),
    ("sts", "GetCallerIdentity", True, 5),
)
AT_ONCE = 500


class Made:
    """A journal that was made up, indexed. ``rare``: words that few of its events have."""

    def __init__(self, place: Path, events: int, *, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self.journal, self.index = place / "journal", place / "index"
        self.begun = machine_clock() - timedelta(days=90)
        self.step_ms = max(1, 89 * 86_400_000 // events)
        self.ids: list[str] = []
        begun = time.monotonic()
        self._write(events)
        self.written = time.monotonic() - begun
        path = next_after(None, self.index)
        begun = time.monotonic()
        rebuild(path, self._following, threading.Event())
        self.indexed = time.monotonic() - begun
        self.index_bytes = path.stat().st_size
        self.trail = Trail(self.journal, self.index)

    def _following(self, index: Index) -> Follower:
        return Follower(self.journal, index, lambda _: set(), machine_clock)

    def _write(self, events: int) -> None:
        now = self.begun
        journal = Journal(self.journal, node="bench", process="worker0", clock=lambda: now)
        chosen = self._chance.choices(OPERATIONS, [one[3] for one in OPERATIONS], k=events)
        for start in range(0, events, AT_ONCE):
            batch = [self._record(number, chosen[number]) for number in range(start, min(start + AT_ONCE, events))]
            now = from_ms(to_ms(self.begun) + start * self.step_ms)
            journal.append(batch)
        journal.close()

    def _record(self, number: int, operation: tuple[str, str, bool, int]) -> Record:
        service, name, read_only, _ = operation
        event_id = uuid4(SystemEntropy())
        if number % 9973 == 0:
            self.ids.append(event_id)
        user = "rare" if number % 199_999 == 1 else f"user{self._chance.randrange(USERS)}"
        secret = f"secret{min(int(self._chance.paretovariate(0.4)), SECRETS)}"
        arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{secret}-abcdef"
        event: dict[str, Any] = {
            "eventVersion": "1.09",
            "userIdentity": {
                "type": "IAMUser",
                "principalId": "AIDAEXAMPLEEXAMPLE",
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
                "accountId": ACCOUNT,
                "accessKeyId": f"AKIA{user}",
                "userName": user,
            },
            "eventTime": iso_seconds(from_ms(to_ms(self.begun) + number * self.step_ms)),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": REGION,
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "Boto3/1.44.5 md/Botocore#1.44.5",
            "requestParameters": {"secretId": secret} if service == "secretsmanager" else None,
            "responseElements": None,
            "requestID": event_id,
            "eventID": event_id,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
        }
        if service == "kms":
            key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
            event["resources"] = [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]
        resource = arn if service == "secretsmanager" else "*"
        return Record(event_id, event, False, {"outcome": "allowed", "resource": resource, "resourceAccount": ACCOUNT})


def questions(made: Made, chance: random.Random) -> Iterator[tuple[str, Wanted]]:
    """Each way to ask, again and again with other values."""
    where = {"account": ACCOUNT, "region": REGION}
    middle = to_ms(made.begun) + chance.randrange(80 * 86_400_000)
    yield "everything", Wanted(**where)
    yield "everything, one hour", Wanted(**where, since_ms=middle, until_ms=middle + 3_600_000)
    for attribute, values in {
        "EventId": made.ids,
        "EventName": ["GetSecretValue", "CreateSecret", "DeleteSecret"],
        "ReadOnly": ["true", "false"],
        "Username": [f"user{chance.randrange(USERS)}"],
        "Username, rare": ["rare"],
        "AccessKeyId": [f"AKIAuser{chance.randrange(USERS)}"],
        "ResourceType": ["AWS::SecretsManager::Secret", "AWS::KMS::Key"],
        "ResourceName": [f"secret{chance.randrange(1, SECRETS)}", "secret1"],
        "EventSource": ["secretsmanager.amazonaws.com", "sts.amazonaws.com"],
    }.items():
        key = attribute.partition(",")[0]
        yield attribute, Wanted(**where, attribute=key, value=chance.choice(values))
        if attribute != "EventId":
            late = Wanted(**where, attribute=key, value=chance.choice(values), until_ms=middle)
            yield f"{attribute}, before a day", late


def measured(made: Made, rounds: int, *, seed: int = 11) -> dict[str, list[float]]:
    """Milliseconds of each question's pages of 50; in an order that no page is the one just read."""
    chance = random.Random(seed)
    took: dict[str, list[float]] = {}
    for _ in range(rounds):
        for told, wanted in questions(made, chance):
            begun = time.perf_counter()
            made.trail.caught_up()
            made.trail.page(wanted, 50)
            took.setdefault(told, []).append((time.perf_counter() - begun) * 1000)
    return took


def main() -> int:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--place", type=Path, default=None, help="where the made-up journal lies meanwhile")
    given = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory(dir=given.place) as place:
        made = Made(Path(place), given.events)
        print(
            f"{given.events} events written in {made.written:.0f} s, indexed in {made.indexed:.0f} s"
            f" ({made.indexed / given.events * 1e6:.0f} us each), index {made.index_bytes / given.events:.0f} bytes"
        )
        slow = False
        for told, times in measured(made, given.rounds).items():
            times.sort()
            late = times[max(0, len(times) * 99 // 100 - 1)]
            slow = slow or late > MOST_MS
            print(f"{told:32} median {statistics.median(times):7.2f} ms   99 of 100 {late:7.2f} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
