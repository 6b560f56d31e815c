"""Every secret that a test sends or is given, and the search for all of them in the journal that its server leaves.

Clients of tests/inprocess.py and tests/deployment.py note what passes through them, by server; whoever ends a server
looks (``check``). So each test that stores a value is a test that no record repeats it, in whatever form.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.processes.canaries import forms

MOST = 40
"""Values of one server: the first ones, and enough to find what leaks by a rule."""
MOST_BYTES = 16 * 1024 * 1024
"""Of one journal that are searched, from its end: a storm of calls leaves hundreds of megabytes."""
_FROM_BYTES = 12
_SIGNS = 5
"""Shorter values, and those of fewer different bytes (``xxxx...``), stand in records by chance."""
_SENT = {
    "secretsmanager": ("SecretString", "SecretBinary"),
    "kms": ("Plaintext",),
    "iam": ("Password", "NewPassword", "OldPassword"),
}
_GIVEN = ("SecretAccessKey", "SessionToken", "Plaintext", "RandomPassword", "PrivateKeyPlaintext")
_NOTED: dict[str, set[bytes]] = {}
_SHOWN: dict[str, set[bytes]] = {}
_SHOWN_MOST = 10_000


def watch(client: Any, server: str) -> Any:
    """The client, with what is secret in its calls and answers noted for a server from now on."""
    service = client.meta.service_model.service_name
    events = client.meta.events

    def sent(params: Mapping[str, Any], **_: Any) -> None:
        for member in _SENT.get(service, ()):
            value = params.get(member)
            note(server, value)
        # Some tests store what they also name or describe something by, which records show.
        secret = _SENT.get(service, ())
        shown = _SHOWN.setdefault(server, set())
        for text in _texts({name: value for name, value in params.items() if name not in secret}):
            if len(shown) < _SHOWN_MOST:
                shown.add(text)

    def given(parsed: Any, **_: Any) -> None:
        for value in _members(parsed):
            note(server, value)

    events.register(f"before-parameter-build.{client.meta.service_model.service_id.hyphenize()}.*", sent)
    events.register(f"after-call.{client.meta.service_model.service_id.hyphenize()}.*", given)
    return client


def _texts(part: Any) -> Iterator[bytes]:
    """Every text, anywhere in some parameters, that is long enough to hold a noted one."""
    if isinstance(part, Mapping):
        for one in part.values():
            yield from _texts(one)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, str) and len(part) >= _FROM_BYTES:
        yield part.encode("utf-8", "ignore")


def note(server: str, value: object) -> None:
    """Remember one value, if it is one that can be told from other text."""
    raw = value.encode("utf-8", "ignore") if isinstance(value, str) else value
    noted = _NOTED.setdefault(server, set())
    if not isinstance(raw, bytes) or len(raw) < _FROM_BYTES or len(noted) >= MOST:
        return
    # Of a long one a part from its middle: the begin of keys and tokens is the same for all.
    part = raw if len(raw) <= 64 else raw[len(raw) // 2 : len(raw) // 2 + 32]
    if len(set(part)) >= _SIGNS:
        noted.add(part)


def noted(server: str) -> frozenset[bytes]:
    """What is remembered of a server."""
    return frozenset(_NOTED.get(server, ()))


def check(server: str, data: Path) -> None:
    """Fail where the journal in a data directory holds anything that was noted; forget it all."""
    shown = _SHOWN.pop(server, set())
    values = {one for one in _NOTED.pop(server, set()) if not any(one in text for text in shown)}
    found = leaks(data, values)
    assert not found, f"the journal repeats secrets: {found}"


def leaks(data: Path, values: Iterable[bytes]) -> list[str]:
    """Which values stand in which files of a journal: plain, in hex, in base64."""
    needles = [(value, form) for value in values for form in set(forms(value))]
    if not needles:
        return []
    return [
        f"{path.name}: {value!r}"
        for path, content in _contents(data / "journal")
        for value, form in needles
        if form in content
    ]


def _contents(journal: Path) -> Iterator[tuple[Path, bytes]]:
    """The newest files first, as far as the bound reaches."""
    left = MOST_BYTES
    if not journal.is_dir():
        return
    for path in sorted((one for one in journal.iterdir() if one.is_file()), key=_age):
        if left <= 0:
            return
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        yield path, content[-left:]
        left -= len(content)


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _members(part: Any) -> Iterator[object]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in _GIVEN:
                yield value
            else:
                yield from _members(value)
    elif isinstance(part, list):
        for value in part:
            yield from _members(value)
