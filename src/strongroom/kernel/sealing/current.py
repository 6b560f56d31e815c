"""``DIR/seal/current``: which seal a data directory has since ``strongroom seal change``, and in which file.

Replacing this one small file is the moment at which a seal changes: before it the old seal stands, after it the
new one, whatever else was written. A directory without it has the seal of its settings.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.files import SealDamaged, SealMissing, read_private, replace_private

_NAME = re.compile(r"[a-z0-9]+-[0-9a-f]{16}|")
_REPLACED = re.compile(r"root\.key|(wrapped|shamir|command|pkcs11)\.json|[a-z0-9]+-[0-9a-f]{16}|")


@dataclass(frozen=True, slots=True)
class Current:
    """The seal as a setting names it, and the name of its file in DIR/seal ("" where it has none of its own).

    ``replaces``: the file in DIR/seal of the seal before it, which goes once this one stands.
    """

    seal: str
    name: str
    replaces: str = ""


def read(data_dir: Path) -> Current | None:
    """Which seal the directory has; None where its settings say. Raises SealFailure."""
    path = data_dir / "seal" / "current"
    try:
        found: dict[str, Any] = json.loads(read_private(path))
        texts = [found["seal"], found["name"], found["replaces"]]
    except SealMissing:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SealDamaged(f"{path} does not say which seal this data directory has.") from None
    whole = all(isinstance(text, str) for text in texts)
    if not whole or not _NAME.fullmatch(texts[1]) or not _REPLACED.fullmatch(texts[2]):
        raise SealDamaged(f"{path} does not say which seal this data directory has.")
    return Current(*texts)


def mark(data_dir: Path) -> tuple[int, int]:
    """Something that is another once the seal has been changed, at the cost of a look at one name.

    ``current`` is replaced, never written to, so another content is another file.
    """
    try:
        found = os.stat(f"{data_dir}/seal/current")  # noqa: PTH116  asked with every look at health
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def new_name(kind: str, entropy: Entropy) -> str:
    """A name for the file of a seal that may become current."""
    return f"{kind}-{entropy.take(8).hex()}"


def write(data_dir: Path, current: Current, entropy: Entropy) -> None:
    """Make a seal the one that the directory has, in one step."""
    text = json.dumps({"seal": current.seal, "name": current.name, "replaces": current.replaces}) + "\n"
    replace_private(data_dir / "seal" / "current", text.encode(), entropy)


def tidy(data_dir: Path, kept: Path) -> None:
    """Remove what finished and interrupted changes have left in DIR/seal: candidates, drafts, the seal before.

    Only for a root key that has been proven on the store, and never ``kept``, the seal's own file. A key file that no
    change has replaced is not touched: it may be the only one that fits.
    """
    directory, had = data_dir / "seal", read(data_dir)
    replaced = "" if had is None else had.replaces
    for path in directory.iterdir() if directory.is_dir() else ():
        ours = path.name == replaced or path.name.startswith(".") or _NAME.fullmatch(path.name)
        if ours and path != kept and not (kept.exists() and path.samefile(kept)):
            path.unlink()
