"""A journal's directory as an auditor reads it: every record, and whether it counts."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One record: of which chain, and whether it stands or falls with a COMMIT."""

    chain: str
    id: str
    writes: bool
    event: dict[str, Any]

    @property
    def name(self) -> str:
        """What was called."""
        return str(self.event["eventName"])

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters."""
        return self.event["requestParameters"] or {}

    @property
    def refused(self) -> bool:
        """Whether the record itself tells a refusal."""
        return "errorCode" in self.event or "errorMessage" in self.event


def lines(data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each whole line with its chain's name. Of a torn end nothing is told."""
    packed = {path.stem: path for path in (data / "journal").glob("*.jsonl.gz")}
    # One that is being packed is there twice for a moment.
    segments = packed | {path.name: path for path in (data / "journal").glob("*.jsonl")}
    for name, path in sorted(segments.items()):
        for raw in _content(path).splitlines(keepends=True):
            if raw.endswith(b"\n"):
                yield name.rsplit("-", 1)[0], json.loads(raw)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:  # packed since
        return _content(path.with_name(path.name + ".gz"))
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def entries(data: Path) -> list[Entry]:
    """All records."""
    return [Entry(chain, line["id"], line["writes"], line["event"]) for chain, line in lines(data) if "event" in line]


def marks(data: Path, kind: str) -> list[dict[str, Any]]:
    """All marks of one kind."""
    return [line for _, line in lines(data) if line.get("mark") == kind]


def not_committed(data: Path) -> list[str]:
    """The event ids of which the journal says that nothing was kept, each as often as it says so."""
    return [mark["id"] for mark in marks(data, "not committed")]


def successes(data: Path) -> list[Entry]:
    """What happened, once a start has settled the journal: no refusal, and nothing without its COMMIT."""
    undone = set(not_committed(data))
    return [entry for entry in entries(data) if not entry.refused and entry.id not in undone]


HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SECRET_WORDS = re.compile(
    r"^(secretString|secretBinary|secretAccessKey|sessionToken|password|newPassword|oldPassword|plaintext|"
    r"ciphertextBlob|privateKeyPlaintext|randomPassword|mac|signature|grantToken|zipFile|payload|variables)$",
    re.IGNORECASE,
)


def hidden_members(part: Any) -> list[str]:
    """Members, anywhere in a record, whose values no record may have; one that was replaced is none."""
    if isinstance(part, dict):
        own = [name for name, value in part.items() if _SECRET_WORDS.match(name) and value not in (None, "", HIDDEN)]
        return own + [name for value in part.values() for name in hidden_members(value)]
    if isinstance(part, list):
        return [name for value in part for name in hidden_members(value)]
    return []


def shown_members(data: Path) -> list[str]:
    """Members that a whole run's journal shows and must not; for values see tests/planted.py."""
    return [f"{entry.name}: {name}" for entry in entries(data) for name in hidden_members(entry.event)]
