"""A Strongroom as a user runs it: ``strongroom serve`` in processes of its own, on a free port.

``with Deployment(tmp_path / "data", "--workers", "2") as server: server.client("secretsmanager")...``
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import boto3
from botocore.config import Config

from strongroom.cli.env import variables
from strongroom.server.directory import DataDirectory
from strongroom.server.lines import ask
from tests import forking, planted
from tests.forking import Forked

ROOT = Path(__file__).parents[1]
READY = re.compile(r"ready (?:on )?(https?://\S+)")
START_SECONDS = 90.0  # on a busy machine
COMMAND_SECONDS = 120.0  # as well
_NOT_PASSED_ON = ("AWS_", "STRONGROOM_", "PYTHONDONTWRITEBYTECODE")
Answer = dict[str, Any]
_SESSION = boto3.session.Session()
"""One for all clients: each session of its own reads its models again."""
_MAKING = threading.Lock()


class NotReady(Exception):
    """The server ended, or was silent, before it was ready. The text is what it said."""


class Deployment:
    """One server and its data directory. ``url`` is known once it is ready."""

    command: Sequence[str] = ("-m", "strongroom.cli", "serve")
    forked = True
    """Whether servers and commands are forked from a process that has imported the product; see fixture ``anew``."""

    def __init__(
        self, data: Path, *options: str, env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> None:
        self.data = data
        self.options = options
        self.url = ""
        self.printed = ""
        self.started_in = 0.0
        self.log = data.with_name(f"{data.name}.log")
        self._more_env = dict(env or {})
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[str] | Forked | None = None

    def arguments(self) -> list[str]:
        """The whole command line."""
        return [
            sys.executable,
            *self.command,
            "--data",
            str(self.data),
            "--listen",
            "127.0.0.1:0",
            *self.options,
        ]

    def start(self) -> Self:
        """Start it and wait until it says that it is ready. Raises NotReady."""
        begun = time.monotonic()
        with self.log.open("a") as log:
            self._process = self._started(log)
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, ready), daemon=True).start()
        if not ready.wait(START_SECONDS) or not self.url:
            self.kill()
            raise NotReady(self.said())
        self.started_in = time.monotonic() - begun
        return self

    def _started(self, log: IO[str]) -> subprocess.Popen[str] | Forked:
        words, env = self.arguments(), clean_environment() | self._more_env
        if self.forked and words[:2] == [sys.executable, "-m"]:
            reads, writes = os.pipe()
            try:
                with Path(os.devnull).open() as nothing:
                    files = (nothing.fileno(), writes, log.fileno())
                    return forking.start(
                        words[2],
                        words[3:],
                        env=env,
                        cwd=ROOT,
                        files=files,
                        pass_fds=self._pass_fds,
                        reads=os.fdopen(reads),
                    )
            finally:
                os.close(writes)
        return subprocess.Popen(
            words,
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=self._pass_fds,
            text=True,
        )

    def _read(self, process: subprocess.Popen[str] | Forked, ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.printed += line
                found = READY.search(line)
                if found:
                    self.url = found[1]
                    ready.set()
        ready.set()

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._process is not None
        return self._process.pid

    def said(self) -> str:
        """Everything on standard error so far."""
        return self.log.read_text() if self.log.exists() else ""

    # Asking it

    def admin(self, message: Mapping[str, Any]) -> Answer:
        """One message over the admin socket, and its answer."""
        return ask(self.data / "run" / "admin.sock", message, timeout=30)

    def children(self) -> dict[str, int]:
        """The children's pids by name."""
        status = self.admin({"do": "status"})
        return {child["name"]: child["pid"] for child in status["children"]}

    def wait_until(self, state: str, *, timeout: float = 10.0) -> Answer:
        """Wait until the server is in a state."""
        until = time.monotonic() + timeout
        while True:
            status = self.admin({"do": "status"})
            if status["state"] == state:
                return status
            assert time.monotonic() < until, f"still {status['state']}: {status}"
            time.sleep(0.02)

    def wait_replaced(self, name: str, pid: int, *, timeout: float = 20.0) -> dict[str, int]:
        """Wait until another process than ``pid`` stands for a child and all is ready; the children then."""
        until = time.monotonic() + timeout
        while True:
            status = self.admin({"do": "status"})
            children = {child["name"]: child["pid"] for child in status["children"]}
            if status["state"] == "ready" and children.get(name) not in (None, pid):
                return children
            assert time.monotonic() < until, f"{name} was not replaced: {status}"
            time.sleep(0.02)

    def cli(
        self,
        *words: str,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run ``strongroom WORDS --data DIR``."""
        given = [*words, "--data", str(self.data)]
        around = clean_environment() | dict(env or {})
        if self.forked:
            limits: dict[str, Any] = {"given": stdin or "", "timeout": COMMAND_SECONDS, "pass_fds": pass_fds}
            done = forking.run("strongroom.cli", given, env=around, cwd=ROOT, **limits)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "strongroom.cli", *given],
                env=around,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
                input=stdin or "",
                pass_fds=tuple(pass_fds),
            )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def env(self) -> dict[str, str]:
        """What ``strongroom env`` tells clients; asked here, because it is asked for every client."""
        return variables(DataDirectory(self.data))

    def client(self, service: str, region: str = "us-east-1", **keys: str) -> Any:
        """A stock boto3 client; the first administrator's unless other keys are given."""
        found = self.env()
        credentials = {
            "aws_access_key_id": found.get("AWS_ACCESS_KEY_ID"),
            "aws_secret_access_key": found.get("AWS_SECRET_ACCESS_KEY"),
        } | keys
        with _MAKING:
            made: Any = _SESSION.client(
                service,
                region,
                endpoint_url=self.url,
                verify=found.get("AWS_CA_BUNDLE", True),
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
                **credentials,
            )
        return planted.watch(made, str(self.data))

    # Ending it

    def stop(self) -> int:
        """SIGTERM, and wait; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def kill(self) -> None:
        """kill -9 of the supervisor; its children follow by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._process = None
        if not any(error):
            planted.check(str(self.data), self.data)


class Toy(Deployment):
    """The processes alone, around the application of ``tests/processes/toy.py``. Options are NAME=VALUE."""

    command = ("-m", "tests.processes.toy")

    def arguments(self) -> list[str]:
        """The whole command line."""
        return [sys.executable, *self.command, str(self.data), "port=0", *self.options]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would leak into a test, or make every start compile anew."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return kept | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_gone(pids: Sequence[int], *, timeout: float) -> None:
    """Wait until none of them is alive."""
    until = time.monotonic() + timeout
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < until, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.01)
