"""The data directory: private, whole files, one server at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from strongroom.server.directory import (
    DataDirectory,
    credentials_text,
    open_directory,
    read_credentials,
    read_endpoint,
    take_lock,
    write_endpoint,
    write_private,
)
from strongroom.server.lines import ask, listen_local
from strongroom.server.parts import StartRefused


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / "a" / "data")
    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in (directory.root, directory.run)}


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_directory_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "data"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(StartRefused, match="open to other users"):
        open_directory(root)


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(StartRefused, match=r"cannot be used|not a directory"):
        open_directory(tmp_path / "data")


def test_a_deep_directory_has_working_sockets(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / ("d" * 120))
    with listen_local(directory.admin_socket, backlog=1), pytest.raises(TimeoutError):
        ask(directory.admin_socket, {}, timeout=0.01)
    assert 0o600 == stat.S_IMODE(directory.admin_socket.stat().st_mode)


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / "data")
    held = take_lock(directory)
    with pytest.raises(StartRefused, match="another strongroom serve"):
        take_lock(directory, patience=0)
    os.close(held)
    os.close(take_lock(directory, patience=0))


def test_a_private_file_replaces_the_old_one_whole_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")
    write_private(path, b"new")
    assert b"new" == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_the_endpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / "data")
    assert read_endpoint(directory) is None
    write_endpoint(directory, {"url": "https://127.0.0.1:8443", "ca": None})
    assert {"url": "https://127.0.0.1:8443", "ca": None} == read_endpoint(directory)


def test_credentials_are_read_in_the_form_of_aws(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    assert read_credentials(directory) is None
    directory.credentials.write_text(credentials_text("AKIA1", "s%cr=t;#"))
    assert ("AKIA1", "s%cr=t;#") == read_credentials(directory)
