"""``strongroom audit export``: the trail as CloudTrail's log files and digests, in a directory that grows.

A run goes on where the newest digest of the directory ends. Log files of a span are written before the digest that
names them, so a run that was cut short is finished by the next. Nothing that is there is ever written over.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from strongroom.cli.auditwho import moment_ms
from strongroom.cli.client import Client, client_of
from strongroom.cli.clock import seconds_in
from strongroom.cli.options import show
from strongroom.server.parts import StartRefused

BUCKET = "strongroom"
METADATA_SUFFIX = ".metadata.json"
"""Beside a digest: what is the metadata of the object where it lies in a bucket."""
_HOUR_MS = 3600 * 1000
_MOST_LOGS = 2000
_PATH = re.compile(
    r"AWSLogs/\d{12}/CloudTrail(?:-Digest)?/[a-z0-9-]+/\d{4}/\d\d/\d\d/[A-Za-z0-9_-]+\.json\.gz", re.ASCII
)
_LIST_KEYS = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys"


def run(given: argparse.Namespace) -> None:
    """Export what is there and not exported yet, and print how much that was."""
    if given.to is None:
        raise StartRefused("`strongroom audit export` needs a directory: --to DIR")
    client = client_of(given)
    state = client.ask("GET", "/_strongroom/audit/export")
    work = _Export(client, Path(given.to), state, given.bucket)
    until_ms = _until_ms(given.until, state)
    every_ms = min(seconds_in(given.every) * 1000, _HOUR_MS)
    done: dict[str, Any] = {"digests": 0, "logs": 0, "records": 0, "through": None}
    for start_ms, end_ms in _spans(work.begin_ms(given.since), until_ms, every_ms, whole=given.until is None):
        logs, records = work.span(start_ms, end_ms)
        done["digests"] += 1
        done["logs"] += logs
        done["records"] += records
        if sys.stderr.isatty():
            print(f"\r{_moment(end_ms)} {done['records']} records \x1b[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    newest = work.newest()
    done["through"] = None if newest is None else newest["digestEndTime"]
    text = f"{done['records']} records in {done['logs']} log files, {done['digests']} digests"
    show(given, done, f"{text}; exported through {done['through'] or 'nothing yet'}")


def print_key(given: argparse.Namespace) -> None:
    """The public half of the key that signs digests, as PEM; with its fingerprint in JSON."""
    keys = client_of(given).call("cloudtrail", _LIST_KEYS, {})["PublicKeyList"]
    if not keys:
        raise StartRefused("nothing has been exported yet: the key is made with the first digest")
    text = keys[0]["Value"]
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    pem = f"-----BEGIN RSA PUBLIC KEY-----\n{lines}\n-----END RSA PUBLIC KEY-----"
    show(given, {"key": pem, "fingerprint": keys[0]["Fingerprint"]}, pem)


def _until_ms(given: str | None, state: Mapping[str, Any]) -> int:
    """Where to end: as asked, and never after what can be exported by now."""
    through: int = state["ThroughMs"]
    if given is None:
        return through
    asked = moment_ms(given, datetime.now(UTC), end=True)
    return min(asked // 1000 * 1000, through)


def _spans(begin_ms: int, until_ms: int, every_ms: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """The spans of one digest each; the last is cut short only where its end was asked for."""
    while begin_ms < until_ms:
        end_ms = begin_ms // every_ms * every_ms + every_ms
        if end_ms > until_ms:
            if whole:
                return
            end_ms = until_ms
        yield begin_ms, end_ms
        begin_ms = end_ms


class _Export:
    """One directory, and one account's Region in it."""

    def __init__(self, client: Client, to: Path, state: Mapping[str, Any], bucket: str) -> None:
        self.client, self.to, self.bucket = client, to, bucket
        self.account, self.region = str(state["Account"]), str(state["Region"])
        self.oldest_ms: int | None = state.get("SinceMs")
        if not re.fullmatch(r"\d{12}", self.account) or not re.fullmatch(r"[a-z0-9-]+", self.region):
            raise StartRefused("the server told no account and Region")

    def begin_ms(self, since: str | None) -> int:
        """Where to go on; where nothing is exported yet, at ``since`` or the oldest record's hour."""
        newest = self.newest()
        asked = None if since is None else moment_ms(since, datetime.now(UTC), end=False) // 1000 * 1000
        if newest is not None:
            end_ms = int(datetime.fromisoformat(newest["digestEndTime"]).timestamp()) * 1000
            if asked is not None and asked > end_ms:
                raise StartRefused(
                    f"{self.to} ends with {newest['digestEndTime']}: a later begin would leave a gap; leave out --since"
                )
            return end_ms
        if asked is not None:
            return asked
        return sys.maxsize if self.oldest_ms is None else self.oldest_ms // _HOUR_MS * _HOUR_MS

    def newest(self) -> dict[str, Any] | None:
        """The newest digest there is. Raises StartRefused where it cannot be read."""
        found = max((self.to / f"AWSLogs/{self.account}/CloudTrail-Digest/{self.region}").glob("*/*/*/*.json.gz"),
                    default=None, key=lambda path: path.name)  # fmt: skip
        if found is None:
            return None
        try:
            document = gzip.decompress(found.read_bytes())
            told: dict[str, Any] = json.loads(document)
            metadata = json.loads(_beside(found).read_bytes())
            return {**told, "_hash": sha256(document).hexdigest(), "_signature": metadata["signature"]}
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise StartRefused(f"{found} cannot be read: {type(error).__name__}") from None

    def span(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Write the log files of a span, then its digest; how many files and records that was."""
        receipts, logs, records = list[str](), 0, 0
        asked: dict[str, Any] = {"StartMs": start_ms, "EndMs": end_ms}
        while True:
            page = self.client.ask("POST", "/_strongroom/audit/export", asked)
            receipts.append(page["Receipt"])
            if page["Records"]:
                self._put(page["Path"], page["Log"].encode())
                logs, records = logs + 1, records + page["Records"]
            if "After" not in page:
                break
            if len(receipts) == _MOST_LOGS:
                raise StartRefused(
                    f"the span that begins at {_moment(start_ms)} has too much for one digest: --every 5m"
                )
            asked["After"] = page["After"]
        self._digest(receipts)
        return logs, records

    def _digest(self, receipts: list[str]) -> None:
        wanted: dict[str, Any] = {"Bucket": self.bucket, "Receipts": receipts}
        previous = self.newest()
        if previous is not None:
            wanted["Previous"] = {
                "Bucket": previous["digestS3Bucket"],
                "Path": previous["digestS3Object"],
                "Hash": previous["_hash"],
                "End": previous["digestEndTime"],
                "Signature": previous["_signature"],
                **({"Before": before} if (before := previous["previousDigestSignature"]) else {}),
            }
        made = self.client.ask("POST", "/_strongroom/audit/digest", wanted)
        metadata = {"signature": made["Signature"], "signature-algorithm": "SHA256withRSA"}
        path = self._path(made["Path"])
        # First what vouches for it: a digest without its signature is none.
        _write(_beside(path), (json.dumps(metadata) + "\n").encode())
        self._put(made["Path"], made["Digest"].encode())

    def _put(self, named: str, content: bytes) -> None:
        _write(self._path(named), gzip.compress(content, mtime=0), content)

    def _path(self, named: str) -> Path:
        """A file of this directory. A server elsewhere names it, so the name is checked whole."""
        if _PATH.fullmatch(named) is None:
            raise StartRefused("the server named a file that is none of an export")
        return self.to / named


def _write(path: Path, content: bytes, unpacked: bytes | None = None) -> None:
    """Make a file, whole or not at all. One that is there must be the same. Raises StartRefused."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            there = path.read_bytes()
            if there == content or (unpacked is not None and gzip.decompress(there) == unpacked):
                return
            raise StartRefused(f"{path} is there already and holds something else")
        draft = path.with_name(f".{path.name}.new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # which replaces nothing, unlike renaming
        finally:
            draft.unlink()
    except (OSError, EOFError) as error:
        raise StartRefused(f"{path} cannot be written: {error}") from None


def _beside(digest: Path) -> Path:
    return digest.with_name(digest.name + METADATA_SUFFIX)


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
