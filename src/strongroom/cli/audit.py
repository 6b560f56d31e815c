"""``strongroom audit``: whether the journal is whole; its signed heads and their key; its index made anew."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.cli import auditexport, auditwho
from strongroom.cli.commands import DOES
from strongroom.cli.local import is_running
from strongroom.cli.options import Commands, add_endpoint, command, directory_of, show
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import StartRefused

if TYPE_CHECKING:
    from strongroom.kernel.trail.proof import Proof

_POLL_SECONDS = 0.1
_EXAMPLES = """\
strongroom audit verify
  strongroom audit verify --data COPY --key journal.pem --head monday.json
  strongroom audit key > journal.pem
  strongroom audit head > monday.json
  strongroom audit who db/password --since 31d
  strongroom audit who db/password --since 2026-03-01 --until 2026-03-31 --principal ann --format json
  strongroom audit reindex
  strongroom audit export --to /backup/trail
  strongroom audit export-key > digests.pem"""


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "audit",
        run,
        does=DOES["audit"],
        example=_EXAMPLES,
    )
    made.add_argument("action", choices=("verify", "key", "head", "who", "reindex", "export", "export-key"))
    made.add_argument("what", nargs="?", metavar="SECRET", help="who: a secret (or any resource) by name or ARN")
    made.add_argument(
        "--since", metavar="TIME", help="who, export: from then on: 2026-03-01, 2026-03-01T12:00:00Z, or 31d ago"
    )
    made.add_argument("--until", metavar="TIME", help="who, export: until then, that day or second included")
    made.add_argument("--principal", metavar="P", help="who: only this user, role, session, ARN, key or account")
    made.add_argument("--all", action="store_true", help="who: every call that named it, not only reads of its value")
    add_endpoint(made)
    made.add_argument("--to", metavar="DIR", help="export: where to write; what is there is gone on with")
    made.add_argument(
        "--bucket", metavar="NAME", default=auditexport.BUCKET, help="export: the bucket to name in digests"
    )
    made.add_argument(
        "--every", metavar="TIME", default="1h", help="export: the time of one digest (default and most 1h)"
    )
    made.add_argument("--key", metavar="FILE", help="verify: the public key to believe (default: the copy's own)")
    made.add_argument(
        "--head", metavar="FILE", help="verify: a head that was kept elsewhere; of a file of them the last"
    )


def run(given: argparse.Namespace) -> int:
    """Do one of them; 1 where verifying finds anything."""
    directory = directory_of(given)
    if (given.what is None) == (given.action == "who"):
        raise StartRefused("`strongroom audit who` takes one secret, and the other actions none: see --help")
    match given.action:
        case "verify":
            return _verify(given, directory)
        case "key":
            pem = _key(directory, None)
            show(given, {"key": pem}, pem.rstrip())
        case "head":
            line = _newest_head(directory)
            show(given, {"head": line}, line)
        case "who":
            auditwho.run(given)
        case "export":
            auditexport.run(given)
        case "export-key":
            auditexport.print_key(given)
        case _:
            _reindex(given, directory)
    return 0


def _verify(given: argparse.Namespace, directory: DataDirectory) -> int:
    from strongroom.kernel.trail.heads import BadHead, key_of_pem  # noqa: PLC0415  as in serve.py
    from strongroom.kernel.trail.proof import prove  # noqa: PLC0415

    journal, heads = directory.root / "journal", directory.root / "heads"
    if not journal.is_dir():
        raise StartRefused(f"there is no journal in {journal}")
    try:
        public = key_of_pem(_key(directory, given.key)) if given.key or given.head or heads.is_dir() else b""
        pinned = _last_head(_read(Path(given.head))) if given.head else None
        found = prove(journal, heads, public, pinned)
    except BadHead as bad:
        raise StartRefused(f"that head or key cannot be used: {bad}") from None
    told = asdict(found.findings) | {
        "whole": found.whole,
        "heads": found.heads,
        "proven_through": _moment(found.through_ms),
        "lines_beyond": found.beyond,
    }
    show(given, told, _text(found))
    return 0 if found.whole else 1


def _text(found: Proof) -> str:
    walk = found.findings
    faults = [f"{fault.kind}: {fault.file} line {fault.line}: {fault.says}" for fault in walk.faults]
    verdict = "nothing was changed, removed or moved" if found.whole else f"{len(faults)} faults"
    proven = (
        f"proven by {found.heads} signed heads through {_moment(found.through_ms)};"
        f" {found.beyond} later lines are held by their chains alone"
    )
    lines = [*faults, *walk.notes, *([] if found.through_ms is None else [proven])]
    return "\n".join([*lines, f"{walk.lines} lines in {walk.chains} chains: {verdict}"])


def _moment(at_ms: int | None) -> str | None:
    from strongroom.base.clock import from_ms, iso_seconds  # noqa: PLC0415

    return None if at_ms is None else iso_seconds(from_ms(at_ms))


def _key(directory: DataDirectory, given: str | None) -> str:
    """The PEM of the public key that is meant."""
    if given is not None:
        return _read(Path(given))
    found = sorted((directory.root / "heads").glob("key-*.pem"))
    if not found:
        raise StartRefused(f"there is no key in {directory.root / 'heads'}: name one with --key")
    return _read(max(found, key=lambda path: path.stat().st_mtime_ns))


def _newest_head(directory: DataDirectory) -> str:
    from strongroom.kernel.trail.heads import files, lines_of  # noqa: PLC0415

    for path in reversed(files(directory.root / "heads")):
        lines = list(lines_of(path))
        if lines:
            return lines[-1].decode()
    raise StartRefused(f"no head has been signed in {directory.root / 'heads'} yet")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path} cannot be read: {error}") from None


def _last_head(text: str) -> bytes:
    """The newest head of a file of them; what was cut short at its end is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        try:
            json.loads(lines[-1])
        except ValueError:
            lines.pop()
    return lines[-1].encode() if lines else b""


def _reindex(given: argparse.Namespace, directory: DataDirectory) -> None:
    """The running server does it, beside its work; a server that does not run does it when it starts."""
    from strongroom.kernel.trail.indexing import REBUILD_FILE, wake  # noqa: PLC0415

    index = directory.root / "index"
    if not index.is_dir():
        raise StartRefused(f"there is no index in {index}: no server has run there")
    flag = index / REBUILD_FILE
    flag.touch(0o600)
    running = is_running(directory)
    if running:
        wake(index)
        while flag.exists() and is_running(directory):
            time.sleep(_POLL_SECONDS)
    done = not flag.exists()
    show(given, {"done": done}, "the index was made anew" if done else "the index will be made anew at the next start")
