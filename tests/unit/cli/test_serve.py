"""The screen at start, and the help of every command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.cli import main
from strongroom.cli.commands import DOES
from strongroom.cli.serve import screen
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import Prepared
from strongroom.server.serve import Started

FIRST = Started(
    url="https://127.0.0.1:8443",
    directory=DataDirectory(Path("/srv/data")),
    prepared=Prepared(fresh=True, administrator=True, notes=("The tables were made.",)),
    seal="The root key lies beside the data.",
    sealed=False,
    ca=None,
)


def test_the_first_screen_tells_what_a_newcomer_needs() -> None:
    told = screen(FIRST, "./strongroom")
    for part in (
        "https://127.0.0.1:8443",
        'eval "$(./strongroom env --data /srv/data)"',
        "aws secretsmanager create-secret",
        "README.md",
        "/srv/data/credentials",
        "The root key lies beside the data.",
        "The tables were made.",
    ):
        assert part in told


def test_a_later_screen_is_silent_about_credentials() -> None:
    assert "credentials" not in screen(replace(FIRST, prepared=Prepared(False, False)), "strongroom")


def test_the_default_directory_need_not_be_named() -> None:
    here = replace(FIRST, directory=DataDirectory(Path("strongroom-data").absolute()))
    assert 'eval "$(strongroom env)"' in screen(here, "strongroom")


def test_a_sealed_start_says_how_to_open_it() -> None:
    assert "strongroom unseal --data /srv/data" in screen(replace(FIRST, sealed=True), "strongroom")


@pytest.mark.parametrize("name", DOES)
def test_every_command_helps_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert 0 == ended.value.code
    printed = capsys.readouterr().out
    assert "example" in printed
    assert "--data" in printed
    assert DOES[name] in " ".join(printed.split())


@pytest.mark.parametrize("words", [[], ["dance"], ["clock"], ["env", "--format", "xml"], ["serve", "--wrokers", "1"]])
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert 2 == ended.value.code
    assert "usage" in capsys.readouterr().err


def test_a_refusal_ends_with_1_and_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["status", "--data", str(tmp_path)])
    assert f"strongroom: no server is running on {tmp_path}\n" == capsys.readouterr().err
