"""A rotation of the root key, killed at each step, is taken up again by itself; a seal's change is done or not.

Each case runs the real server (``mortal_seal.py``), has it killed whole at one point, and starts a normal one on
what is left. Source: DESIGN.md, "Promises", 4, and "Sealing".
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.open import open_store
from tests.deployment import Deployment, wait_gone
from tests.journals import successes
from tests.processes.test_sealed import given
from tests.sealedrows import roots_met

OPTIONS = ("--workers", "1")
PASSPHRASE = "seven wet stones"


class Mortal(Deployment):
    """A server with a fate."""

    command: Sequence[str] = ("-m", "tests.sim.mortal_seal")

    def __init__(self, data: Path, point: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(data, *(options or OPTIONS), env=env)
        self.command = ("-m", "tests.sim.mortal_seal", point, "serve")

    def killed_by(self, *words: str, pass_fds: Sequence[int] = ()) -> None:
        """Give a command that the server does not survive."""
        children = list(self.children().values())
        self.cli(*words, check=False, pass_fds=pass_fds)
        assert self._process is not None
        self._process.wait(20)
        wait_gone(children, timeout=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with something in it, made by a server that is stopped again."""
    made = tmp_path_factory.mktemp("made") / "data"
    with Deployment(made, *OPTIONS) as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")
        kms, iam = server.client("kms"), server.client("iam")
        for _ in range(3):
            kms.create_key()
        iam.create_virtual_mfa_device(VirtualMFADeviceName="device")
    return made


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "data", ignore=shutil.ignore_patterns("*.sock")))


ROTATED = (
    "after the rotation begins",
    "before the children catch up",
    "before the seal keeps it",
    "after the seal keeps it",
    "before the CA key follows",
    "after the CA key follows",
    "before the node says so",
    "after the node says so",
    "before a batch",
    "after a batch",
    "after a job",
    "before the old root is retired",
    "after the old root is retired",
)


# Of these `make test` tries those between which the state that is left differs.
LONG = {
    "before the rotation begins",
    "before the children catch up",
    "before the seal keeps it",
    "before the CA key follows",
    "before the node says so",
    "before a batch",
    "before the old root is retired",
    "before the new seal is made",
    "before the change is recorded",
    "after the change is recorded",
    "before the new seal is current",
    "before the old files go",
}


def cases(points: Iterable[str], long: Set[str] = LONG) -> list[ParameterSet]:
    """The points, the lesser ones marked as long."""
    return [pytest.param(point, marks=[pytest.mark.long] if point in long else []) for point in points]


@pytest.mark.parametrize("point", cases(["before the rotation begins", *ROTATED]))
def test_a_killed_rotation_is_taken_up_again_by_itself(data: Path, point: str) -> None:
    before = (data / "seal" / "root.key").read_text()
    mortal = Mortal(data, point).start()
    mortal.killed_by("seal", "rotate")

    with Deployment(data, *OPTIONS) as server:
        wait_done(server)
        after = (data / "seal" / "root.key").read_text()
        assert (point in ROTATED) == (before != after)
        check_everything_lies_under(data, after)
        assert "through it all" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
        told = [entry.name for entry in successes(data)]
        assert 2 * [int(point in ROTATED)] == [told.count(name) for name in ("RotateRootKey", "RetireRootKey")]


CHANGES = {
    "before the new seal is made": False,
    "after the new seal is made": False,
    "before the change is recorded": False,
    "after the change is recorded": False,
    "before the new seal is current": False,
    "after the new seal is current": True,
    "before the old files go": True,
    "after the old files go": True,
}
"""Whether the seal is the new one, where the server is killed at this point."""


@pytest.mark.parametrize("point", cases(CHANGES))
def test_a_killed_change_leaves_the_old_seal_or_the_new_one(data: Path, point: str) -> None:
    mortal = Mortal(data, point).start()
    with given(PASSPHRASE) as new:
        mortal.killed_by("seal", "change", "passphrase", "--new-passphrase-fd", str(new), pass_fds=[new])

    with Deployment(data, *OPTIONS) as server:
        told = json.loads(server.cli("seal", "status", "--format", "json").stdout)
        assert ("passphrase", "sealed") if CHANGES[point] else ("file", "unsealed") == (told["kind"], told["state"])
        if CHANGES[point]:
            with given(PASSPHRASE) as right:
                server.cli("unseal", "--passphrase-fd", str(right), pass_fds=[right])
            server.wait_until("ready")
        assert "through it all" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
        left = {path.name.partition("-")[0] for path in (data / "seal").iterdir()}
        assert ({"current", "passphrase"} if CHANGES[point] else {"root.key"}) == left


def wait_done(server: Deployment) -> None:
    """Wait until no root key is being replaced."""
    until = time.monotonic() + 60
    while (told := server.admin({"do": "seal standing"}))["rotating"]:
        assert time.monotonic() < until, told
        time.sleep(0.05)


def check_everything_lies_under(data: Path, root_key: str, *, store: str = "") -> None:
    """Nothing sealed in the store is under another root than this."""
    root_id = Keyring(bytes.fromhex(root_key)).seal("x", b"", b"")[1:9]
    opened = open_store(store or f"sqlite:{data / 'store.db'}")
    try:
        assert {root_id} == set().union(*roots_met(opened).values())
    finally:
        opened.close()
    assert root_id == (data / "tls" / "ca.key.sealed").read_bytes()[1:9]
