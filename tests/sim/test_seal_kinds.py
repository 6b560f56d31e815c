"""A rotation of the root key, killed, is taken up again whatever keeps the key, and on PostgreSQL as on SQLite.

As test_seal_points.py, with the seals of people, programs and tokens: where one asks for something, unsealing with
it is all that has to be done; and with a store that the kill leaves running.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.kernel.storage.open import open_store
from tests import postgres
from tests.deployment import Deployment
from tests.journals import successes
from tests.processes.test_canaries import without_password
from tests.processes.test_sealed import given
from tests.sealedrows import roots_met
from tests.sim.test_seal_points import (
    LONG,
    OPTIONS,
    PASSPHRASE,
    ROTATED,
    Mortal,
    cases,
    check_everything_lies_under,
    wait_done,
)
from tests.softhsm import PIN, SoftHSM, made_in

SEALS = ("passphrase", "shamir", "command", "pkcs11")
DIFFERING = ("after the seal keeps it",)
"""What `make test` tries with every seal; what comes later does not meet it."""
ON_POSTGRESQL = {"after the rotation begins", "after a batch", "after the old root is retired"}
RARELY = (
    "after the rotation begins",
    "before the seal keeps it",
    "after the node says so",
    "after a batch",
    "after the old root is retired",
)


@dataclass(frozen=True)
class Made:
    """A stopped server's directory under one seal, and what opens it."""

    data: Path
    secret: str = ""

    @contextmanager
    def words(self) -> Iterator[tuple[list[str], list[int]]]:
        """Options that hand the secret over, and the descriptors."""
        with ExitStack() as opened:
            if not self.secret:
                yield [], []
            else:
                descriptor = opened.enter_context(given(self.secret))
                yield ["--passphrase-fd", str(descriptor)], [descriptor]

    def unseal(self, server: Deployment) -> None:
        """Give the server what its seal asks for."""
        if self.secret:
            with self.words() as (words, descriptors):
                server.cli("unseal", *words, pass_fds=descriptors)
        server.wait_until("ready", timeout=60)


def fill(server: Deployment) -> None:
    """Something of several rooms that lies under the root key."""
    server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")
    kms, iam = server.client("kms"), server.client("iam")
    for _ in range(3):
        kms.create_key()
    iam.create_virtual_mfa_device(VirtualMFADeviceName="device")


def kept(server: Deployment) -> str:
    """What must be readable afterwards."""
    found: str = server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
    return found


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token; its key is made when the seal is changed."""
    return made_in(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, hsm: SoftHSM) -> dict[str, Made]:
    """A directory under each seal: made with a file seal, filled, and changed while the server is stopped."""
    place = tmp_path_factory.mktemp("kinds")
    answer = place / "answer"
    answer.write_text("what the store of secrets says")
    first = place / "data"
    first.mkdir(mode=0o700)
    (first / "settings.toml").write_text(f"seal_command = {json.dumps(['cat', str(answer)])}\n")
    with Deployment(first, *OPTIONS) as server:
        fill(server)
    return {kind: _changed(kind, copied(first, place / kind), hsm) for kind in SEALS}


def copied(data: Path, to: Path) -> Path:
    """A copy of a stopped server's directory."""
    return Path(shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock")))


def _changed(kind: str, data: Path, hsm: SoftHSM) -> Made:
    stopped, new = Deployment(data), {"passphrase": PASSPHRASE, "pkcs11": PIN}.get(kind, "")
    words = ["seal", "change", hsm.seal() if kind == "pkcs11" else kind, "--format", "json"]
    words += ["--shares", "3", "--threshold", "2"] if kind == "shamir" else []
    with ExitStack() as opened:
        descriptors = [opened.enter_context(given(new))] if new else []
        words += ["--new-passphrase-fd", str(descriptors[0])] if new else []
        done = json.loads(stopped.cli(*words, pass_fds=descriptors, env=hsm.environment).stdout)
    return Made(data, "\n".join(done["shares"][:2]) if kind == "shamir" else new)


@pytest.mark.parametrize("kind", SEALS)
@pytest.mark.parametrize("point", [*DIFFERING, *(pytest.param(one, marks=pytest.mark.long) for one in RARELY)])
def test_a_killed_rotation_is_taken_up_again_whatever_keeps_the_root_key(
    sealed: dict[str, Made], hsm: SoftHSM, tmp_path: Path, kind: str, point: str
) -> None:
    """Unsealing is enough: the seal is brought up by what opened it."""
    made = Made(copied(sealed[kind].data, tmp_path / "data"), sealed[kind].secret)
    before = roots_of(f"sqlite:{made.data / 'store.db'}")
    mortal = Mortal(made.data, point, env=hsm.environment).start()
    made.unseal(mortal)
    with made.words() as (words, descriptors):
        mortal.killed_by("seal", "rotate", *words, pass_fds=descriptors)

    with Deployment(made.data, *OPTIONS, env=hsm.environment) as server:
        made.unseal(server)
        wait_done(server)
        after = roots_of(f"sqlite:{made.data / 'store.db'}")
        assert (1, 1, set()) == (len(before), len(after), before & after)
        assert after == {(made.data / "tls" / "ca.key.sealed").read_bytes()[1:9]}
        assert "through it all" == kept(server)
        told = [entry.name for entry in successes(made.data)]
        assert [1, 1] == [told.count(name) for name in ("RotateRootKey", "RetireRootKey")]
    with Deployment(made.data, *OPTIONS, env=hsm.environment) as server:  # by the seal alone, once more
        made.unseal(server)
        assert "through it all" == kept(server)


def roots_of(store: str) -> set[bytes]:
    """The roots under which anything in a store lies."""
    opened = open_store(store)
    try:
        return set().union(*roots_met(opened).values())
    finally:
        opened.close()


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Server]:
    """A PostgreSQL that no kill reaches."""
    server = postgres.started()
    yield server
    postgres.remove(server)


@pytest.mark.parametrize("point", cases(ROTATED, long=LONG | (set(ROTATED) - ON_POSTGRESQL)))
def test_a_killed_rotation_on_postgresql_is_taken_up_again_by_itself(
    database: postgres.Server, tmp_path: Path, point: str
) -> None:
    store, _ = without_password(database.database("template0"), tmp_path)
    options, data = (*OPTIONS, "--store", store), tmp_path / "data"
    with Deployment(data, *options) as server:
        fill(server)
    before = (data / "seal" / "root.key").read_text()
    mortal = Mortal(data, point, *options).start()
    mortal.killed_by("seal", "rotate")

    with Deployment(data, *options) as server:
        wait_done(server)
        after = (data / "seal" / "root.key").read_text()
        assert before != after
        check_everything_lies_under(data, after, store=store)
        assert "through it all" == kept(server)
        told = [entry.name for entry in successes(data)]
        assert [1, 1] == [told.count(name) for name in ("RotateRootKey", "RetireRootKey")]
