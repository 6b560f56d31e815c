"""``strongroom audit verify``: whether any line of the journal was changed, removed or moved."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.parts import StartRefused

if TYPE_CHECKING:
    from strongroom.kernel.journal.verify import Findings


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "audit",
        run,
        does="Check the hash chains of the journal, also while the server runs.",
        example="strongroom audit verify",
    )
    made.add_argument("action", choices=("verify",))


def run(given: argparse.Namespace) -> int:
    """Check, print the findings; 1 where there are any."""
    from strongroom.kernel.journal.verify import verify  # noqa: PLC0415  as in serve.py

    directory = directory_of(given).root / "journal"
    if not directory.is_dir():
        raise StartRefused(f"there is no journal in {directory}")
    found = verify(directory)
    show(given, asdict(found) | {"whole": found.whole}, _text(found))
    return 0 if found.whole else 1


def _text(found: Findings) -> str:
    faults = [f"{fault.kind}: {fault.file} line {fault.line}: {fault.says}" for fault in found.faults]
    verdict = "nothing was changed, removed or moved" if found.whole else f"{len(faults)} faults"
    return "\n".join([*faults, *found.notes, f"{found.lines} lines in {found.chains} chains: {verdict}"])
