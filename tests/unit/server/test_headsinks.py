"""Heads handed on: the newest alone, until it is taken, and a place that fails keeps nobody waiting."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.server import headsinks
from strongroom.server.headsinks import Lane, NotTaken, appending

LIMIT_SECONDS = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_only_the_newest_waits_and_it_is_tried_until_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headsinks, "FIRST_PAUSE_SECONDS", 0.005)
    taken: list[bytes] = []
    tries: list[bytes] = []
    open_now = threading.Event()

    def deliver(line: bytes) -> None:
        tries.append(line)
        if not open_now.is_set():
            raise NotTaken("closed")
        taken.append(line)

    lane = Lane("x", deliver, 0.0)
    for number in range(5):
        lane.take(b"%d" % number)
    wait_for(lambda: len(tries) >= 3)
    assert [] == taken
    open_now.set()
    wait_for(lambda: taken[-1:] == [b"4"])
    lane.close()
    assert [b"4"] == taken


def test_taking_a_head_never_waits_for_a_place_that_hangs() -> None:
    go_on = threading.Event()
    lane = Lane("x", lambda _: go_on.wait(LIMIT_SECONDS) and None, 0.0)
    begun = time.monotonic()
    for _ in range(1000):
        lane.take(b"head")
    assert time.monotonic() - begun < LIMIT_SECONDS / 2
    go_on.set()
    lane.close()


def test_what_a_place_does_wrong_does_not_end_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headsinks, "FIRST_PAUSE_SECONDS", 0.001)
    taken: list[bytes] = []

    def deliver(line: bytes) -> None:
        taken.append(line)
        if len(taken) < 3:
            raise ZeroDivisionError

    lane = Lane("x", deliver, 0.0)
    lane.take(b"head")
    wait_for(lambda: len(taken) == 3)
    lane.close()
    assert [b"head"] * 3 == taken


def test_what_waits_is_handed_on_at_the_end() -> None:
    taken: list[bytes] = []
    lane = Lane("x", taken.append, 3600.0)
    lane.take(b"first")
    wait_for(lambda: taken == [b"first"])
    lane.take(b"last")
    lane.close()
    assert [b"first", b"last"] == taken


def test_the_file_is_the_owners_grows_by_whole_lines_and_is_no_link(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    deliver = appending(path)
    deliver(b"one\n")
    deliver(b"two\n")
    assert b"one\ntwo\n" == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    path.write_bytes(b"one\ntw")  # cut short by a power loss
    deliver(b"three\n")
    assert b"one\ntw\nthree\n" == path.read_bytes()

    target = tmp_path / "somebody-elses"
    target.write_bytes(b"")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(OSError):
        appending(link)(b"four\n")
    assert b"" == target.read_bytes()
