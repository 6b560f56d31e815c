"""Free space: three bounds, and what each of them stops. Bounds larger than the disk stand for a full one."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.server.space import RESERVE_BYTES, RESERVE_FILE, Bounds, Level, Space

MUCH = 1 << 60


@pytest.mark.parametrize(
    ("bounds", "level", "write", "deletion", "read"),
    [
        (Bounds(0, 0, 0), Level.FREE, False, False, False),
        (Bounds(MUCH, 0, 0), Level.LOW, False, False, False),
        (Bounds(MUCH, MUCH, 0), Level.READ_ONLY, True, False, False),
        (Bounds(MUCH, MUCH, MUCH), Level.STOPPED, True, True, True),
    ],
)
def test_each_bound_stops_what_it_says(
    tmp_path: Path, bounds: Bounds, level: Level, write: bool, deletion: bool, read: bool
) -> None:
    space = Space(tmp_path, bounds)

    assert level is space.level()
    assert bool(level) is bool(space.warnings())
    assert write is (space.refuses("CreateSecret", changes=True) is not None)
    assert deletion is (space.refuses("DeleteSecret", changes=True) is not None)
    assert read is (space.refuses("GetSecretValue", changes=False) is not None)


def test_the_reserve_is_set_aside_only_where_there_is_room(tmp_path: Path) -> None:
    Space(tmp_path, Bounds(MUCH, 0, 0)).reserve()
    assert not (tmp_path / RESERVE_FILE).exists()

    Space(tmp_path, Bounds(0, 0, 0)).reserve()
    told = (tmp_path / RESERVE_FILE).stat()
    assert RESERVE_BYTES == told.st_size <= told.st_blocks * 512
    assert 0o600 == told.st_mode & 0o777
