"""An sshd on loopback, run by the user of the tests, whose only account is that user's, with a home of its own."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.targets import places

_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {where}/host_key
PidFile {where}/pid
AuthorizedKeysFile {where}/home/.ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp -d {where}/home
"""


def key_pair() -> tuple[str, str]:
    """A new private key, and its public one as it stands in files."""
    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


class SSHTarget:
    """One server. What it takes is in ``authorized``."""

    def __init__(self, port: int, host_key: str, where: Path) -> None:
        self.port = port
        self.host_key = host_key
        self.where = where
        self.authorized = where / "home" / ".ssh" / "authorized_keys"

    def make_key(self, *, options: str = "", comment: str = "app") -> dict[str, Any]:
        """A key that is let in beside those of others, and the value of its secret."""
        private, public = key_pair()
        _, other = key_pair()
        line = " ".join(part for part in (options, public, comment) if part)
        self.authorized.write_text(f"# kept\n{other} somebody else's\n{line}\n")
        self.authorized.chmod(0o640)
        place = {"engine": "ssh", "host": "127.0.0.1", "port": self.port, "host_key": self.host_key}
        return {**place, "username": getpass.getuser(), "private_key": private, "public_key": public}

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether the stock client is let in with a secret's key."""
        key = self.where / "key"
        key.touch(0o600)
        key.write_text(value["private_key"])
        known = self.where / "known"
        known.write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")
        options = ["BatchMode=yes", f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", "IdentityAgent=none"]
        words = [part for option in options for part in ("-o", option)]
        command = ["ssh", "-F", "none", *words, "-i", str(key), "-p", str(self.port)]
        return (
            subprocess.run(
                [*command, f"{value['username']}@127.0.0.1", "true"], capture_output=True, check=False
            ).returncode
            == 0
        )


@contextmanager
def target() -> Iterator[SSHTarget]:
    """Start one, and leave nothing behind. Raises RuntimeError where there is no sshd."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists():
        raise RuntimeError("these tests need OpenSSH's server (Debian: apt-get install openssh-server)")
    where = places.directory("ss")
    (where / "home" / ".ssh").mkdir(parents=True)
    private, public = key_pair()
    (where / "host_key").touch(0o600)
    (where / "host_key").write_text(private)
    port = places.free_port()
    config = where / "sshd_config"
    config.write_text(_CONFIG.format(port=port, where=where))
    if places.nobody() is not None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its separated half lives there when it is root's
    process = places.start([program, "-D", "-e", "-f", config], where / "log", answers=lambda: places.listens(port))
    try:
        yield SSHTarget(port, public, where)
    finally:
        places.stop(process)
        shutil.rmtree(where)
