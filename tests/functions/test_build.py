"""``strongroom function build``: what is packed, for which Python, and which imports would fail."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli import main
from strongroom.cli.function import modules_of, requirements_of
from strongroom.cli.logs import line


def wheel(directory: Path, name: str, code: str) -> Path:
    """A wheel of one module."""
    path = directory / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def built(source: Path, *words: str, capsys: Any) -> tuple[int, dict[str, Any]]:
    """Exit status and what was told."""
    status = main(["function", "build", str(source), "--format", "json", *words])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A function of two files."""
    made = tmp_path / "f"
    made.mkdir()
    (made / "app.py").write_text("import json, boto3\nimport other\ndef handler(e, c):\n    return e\n")
    (made / "other.py").write_text("raise SystemExit('it must not be run')\n")
    return made


def test_own_files_are_packed_and_not_run(source: Path, capsys: Any) -> None:
    status, told = built(source, capsys=capsys)
    assert (0, []) == (status, told["wrong"])
    with zipfile.ZipFile(told["file"]) as archive:
        assert ["app.py", "other.py"] == archive.namelist()


def test_the_same_files_are_the_same_bytes(source: Path, tmp_path: Path, capsys: Any) -> None:
    files = [tmp_path / name for name in ("a.zip", "b.zip")]
    for file in files:
        built(source, "--output", str(file), capsys=capsys)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_requirements_are_installed_beside_the_code(source: Path, capsys: Any) -> None:
    (source / "app.py").write_text("import tiny\n")
    (source / "requirements.txt").write_text(f"--no-index\n{wheel(source, 'tiny', 'x = 1')}\n")
    status, told = built(source, "--layer", capsys=capsys)
    assert (0, []) == (status, told["wrong"])
    with zipfile.ZipFile(told["file"]) as archive:
        assert {"python/app.py", "python/tiny.py"} <= set(archive.namelist())


def test_an_import_that_is_not_there_is_a_finding(source: Path, capsys: Any) -> None:
    (source / "app.py").write_text("import nothing_of_that_name\n")
    status, told = built(source, capsys=capsys)
    assert 1 == status
    assert ["no module named nothing_of_that_name: name its package in requirements.txt"] == told["wrong"]


def test_a_package_that_does_not_import_is_a_finding(source: Path, capsys: Any) -> None:
    """A driver that was built for another Python looks so."""
    (source / "app.py").write_text("import bad\n")
    (source / "requirements.txt").write_text(f"--no-index\n{wheel(source, 'bad', 'import gone_library')}\n")
    status, told = built(source, capsys=capsys)
    assert (1, ["bad does not import: ModuleNotFoundError: No module named 'gone_library'"]) == (status, told["wrong"])


def test_a_package_that_is_not_to_be_had_is_told_by_pip(source: Path, capsys: Any) -> None:
    (source / "requirements.txt").write_text("--no-index\nnothing-of-that-name\n")
    assert 1 == main(["function", "build", str(source)])
    assert "pip could not install" in capsys.readouterr().err


def test_what_is_no_python_is_named(source: Path, capsys: Any) -> None:
    (source / "app.py").write_text("def (\n")
    assert 1 == main(["function", "build", str(source)])
    assert "app.py is no Python: line 1" in capsys.readouterr().err


def test_known_imports_mean_the_right_packages(tmp_path: Path) -> None:
    """``import pg`` is PyGreSQL. Source: facts rotation, section 5, packaging."""
    (tmp_path / "app.py").write_text("import pg, pgdb, pymysql.cursors\nfrom ldap3 import Server\nfrom . import x\n")
    found = modules_of(tmp_path)
    assert ["ldap3", "pg", "pgdb", "pymysql"] == found
    assert ["PyGreSQL", "PyMySQL", "ldap3"] == requirements_of(tmp_path, found)


def test_a_line_of_a_log_cannot_steer_a_terminal() -> None:
    event = {"timestamp": 1_700_000_000_123, "message": "red \x1b[31m\rTraceback\tx"}
    assert "2023-11-14T22:13:20.123Z  red \N{REPLACEMENT CHARACTER}[31m\n    Traceback\tx" == line(event)
