"""The command seal: the root key wrapped under what a program of the operator's prints.

The program may ask a cloud's secret store, a TPM, a password manager: whatever prints the same secret each time.
It prints the secret on its standard output and nothing goes to it: no argument of ours, no input.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto.passphrase import LENGTH_AT_MOST
from strongroom.kernel.sealing.by_passphrase import PASSPHRASE_BYTES_AT_LEAST, PassphraseSeal, WrongPassphrase
from strongroom.kernel.sealing.files import SealFailure

SECONDS_AT_MOST = 30.0


@dataclass(frozen=True, slots=True)
class CommandSeal:
    """A random root key, wrapped as the passphrase seal does it; the passphrase is what a command prints."""

    wrapped: PassphraseSeal
    command: tuple[str, ...]
    seconds: float = SECONDS_AT_MOST
    kind: str = "command"
    asks: str = ""
    made_at_first_start: bool = True

    @property
    def path(self) -> Path:
        """Where the wrapped key lies."""
        return self.wrapped.path

    def exists(self) -> bool:
        """Whether a wrapped key is there."""
        return self.wrapped.exists()

    def describe(self) -> str:
        """Which theft it survives."""
        return (
            f"The root key lies in {self.wrapped.path}, wrapped under what {self.command[0]} prints: this protects "
            "against theft of the whole data directory for as long as the thief cannot run that command as this server."
        )

    def create(self, entropy: Entropy, secret: bytes | None = None) -> bytes:  # noqa: ARG002
        """Make a root key and store it wrapped."""
        return self.wrapped.create(entropy, self._asked())

    def open(self, secret: bytes | None = None) -> bytes:  # noqa: ARG002
        """Run the command and unwrap the root key."""
        try:
            return self.wrapped.open(self._asked())
        except WrongPassphrase:
            raise WrongPassphrase(f"What {self.command[0]} prints does not open the seal.") from None

    def refuse_keeping(self) -> None:
        """Raise SealFailure where the file cannot be replaced."""
        self.wrapped.refuse_keeping()

    def keep(self, root: bytes, entropy: Entropy, secret: bytes | None = None) -> None:  # noqa: ARG002
        """Wrap this root key under the same secret, in place of the one before."""
        self.wrapped.keep(root, entropy, self._asked())

    def _asked(self) -> bytes:
        """What the command prints, without the end of its last line. Raises SealFailure.

        It gets a session of its own, so that all it started ends with it when the time is over. Its errors go
        where ours go: they are the operator's own.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  the operator's own command, from the settings
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            raise SealFailure(f"{self.command[0]} cannot be run: {error.strerror}.") from None
        try:
            printed = _read(process, time.monotonic() + self.seconds)
            if printed is None:
                raise SealFailure(f"{self.command[0]} did not answer within {self.seconds:g} seconds.")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        return _judged(self.command[0], printed, status)


def _judged(program: str, printed: bytes, status: int) -> bytes:
    if status != 0 and len(printed) <= LENGTH_AT_MOST + 2:  # else it was ended by us
        raise SealFailure(f"{program} ended with status {status}.")
    secret = printed.removesuffix(b"\n").removesuffix(b"\r")
    if not PASSPHRASE_BYTES_AT_LEAST <= len(secret) <= LENGTH_AT_MOST:
        raise SealFailure(f"{program} must print {PASSPHRASE_BYTES_AT_LEAST} to {LENGTH_AT_MOST} bytes and no more.")
    return secret


def _read(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """What it prints until it ends, bounded; None where that takes too long."""
    if process.stdout is None:
        raise RuntimeError("a command without a pipe")
    printed = b""
    with process.stdout as pipe:
        while len(printed) <= LENGTH_AT_MOST + 2:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            chunk = os.read(pipe.fileno(), LENGTH_AT_MOST)
            if not chunk:
                break
            printed += chunk
    while process.poll() is None:
        if len(printed) > LENGTH_AT_MOST + 2 or time.monotonic() > until:
            return printed if len(printed) > LENGTH_AT_MOST + 2 else None
        time.sleep(0.005)
    return printed
