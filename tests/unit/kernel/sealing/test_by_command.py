"""What a command prints opens the seal; it is bounded in time and length, and gets nothing from us."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.crypto.passphrase import Cost
from strongroom.kernel.sealing.by_command import CommandSeal
from strongroom.kernel.sealing.by_passphrase import PassphraseSeal, WrongPassphrase
from strongroom.kernel.sealing.files import SealFailure

CHANCE = SystemEntropy()


def sealed_by(tmp_path: Path, *command: str, seconds: float = 10.0) -> CommandSeal:
    """A seal of this command, made as cheap as it may be."""
    return CommandSeal(PassphraseSeal(tmp_path / "seal" / "command.json", Cost(8192, 1, 1)), command, seconds)


def test_the_same_answer_opens_it_and_another_does_not(tmp_path: Path) -> None:
    root = sealed_by(tmp_path, "echo", "what the store of secrets says").create(CHANCE)
    assert root == sealed_by(tmp_path, "printf", "what the store of secrets says").open()
    with pytest.raises(WrongPassphrase, match=r"^What echo prints does not open the seal\.$"):
        sealed_by(tmp_path, "echo", "what another says").open()


def test_a_newer_root_is_kept_under_the_same_answer(tmp_path: Path) -> None:
    seal = sealed_by(tmp_path, "echo", "the same each time")
    seal.create(CHANCE)
    newer = CHANCE.take(32)
    seal.keep(newer, CHANCE)
    assert newer == seal.open()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("/no/such/program",), "/no/such/program cannot be run: No such file or directory."),
        (("false",), "false ended with status 1."),
        (("true",), "true must print 8 to 1024 bytes and no more."),
        (("echo", "short"), "echo must print 8 to 1024 bytes and no more."),
        (("yes",), "yes must print 8 to 1024 bytes and no more."),
        (("sleep", "60"), "sleep did not answer within 0.3 seconds."),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_what_a_command_does_wrong_is_told_in_one_sentence(command: tuple[str, ...], text: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(SealFailure) as caught:
        sealed_by(tmp_path, *command, seconds=0.3).create(CHANCE)
    assert text == str(caught.value)
    assert time.monotonic() - begun < 5
    assert not (tmp_path / "seal" / "command.json").exists()


def test_what_the_command_has_started_ends_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    slow = f"(sleep 0.5; touch {mark}) & sleep 30"
    with pytest.raises(SealFailure, match="did not answer"):
        sealed_by(tmp_path, "sh", "-c", slow, seconds=0.2).create(CHANCE)
    time.sleep(0.6)
    assert not mark.exists()


def test_the_command_has_no_input_and_none_of_our_descriptors(tmp_path: Path) -> None:
    with (tmp_path / "held").open("w") as held:
        script = (
            "import os, sys; held = [n for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}')];"
            "print('held', held, repr(sys.stdin.read()))"
        )
        seal = sealed_by(tmp_path, sys.executable, "-c", script)
        assert held.fileno() > 2
        # The listing itself holds one descriptor for a moment, and closes it.
        assert b"held [] ''" == seal._asked()
