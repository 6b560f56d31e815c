"""A whole server that is not started by root: it serves stock clients, and its functions run in user namespaces.

Started by root, these tests start the server as another user; started by anybody else they are that already.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import ROOT, Deployment
from tests.functions.packing import TRUST, invoke
from tests.processes.test_functions import ALLOWED, READER
from tests.processes.test_functions import make as make_function
from tests.processes.test_hostile_functions import make as make_hostile
from tests.processes.test_hostile_functions import tried

SOMEBODY = 65_533
_MINOR = f"python3.{sys.version_info.minor}"


class Unprivileged(Deployment):
    """A server of somebody's, in a mount namespace where that user finds an interpreter, packages and sources."""

    def __init__(self, home: Path, *options: str) -> None:
        super().__init__(home / "data", *options)
        self.home = home
        self.log = home / "log"

    def arguments(self) -> list[str]:
        """The same command, run by somebody."""
        plain = super().arguments()
        if os.geteuid() != 0:
            return plain
        mounts = [
            (sys.base_prefix, self.home / "python"),
            (site.getsitepackages()[0], self.home / "venv" / "lib" / _MINOR / "site-packages"),
            (ROOT, self.home / "project"),
        ]
        for _, place in mounts:
            place.mkdir(parents=True, exist_ok=True)
        venv = self.home / "venv"
        (venv / "pyvenv.cfg").write_text(f"home = {self.home}/python/bin\n")
        (venv / "bin").mkdir(exist_ok=True)
        link = venv / "bin" / "python"
        if not link.is_symlink():
            link.symlink_to(self.home / "python" / "bin" / _MINOR)
        script = "".join(f"mount --bind '{what}' '{place}' && " for what, place in mounts)
        script += f"cd '{self.home}/project' && export PYTHONPATH='{self.home}/project/src' && "
        script += f"export LD_LIBRARY_PATH='{self.home}/python/lib' && "  # where the interpreter is linked with its own
        script += f"exec setpriv --reuid {SOMEBODY} --regid {SOMEBODY} --clear-groups --inh-caps=-all "
        script += f"'{link}' \"$@\""
        return ["unshare", "--mount", "sh", "-c", script, "strongroom", *plain[1:]]


@pytest.fixture(scope="module")
def server() -> Iterator[Deployment]:
    """A server with two workers and TLS, in a directory that its user owns."""
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    home.chmod(0o755)
    data = home / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, SOMEBODY, SOMEBODY)
    try:
        with Unprivileged(home, "--workers", "2") as running:
            yield running
    finally:
        shutil.rmtree(home)


def test_no_process_of_the_server_is_roots(server: Deployment) -> None:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert len(children) >= 3
    for pid in (str(server.pid), *children):
        status = Path(f"/proc/{pid}/status").read_text()
        uids = status.split("Uid:\t", 1)[1].splitlines()[0].split()
        assert "0" not in uids
        assert "CapEff:\t0000000000000000" in status


def test_a_function_reads_a_secret_at_init_by_its_role(server: Deployment) -> None:
    iam = server.client("iam")
    role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": ALLOWED})
    iam.put_role_policy(RoleName="runs", PolicyName="own", PolicyDocument=document)
    server.client("secretsmanager").create_secret(Name="db", SecretString="opens the door")
    done = invoke(make_function(server, role, "reader", READER), "reader", 1)
    assert done.error is None, done.value
    assert "opens the door" == done.value["value"]


def test_a_hostile_function_has_no_rights_and_sees_nothing_of_the_server(server: Deployment) -> None:
    client = make_hostile(server, "hostile")
    status = tried(client, "processes")["status"]
    assert ["CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"] == status
    paths = [str(server.data), str(server.data / "seal"), str(server.data / "run" / "admin.sock"), "/root"]
    found = tried(client, "files", paths=paths)
    assert {"[False, 'FileNotFoundError']"} == {str(found[path]) for path in paths}
    rights = tried(client, "rights")
    assert 0 != rights.pop("mount")
    assert {"PermissionError", "OSError"} >= set(rights.values())
