"""Isolation: what a function's process can see and use, as the command that starts it.

bubblewrap makes the namespaces and the mount list. Started by root, the process gets a real uid of its own and
no capability; started by anybody else, it lives in a user namespace. What is not listed here is not there.

Source: bwrap(1). Our choice: decision 0032.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from strongroom.base.classes import dataclass
from strongroom.server.functions.pythons import Python

TASK_ROOT = "/var/task"
RUNTIME_DIR = "/var/runtime"
LAYERS_DIR = "/opt"
BUNDLE = "/etc/pki/tls/cert.pem"
"""Where Amazon Linux has its CA bundle, and where AWS's rotation templates look for it."""

_INSIDE = "/var/rapid/inside.py"
_LANG = "/var/lang"
_UID_INSIDE = 993
_FIRST_UID = 2_100_000
_PROBE_SECONDS = 10.0
_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/localtime",
)
_LINKS = ("bin", "lib", "lib32", "lib64", "sbin")
_DIRECTORIES = ("/etc", "/etc/pki", "/etc/pki/tls", "/etc/ssl", "/etc/ssl/certs", "/var", "/var/rapid", RUNTIME_DIR)
# Its process begins a session of its own, without a terminal, before it is bubblewrap: a further one inside would
# be a scheduling group that its server cannot name.
_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--clearenv")


HandIn = Callable[[bytes], int]
"""Gives a process some bytes, and answers the descriptor by which it finds them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process will live. ``uid`` is what it changes to by itself; None where it has no need to.

    ``temporary``: where its temporary files go; None for /tmp, which is then its own.
    """

    command: tuple[str, ...]
    uid: int | None
    python: str
    task_root: str
    layers_dir: str
    runtime_path: str
    bundle: str
    temporary: str | None = None


class Isolation(Protocol):
    """How function processes are kept apart."""

    @property
    def warning(self) -> str:
        """What operators and readers of logs must know; "" where processes are isolated."""
        ...

    @property
    def as_root(self) -> bool:
        """Whether each process has a real uid of its own."""
        ...

    def place(
        self, slot: int, python: Python, *, scratch_mb: int, bundle: bytes, hand_in: HandIn, info_fd: int
    ) -> Place:
        """Where the process of one slot lives. ``bundle``: the CA certificates that it shall trust.

        ``info_fd``: where the starter says in which namespaces the process lives, if it makes any.
        """
        ...

    def uid_of(self, slot: int) -> int:
        """The uid of a slot's process; for root's isolation only."""
        ...

    def clear(self, slot: int) -> None:
        """Remove what the process of a slot has left behind."""
        ...

    def close(self) -> None:
        """Remove what is left of all of them."""
        ...


class Bubblewrap:
    """Processes behind a mount list of their own."""

    warning = ""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._program = shutil.which("bwrap") or "bwrap"
        self.as_root = os.geteuid() == 0

    @staticmethod
    def problem() -> str:
        """Why bubblewrap cannot isolate here, in one sentence; "" where it can. It is tried, not believed."""
        program = shutil.which("bwrap")
        if program is None:
            return "bubblewrap is not installed (on Debian: apt-get install bubblewrap)"
        command = [*_rights(as_root=os.geteuid() == 0), *_namespaces(), *_system(), "--proc", "/proc", "--dev", "/dev"]
        try:
            done = subprocess.run(  # noqa: S603  the words are ours
                [program, *command, "/usr/bin/env", "true"],
                capture_output=True,
                timeout=_PROBE_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                env={},
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"bubblewrap does not start: {type(error).__name__}"
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return f"bubblewrap cannot isolate here: {said[-1] if said else done.returncode}"
        return ""

    def place(
        self, slot: int, python: Python, *, scratch_mb: int, bundle: bytes, hand_in: HandIn, info_fd: int
    ) -> Place:
        """A root of its own: the system's programs, the interpreter, AWS's client; no file of anybody."""
        words = [*_rights(as_root=self.as_root), *_namespaces()]
        for directory in _DIRECTORIES:  # bubblewrap makes those that it must by itself for its own user alone
            words += ["--perms", "0755", "--dir", directory]
        words += _system()
        executable = str(python.executable)
        if not python.prefix.is_relative_to("/usr"):
            # An interpreter that is linked with its own library looks for it where it was installed, which is not here.
            words += ["--ro-bind", str(python.prefix), _LANG, "--setenv", "LD_LIBRARY_PATH", f"{_LANG}/lib"]
            executable = f"{_LANG}/{python.executable.relative_to(python.prefix)}"
        for package in python.packages:
            words += ["--ro-bind", str(package), f"{RUNTIME_DIR}/{package.name}"]
        words += ["--ro-bind", str(Path(__file__).with_name("inside.py")), _INSIDE]
        uid = self.uid_of(slot) if self.as_root else _UID_INSIDE
        accounts = f"root:x:0:0:root:/:/bin/sh\nsandbox:x:{uid}:{uid}:sandbox:/tmp:/bin/sh\n".encode()
        for content, at in (
            (bundle, BUNDLE),
            (accounts, "/etc/passwd"),
            (f"sandbox:x:{uid}:\n".encode(), "/etc/group"),
        ):
            words += ["--perms", "0444", "--ro-bind-data", str(hand_in(content)), at]
        words += ["--symlink", BUNDLE, "/etc/ssl/certs/ca-certificates.crt"]
        for directory in (TASK_ROOT, LAYERS_DIR):
            words += ["--perms", "0755", "--size", str(CODE_BYTES), "--tmpfs", directory]
        words += ["--perms", "1777", "--size", str(scratch_mb << 20), "--tmpfs", "/tmp"]  # noqa: S108  its own
        words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
        for seen, at in ((Path("/usr"), "/usr"), (python.prefix, _LANG)):
            if self._data.is_relative_to(seen):  # a data directory below what is bound must not be seen with it
                words += ["--tmpfs", str(Path(at) / self._data.relative_to(seen))]
        words += ["--chdir", "/", "--remount-ro", "/", "--info-fd", str(info_fd)]
        return Place(
            command=(self._program, *words, "--", executable, "-I", "-S", _INSIDE),
            uid=uid if self.as_root else None,
            python=executable,
            task_root=TASK_ROOT,
            layers_dir=LAYERS_DIR,
            runtime_path=RUNTIME_DIR,
            bundle=BUNDLE,
        )

    def uid_of(self, slot: int) -> int:
        """Its uid, which no other process of this machine has at the same time."""
        return _FIRST_UID + slot

    def close(self) -> None:
        """Nothing is left."""

    def clear(self, slot: int) -> None:
        """Nothing is left: everything lay in the process's own mounts, which are gone with it."""


CODE_BYTES = 262_144_000
"""How large code and layers may be unpacked. Source: Lambda quotas, 250 MB."""


def _rights(*, as_root: bool) -> list[str]:
    if as_root:
        # What it needs to leave root behind, and nothing else; inside.py then does, and capabilities end with it.
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    uid = str(_UID_INSIDE)
    return ["--unshare-user", "--uid", uid, "--gid", uid, "--disable-userns", "--cap-drop", "ALL"]


def _namespaces() -> Sequence[str]:
    return _NAMESPACES


def _system() -> list[str]:
    """The programs and libraries of the system, and the few files that name resolution and the loader read."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for file in _SYSTEM_FILES:
        words += ["--ro-bind-try", file, file]
    return words


class Unconfined:
    """``function_isolation = none``: processes of the server's own user, which see what it sees."""

    warning = (
        "functions run WITHOUT isolation (function_isolation = none): "
        "their code can read everything that this server can, its root key included"
    )
    as_root = False

    def __init__(self, scratch: Path) -> None:
        self._below = scratch
        self._made: Path | None = None

    @property
    def _scratch(self) -> Path:
        """A directory that nobody else can have made before us."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="strongroom-", dir=self._below))
        return self._made

    def place(
        self,
        slot: int,
        python: Python,
        *,
        scratch_mb: int,  # noqa: ARG002
        bundle: bytes,
        hand_in: HandIn,  # noqa: ARG002
        info_fd: int,  # noqa: ARG002
    ) -> Place:
        """A private directory in memory, and no walls."""
        self.clear(slot)
        root = self._scratch / str(slot)
        root.mkdir(mode=0o700, parents=True)
        (root / "cert.pem").write_bytes(bundle)
        (root / "tmp").mkdir(mode=0o700)
        return Place(
            command=(str(python.executable), "-I", "-S", str(Path(__file__).with_name("inside.py"))),
            uid=None,
            python=str(python.executable),
            task_root=str(root / "task"),
            layers_dir=str(root / "opt"),
            runtime_path=":".join(sorted({str(package.parent) for package in python.packages})),
            bundle=str(root / "cert.pem"),
            temporary=str(root / "tmp"),  # what a killed process leaves there goes with its directory
        )

    def uid_of(self, slot: int) -> int:  # noqa: ARG002
        """The server's own."""
        return os.geteuid()

    def clear(self, slot: int) -> None:
        """Remove the directory."""
        if self._made is not None:
            shutil.rmtree(self._made / str(slot), ignore_errors=True)

    def close(self) -> None:
        """Remove all that is left."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
            self._made = None
