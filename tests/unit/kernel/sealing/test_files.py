"""Private files come whole or not at all, and only their owner reads them."""

import os
import threading
from pathlib import Path

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.files import (
    SealDamaged,
    SealExposed,
    SealFailure,
    SealMissing,
    create_private,
    read_private,
)

CHANCE = SystemEntropy()


def test_what_was_created_is_read_and_private(tmp_path: Path) -> None:
    path = tmp_path / "seal" / "root.key"
    create_private(path, b"content", CHANCE)
    assert b"content" == read_private(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == path.parent.stat().st_mode & 0o777


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    create_private(tmp_path / "root.key", b"content", CHANCE)
    assert ["root.key"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    create_private(path, b"first", CHANCE)
    with pytest.raises(SealFailure, match="never overwritten"):
        create_private(path, b"second", CHANCE)
    assert b"first" == read_private(path)
    assert ["root.key"] == [entry.name for entry in tmp_path.iterdir()]


def test_of_many_that_create_at_once_one_wins(tmp_path: Path) -> None:
    path, won = tmp_path / "seal" / "root.key", []

    def create(content: bytes) -> None:
        try:
            create_private(path, content, CHANCE)
        except SealFailure:
            return
        won.append(content)

    threads = [threading.Thread(target=create, args=(b"%d" % number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read_private(path)] == won


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])
def test_a_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    create_private(path, b"content", CHANCE)
    path.chmod(mode)
    with pytest.raises(SealExposed, match="chmod 600"):
        read_private(path)


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SealMissing):
        read_private(tmp_path / "root.key")


def test_a_directory_a_pipe_and_an_endless_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "long").write_bytes(bytes(64 * 1024 + 1))
    (tmp_path / "long").chmod(0o600)
    for name in (".", "pipe", "long"):
        with pytest.raises(SealDamaged):
            read_private(tmp_path / name)
