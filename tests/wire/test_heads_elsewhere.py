"""Heads that are kept elsewhere find what a journal and its heads alone cannot tell: that their end was cut off."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import InProcess
from tests.receivers import Receiver

from strongroom.cli import main


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def verified(capsys: pytest.CaptureFixture[str], data: Path, head: Path | None) -> tuple[int, dict[str, Any]]:
    """What ``audit verify`` says of a directory, offline."""
    capsys.readouterr()
    pin = [] if head is None else ["--head", str(head)]
    status = main(["audit", "verify", "--data", str(data), "--format", "json", *pin])
    return status, json.loads(capsys.readouterr().out)


def numbered(lines: list[str]) -> list[int]:
    """The numbers of heads."""
    return [json.loads(json.loads(line)["head"])["number"] for line in lines]


def cut(data: Path, number: int) -> None:
    """Take the heads from a number on away, and each line of the journal that they alone hold."""
    (file,) = (data / "heads").glob("heads-*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if numbered([line])[0] < number]
    file.write_text("".join(kept))
    ends: dict[str, list[Any]] = {}
    for line in kept:
        ends |= json.loads(json.loads(line)["head"])["chains"]
    for segment in (data / "journal").glob("*.jsonl"):
        end = ends.get(segment.name.rsplit("-", 1)[0])
        if end is None:
            segment.unlink()
        else:
            segment.write_bytes(segment.read_bytes()[: end[3]])


def test_heads_go_to_a_file_and_a_webhook_and_either_shows_what_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file, posted = tmp_path / "data", tmp_path / "elsewhere.jsonl", tmp_path / "posted.json"
    with Receiver(tmp_path / "receiver") as receiver:
        told = (
            f'[[webhook]]\nname = "siem"\nurl = "https://localhost:{receiver.port}/x"\nsources = ["none"]\n'
            f'key_file = "{receiver.key_file}"\nca_file = "{receiver.ca}"\ninternal = true\nheads = true\n'
            f'[heads]\nfile = "{file}"\nevery_seconds = 1\n'
        )
        events = tmp_path / "events.toml"
        events.write_text(told)
        server = InProcess(data, events_file=str(events))
        secrets = server.account().client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="canary-of-the-heads")
        wait_for(lambda: file.exists() and bool(file.read_text()) and bool(receiver.taken))
        first = numbered(file.read_text().splitlines())[0]
        secrets.get_secret_value(SecretId="db")
        wait_for(lambda: numbered(file.read_text().splitlines())[-1] > first)
        server.close()

    assert all(one.is_signed() for one in receiver.taken)
    newest = max(receiver.taken, key=lambda one: numbered([one.raw.decode()]))
    posted.write_bytes(newest.raw)
    heads = file.read_text().splitlines()
    assert numbered(heads) == sorted(set(numbered(heads)))
    assert newest.id.startswith("head-") and newest.id.endswith(f"-{numbered([newest.raw.decode()])[0]}")
    assert "canary-of-the-heads" not in file.read_text()

    status, found = verified(capsys, data, file)
    assert (0, True) == (status, found["whole"]), found
    copy = tmp_path / "copy"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock", "run", "index"))
    cut(copy, numbered(heads)[-1])
    status, found = verified(capsys, copy, None)
    assert (0, True) == (status, found["whole"]), "without a head from elsewhere nothing is to be seen"
    for pinned in (file, posted):
        status, found = verified(capsys, copy, pinned)
        assert (1, False) == (status, found["whole"])
        assert any("were signed and are not here" in fault["says"] for fault in found["faults"]), found
    with file.open("a") as half:
        half.write('{"head":"cut sho')
    assert 1 == verified(capsys, copy, file)[0], "the last whole one counts"
