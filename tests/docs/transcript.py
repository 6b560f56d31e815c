"""Runs the ``console`` blocks of a page: commands after ``$ ``, and under each what it must print.

All commands of a page run in one bash, in order, so variables and functions last. ``...`` in an expected line
stands for anything; a line that is only ``...`` for any number of lines. A command without expected lines must succeed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END = "----end-of-command----"


@dataclass(frozen=True)
class Step:
    """One command of a page and what it must print."""

    command: str
    expected: str

    def printed_as_expected(self, printed: str) -> bool:
        """Whether the output fits, ``...`` standing for anything."""
        pattern = re.escape(self.expected).replace(re.escape("..."), ".*")
        return re.fullmatch(pattern, printed, re.DOTALL) is not None


def steps_of(page: Path) -> Iterator[Step]:
    """The commands of a page's console blocks, in order."""
    for block in _BLOCK.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            yield Step(command, expected.rstrip("\n"))


class Shell:
    """One bash that runs a page's commands one by one."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=dict(environment),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Exit status and everything printed."""
        if self._bash.stdin is None or self._bash.stdout is None:
            raise RuntimeError("bash has no pipes")
        self._bash.stdin.write(f"{command}\nprintf '\\n{_END}%d\\n' $?\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                return int(line.removeprefix(_END)), "".join(lines).removesuffix("\n").rstrip("\n")
            lines.append(line)
        raise AssertionError(f"bash ended at: {command}\n{''.join(lines)}")

    def close(self) -> None:
        """End it."""
        self._bash.stdin and self._bash.stdin.close()
        self._bash.wait(10)
        self._bash.stdout and self._bash.stdout.close()
