"""What a function's zip is packed from: packages of a place or of the environment, and what they require."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from strongroom.cli.drivers import _holds, _needs, function_zip
from strongroom.server.parts import StartRefused


def test_a_place_without_the_driver_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="the package PyMySQL is not in"):
        function_zip("mariadb", tmp_path)


def test_an_engine_without_a_driver_needs_no_place(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(function_zip("iam", tmp_path))) as archive:
        names = set(archive.namelist())
    engines = {name for name in names if "/engines/" in name}
    assert {"strongroom/rotations/engines/__init__.py", "strongroom/rotations/engines/iam.py"} == engines
    assert {"strongroom/__init__.py", "strongroom/rotations/handler.py"} < names


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    assert function_zip("password", tmp_path) == function_zip("password", tmp_path)


def test_what_is_for_other_pythons_and_systems_is_not_needed() -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert ["a", "c"] == _needs(
        [
            "a>=1",
            'b; python_version < "3.0"',
            f'c[x] (>=2) ; python_version >= "{version}"',
            'd; extra == "more"',
            'e; sys_platform == "win32"',
        ]
    )


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ('python_version >= "3.11"', True),
        ('python_full_version < "3.11"', False),
        ("implementation_name != 'PyPy' and python_version < '3.9'", False),
        ("implementation_name != 'PyPy' and python_version >= '3.9'", True),
        ("", True),
    ],
)
def test_markers_about_python_are_read(marker: str, told: bool) -> None:
    assert told == _holds(marker)
