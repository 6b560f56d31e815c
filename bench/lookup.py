"""How long a page of LookupEvents takes with many events: by each attribute, rare and common, first and late pages.

    PYTHONPATH=src python -m bench.lookup --events 1000000
    PYTHONPATH=src python -m bench.lookup --events 10000000 --filled

A journal is made up, indexed, and looked up in this process, without the network. Exit 1 where the slowest of a
question's pages (99 of 100) takes more than 100 ms. The processor's own time stands beside it: on a machine that others
use it says what is ours.

With ``--filled`` the journal's files are printed from forms, without their chain of hashes, and the index gets the same
words from the generator through its own writer, instead of reading every line back: that is several times as fast, and
the index is the same (tests/wire/test_lookup_bench.py compares the two).
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
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import machine
from strongroom.base.clock import from_ms, iso_seconds, machine_clock, to_ms
from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal.files import SegmentName
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.trail.entries import Entry, entries_of
from strongroom.kernel.trail.find import Wanted
from strongroom.kernel.trail.follow import Follower
from strongroom.kernel.trail.index import Index, Part, Standing, next_after
from strongroom.kernel.trail.indexing import rebuild
from strongroom.kernel.trail.lookup import Trail
from strongroom.kernel.trail.words import Words, words_of

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
A_SEGMENT = 250_000
"""Events of one segment that is filled."""


class Made:
    """A journal that was made up, indexed. ``rare``: words that few of its events have."""

    def __init__(self, place: Path, events: int, *, filled: bool = False, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self.journal, self.index = place / "journal", place / "index"
        self.begun = machine_clock() - timedelta(days=90)
        self.step_ms = max(1, 89 * 86_400_000 // events)
        self.ids: list[str] = []
        path = next_after(None, self.index)
        self.written = 0.0
        begun = time.monotonic()
        if filled:
            self._fill(path, events)
        else:
            self._write(events)
            self.written = time.monotonic() - begun
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

    def _fill(self, path: Path, events: int) -> None:
        """Lines of the journal and entries of the index, made side by side, a segment at a time."""
        self.journal.mkdir(parents=True)
        forms = [_Form.of(self._record(2, one)) for one in OPERATIONS]
        weights = [one[3] for one in OPERATIONS]
        index = Index(path)
        for start in range(0, events, A_SEGMENT):
            count = min(A_SEGMENT, events - start)
            name = SegmentName("bench", f"{self.begun:%Y%m%dT%H%M%S}000Z", "worker0", start // A_SEGMENT + 1)
            entries, lines, offset = list[Entry](), list[bytes](), 0
            with (self.journal / name.file).open("wb") as file:
                for number, form in enumerate(self._chance.choices(forms, weights, k=count), start):
                    event_id, line, words = self._printed(number, form)
                    entries += entries_of(words, event_id, offset)
                    lines.append(line)
                    offset += len(line)
                    if len(lines) == AT_ONCE:
                        file.write(b"".join(lines))
                        lines.clear()
                file.write(b"".join(lines))
            index.add([Part(name.chain, name.number, Standing(offset, ended=True), entries)])
        index.close()

    def _printed(self, number: int, form: _Form) -> tuple[str, bytes, Words]:
        """One event: its id, its line, and its words."""
        plain = f"{self._chance.getrandbits(128):032x}"
        event_id = f"{plain[:8]}-{plain[8:12]}-4{plain[13:16]}-8{plain[17:20]}-{plain[20:]}"
        if number % 9973 == 0:
            self.ids.append(event_id)
        user, secret = self._chosen(number)
        at = to_ms(self.begun) + number * self.step_ms
        return event_id, *form.filled(number, at, event_id, user, secret)

    def _chosen(self, number: int) -> tuple[str, str]:
        """Who asks for which secret."""
        user = "rare" if number % 199_999 == 1 else f"user{self._chance.randrange(USERS)}"
        return user, f"secret{min(int(self._chance.paretovariate(0.4)), SECRETS)}"

    def _record(self, number: int, operation: tuple[str, str, bool, int]) -> Record:
        service, name, read_only, _ = operation
        event_id = uuid4(SystemEntropy())
        if number % 9973 == 0:
            self.ids.append(event_id)
        user, secret = self._chosen(number)
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


@dataclass(frozen=True)
class _Form:
    """The line of one kind of event with blanks, and the words of one such event. ``secret``: whose ARN is in it."""

    text: bytes
    words: Words
    secret: str

    @staticmethod
    def of(record: Record) -> _Form:
        """The form of a record."""
        event, decision = record.event, record.decision or {}
        line = {"seq": 0, "prev": "0" * 64, "at": 1_700_000_000_777, "id": record.event_id, "writes": False}
        line |= {"event": event, "decision": decision}
        words = words_of(line)
        user, secret = words.username, (event["requestParameters"] or {}).get("secretId", "")
        text = orjson.dumps(line).replace(record.event_id.encode(), b"%(id)b")
        text = text.replace(event["eventTime"].encode(), b"%(when)b").replace(b"1700000000777", b"%(at)d")
        text = text.replace(b'"seq":0', b'"seq":%(seq)d').replace(user.encode() + b'"', b'%(user)b"')
        if secret:
            text = text.replace(f'"{secret}"'.encode(), b'"%(secret)b"')
            text = text.replace(f":{secret}-abcdef".encode(), b":%(secret)b-abcdef")
        return _Form(text + b"\n", words, secret)

    def filled(self, number: int, at: int, event_id: str, user: str, secret: str) -> tuple[bytes, Words]:
        """The line of one event, and its words."""
        line = self.text % {
            b"seq": number,
            b"at": at,
            b"id": event_id.encode(),
            b"when": b"%bZ" % from_ms(at).isoformat()[:19].encode(),  # iso_seconds, in a quarter of its time
            b"user": user.encode(),
            b"secret": secret.encode(),
        }
        like = self.words
        resources, names = like.resources, like.names
        if self.secret:
            here, there = f"{self.secret}-abcdef", f"{secret}-abcdef"
            resources = tuple((kind, name.replace(here, there)) for kind, name in resources)
            names = tuple(secret if name == self.secret else name.replace(here, there) for name in names)
        words = Words(
            like.account, like.region, at, like.source, like.name, like.read_only, user, f"AKIA{user}",
            resources, names, like.owner,
        )  # fmt: skip
        return line, words


def questions(made: Made, chance: random.Random) -> Iterator[tuple[str, Wanted]]:
    """Each way to ask, again and again with other values."""
    here = partial(Wanted, ACCOUNT, REGION)
    middle = to_ms(made.begun) + chance.randrange(80 * 86_400_000)
    yield "everything", here()
    yield "everything, one hour", here(since_ms=middle, until_ms=middle + 3_600_000)
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
        yield attribute, here(attribute=key, value=chance.choice(values))
        if attribute != "EventId":
            late = here(attribute=key, value=chance.choice(values), until_ms=middle)
            yield f"{attribute}, before a day", late


@dataclass(frozen=True)
class Took:
    """Milliseconds of one page: as a client waits for it, and of the processor alone."""

    waited: float
    worked: float


def measured(made: Made, rounds: int, *, seed: int = 11) -> dict[str, list[Took]]:
    """Each question's pages of 50; in an order that no page is the one just read."""
    chance = random.Random(seed)
    took: dict[str, list[Took]] = {}
    for _ in range(rounds):
        for told, wanted in questions(made, chance):
            begun, worked = time.perf_counter(), time.thread_time()
            made.trail.caught_up()
            made.trail.page(wanted, 50)
            one = Took((time.perf_counter() - begun) * 1000, (time.thread_time() - worked) * 1000)
            took.setdefault(told, []).append(one)
    return took


def late(times: list[float]) -> float:
    """What 99 of 100 do not take longer than."""
    return sorted(times)[max(0, len(times) * 99 // 100 - 1)]


def main() -> int:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--filled", action="store_true", help="fill the index without reading the journal")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--place", type=Path, default=None, help="where the made-up journal lies meanwhile")
    given = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory(dir=given.place) as place:
        made = Made(Path(place), given.events, filled=given.filled)
        how = "filled" if given.filled else f"written in {made.written:.0f} s, indexed"
        print(
            f"{given.events} events {how} in {made.indexed:.0f} s"
            f" ({made.indexed / given.events * 1e6:.0f} us each), index {made.index_bytes / given.events:.0f} bytes"
        )
        slow = False
        for told, times in measured(made, given.rounds).items():
            waited, worked = [one.waited for one in times], [one.worked for one in times]
            slow = slow or late(waited) > MOST_MS
            print(
                f"{told:32} median {statistics.median(waited):7.2f} ms   99 of 100 {late(waited):7.2f} ms"
                f"   of the processor {statistics.median(worked):7.2f} and {late(worked):7.2f} ms"
            )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
