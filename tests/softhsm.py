"""A token of SoftHSM's for tests: made in a directory of its own, found by its own configuration file."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PIN = "0417"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class SoftHSM:
    """One token named ``strongroom``. ``environment`` must be that of whoever loads the module."""

    module: str
    config: Path

    @property
    def environment(self) -> dict[str, str]:
        """Where the module finds its tokens."""
        return {"SOFTHSM2_CONF": str(self.config)}

    def seal(self, *, pin_file: Path | None = None) -> str:
        """The seal setting for the token's key ``root``."""
        source = "" if pin_file is None else f"&pin-source=file:{pin_file}"
        return f"pkcs11:token=strongroom;object=root?module-path={self.module}{source}"


def empty_in(directory: Path) -> SoftHSM:
    """A place for tokens, without one. The test is told plainly where SoftHSM is not there."""
    module = next((path for path in _MODULES if Path(path).exists()), None)
    if shutil.which("softhsm2-util") is None or module is None:
        pytest.fail("SoftHSM is not there: `make test` installs it (Debian: softhsm2)")
    tokens = directory / "tokens"
    tokens.mkdir(mode=0o700, parents=True)
    config = directory / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    return SoftHSM(module, config)


def made_in(directory: Path, *, pin: str = PIN) -> SoftHSM:
    """A new token with this PIN."""
    made = empty_in(directory)
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "strongroom", "--pin", pin, "--so-pin", "9876543"],
        env={**os.environ, **made.environment},
        check=True,
        capture_output=True,
    )
    return made
