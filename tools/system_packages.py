"""Demand programs that pip cannot bring: ``python3 tools/system_packages.py postgresql openssl``.

What is missing is installed where this user may (root or passwordless sudo, on Debian), else named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PROGRAMS = {
    "bubblewrap": "bwrap",
    "softhsm2": "softhsm2-util",
    "mariadb-server-core": "mariadbd",
    "openssh-server": "sshd",
    "openssh-client": "ssh",
    "libpq-dev": "pg_config",
    "python3-dev": "python3-config",
}
"""Packages that are named otherwise than their program."""


def is_there(package: str) -> bool:
    """Whether what the tests need of a Debian package is on this machine, however it came there."""
    if package == "postgresql":
        return shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    # Servers lie where only root looks by itself.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(_PROGRAMS.get(package, package), path=path) is not None


def may_install() -> list[str] | None:
    """The words before ``apt-get`` with which this user may install; None where they may not."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0:
        return sudo
    return None


def main() -> int:
    """Install or name what is missing; 1 where something still is."""
    missing = [package for package in sys.argv[1:] if not is_there(package)]
    if not missing:
        return 0
    named = " ".join(missing)
    before = may_install()
    if before is None:
        print(f"Please install first: {named} (on Debian: apt-get install {named})", file=sys.stderr)
        return 1
    print(f"Installing {named}, which the tests need")
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run([*before, "apt-get", "-qq", *words], env=quiet, check=False)
    still = [package for package in missing if not is_there(package)]
    if done.returncode or still:
        print(f"Could not install {' '.join(still or missing)}; please do it by hand", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
