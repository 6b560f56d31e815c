"""``strongroom policy check``: what is wrong with a policy document, without a server."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, command, show
from strongroom.server.parts import StartRefused

if TYPE_CHECKING:
    from strongroom.kernel.authz.lint import Actions, Finding

_SERVICES = ("secretsmanager", "kms", "iam", "sts")
# Actions that are no operation. Source: Service Authorization Reference.
_WITHOUT_OPERATION = {
    "iam": ("PassRole",),
    "kms": ("ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"),
    "sts": ("TagSession", "SetSourceIdentity", "SetContext"),
}
_MOST_BYTES = 1024 * 1024


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "policy",
        run,
        does=DOES["policy"],
        example="strongroom policy check policy.json\n  strongroom policy check --kind trust - < trust.json",
    )
    made.add_argument("action", choices=("check",))
    made.add_argument("file", help="the document, or - for standard input")
    made.add_argument("--kind", choices=("identity", "resource", "trust"), help="default: guessed from it")


def run(given: argparse.Namespace) -> int:
    """Check, print the findings; 1 where there are any."""
    from strongroom.kernel.authz.document import DocumentKind  # noqa: PLC0415  as in serve.py
    from strongroom.kernel.authz.lint import lint  # noqa: PLC0415

    kind, found = lint(_text(given.file), _actions(), DocumentKind(given.kind) if given.kind else None)
    answer = {"file": given.file, "kind": kind.value, "findings": [asdict(one) for one in found]}
    show(given, answer, "\n".join(map(_line, found)) or f"{given.file}: a sound {kind.value} policy")
    return 1 if found else 0


def _text(file: str) -> str:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            read = source.read(_MOST_BYTES + 1)
        if len(read) > _MOST_BYTES:
            raise StartRefused(f"{file} is no policy: it is larger than 1 MiB")
        return read.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{file} cannot be read: {error}") from None


def _actions() -> Actions:
    from strongroom.kernel.model.catalogue import CATALOGUE  # noqa: PLC0415

    return {name: (*CATALOGUE.service(name).operations, *_WITHOUT_OPERATION.get(name, ())) for name in _SERVICES}


def _line(one: Finding) -> str:
    where = "" if one.statement is None else f" in statement {one.statement}"
    return f"{one.level}{where}: {one.says}"
