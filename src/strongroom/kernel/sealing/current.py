"""``DIR/seal/current``: which seal a data directory has since ``strongroom seal change``, and in which file.

Replacing this one small file is the moment at which a seal changes: before it the old seal stands, after it the
new one, whatever else was written. A directory without it has the seal of its settings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.files import SealDamaged, SealMissing, read_private, replace_private

_NAME = re.compile(r"[a-z0-9]+-[0-9a-f]{16}|")
_FIRST_NAMES = frozenset({"root.key", "wrapped.json", "shamir.json", "command.json", "pkcs11.json"})


@dataclass(frozen=True, slots=True)
class Current:
    """The seal as a setting names it, and the name of its file in DIR/seal ("" where it has none of its own)."""

    seal: str
    name: str


def read(data_dir: Path) -> Current | None:
    """Which seal the directory has; None where its settings say. Raises SealFailure."""
    path = data_dir / "seal" / "current"
    try:
        found: dict[str, Any] = json.loads(read_private(path))
        seal, name = found["seal"], found["name"]
    except SealMissing:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SealDamaged(f"{path} does not say which seal this data directory has.") from None
    if not isinstance(seal, str) or not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise SealDamaged(f"{path} does not say which seal this data directory has.")
    return Current(seal, name)


def new_name(kind: str, entropy: Entropy) -> str:
    """A name for the file of a seal that may become current."""
    return f"{kind}-{entropy.take(8).hex()}"


def write(data_dir: Path, current: Current, entropy: Entropy) -> None:
    """Make a seal the one that the directory has, in one step."""
    text = json.dumps({"seal": current.seal, "name": current.name}) + "\n"
    replace_private(data_dir / "seal" / "current", text.encode(), entropy)


def tidy(data_dir: Path, kept: Path) -> None:
    """Remove what finished and interrupted changes have left: every file of ours in DIR/seal but the seal's own."""
    directory = data_dir / "seal"
    for path in directory.iterdir() if directory.is_dir() else ():
        ours = path.name in _FIRST_NAMES or path.name.startswith(".") or _NAME.fullmatch(path.name)
        if ours and path != kept and not (kept.exists() and path.samefile(kept)):
            path.unlink()
