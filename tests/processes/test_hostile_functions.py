"""A hostile function on a real server: whatever it tries fails, and the server does not notice.

Source: issue 6, point 2; facts rotation, section 3.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import Deployment, NotReady
from tests.functions.packing import PYTHON, TRUST, Result, invoke, zipped

HERE = Path(__file__).parent


def make(server: Deployment, name: str, **more: Any) -> Any:
    """A hostile function; a client of Lambda."""
    iam, client = server.client("iam"), server.client("lambda")
    role = iam.create_role(RoleName=f"of-{name}", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    given = {"Timeout": 20, "MemorySize": 128} | more
    client.create_function(
        FunctionName=name,
        Role=role,
        Runtime=PYTHON,
        Handler="hostile.handler",
        Code={"ZipFile": zipped({"hostile.py": (HERE / "hostile.py").read_text()})},
        **given,
    )
    return client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with TLS, as anybody runs it; its functions are isolated."""
    with Deployment(tmp_path_factory.mktemp("hostile") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Deployment) -> Any:
    """A client of Lambda, beside the hostile function."""
    return make(server, "hostile")


def tried(client: Any, what: str, **more: Any) -> Any:
    """What a try got."""
    done = invoke(client, "hostile", {"try": what, **more})
    assert done.error is None, done.value
    return done.value


@pytest.fixture(autouse=True)
def unnoticed(server: Deployment) -> Iterator[None]:
    """Whatever the function does, every process of the server lives on."""
    before = server.children()
    yield
    assert before == server.children()
    assert "ready" == server.admin({"do": "status"})["state"]


def test_the_function_is_nobody(client: Any) -> None:
    found = tried(client, "processes")
    assert 3 >= found["seen"]  # bubblewrap's first process, the function, and no other
    refused = {"PermissionError", "ProcessLookupError", "FileNotFoundError"}
    assert {found[name] for name in ("environ", "memory", "root", "kill")} <= refused
    assert not [one for one in found["descriptors"] if not re.match(r"(socket|pipe|/proc|anon_inode)", one)]
    assert ["CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"] == found["status"]


def test_it_cannot_gain_rights_or_write_outside_of_tmp(client: Any) -> None:
    found = tried(client, "rights")
    assert 0 != found.pop("mount")
    assert {"PermissionError", "OSError"} >= set(found.values()), found


def test_other_functions_ports_do_not_answer(server: Deployment, client: Any) -> None:
    make(server, "victim")
    victim = invoke(client, "victim", {"try": "where"}).value
    got = tried(client, "ports", api=victim["api"], id="00000000-0000-4000-8000-000000000000")
    assert {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"} >= set(got), got
    assert victim == invoke(client, "victim", {"try": "where"}).value  # the same process, unharmed


def test_its_own_port_answers_nobody_else_on_the_machine(client: Any) -> None:
    mine = tried(client, "where")
    with pytest.raises(OSError, match=r"(?i)closed|reset"):
        urllib.request.urlopen(f"http://{mine['api']}/2018-06-01/runtime/invocation/next", timeout=5)


def test_other_functions_tmp_is_not_its_own(server: Deployment, client: Any) -> None:
    found = tried(client, "files", paths=["/tmp/mine"])
    make(server, "writer")
    assert invoke(client, "writer", {"try": "where"}).error is None
    assert {"/tmp/mine": [found["/tmp/mine"][0], found["/tmp/mine"][1]]} == tried(client, "files", paths=["/tmp/mine"])


def test_the_data_directory_and_the_root_key_are_not_there(server: Deployment, client: Any) -> None:
    paths = [str(server.data), f"{server.data}/seal/root.key", f"{server.data}/store.db", f"{server.data}/credentials"]
    paths += ["/root", "/home", "/work", "/run", "/var/lib", "/etc/shadow", "/sys", str(Path.cwd())]
    found = tried(client, "files", paths=paths)
    assert {path: [False, "FileNotFoundError"] for path in paths} == found


def test_the_servers_sockets_do_not_answer(server: Deployment, client: Any) -> None:
    run = server.data / "run"
    paths = [str(run / name) for name in ("admin.sock", "runner.sock", "functions.sock")]
    assert all(Path(path).exists() for path in paths)
    assert {"FileNotFoundError", "OSError"} >= set(tried(client, "sockets", paths=paths))


def marked(mark: str) -> list[int]:
    """The processes of this machine that carry a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_text().split("\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_child_that_it_leaves_behind_ends_with_it(client: Any) -> None:
    mark = f"9{os.getpid()}"
    assert "left" == tried(client, "outlive", mark=mark)
    assert 1 == len(marked(mark))
    client.update_function_configuration(FunctionName="hostile", Description="a new process, please")
    tried(client, "where")
    until = time.monotonic() + 5
    while marked(mark):
        assert time.monotonic() < until, "the child lives on"
        time.sleep(0.02)


def test_ten_gigabytes_are_a_memory_error_and_the_process_serves_on(client: Any) -> None:
    assert "MemoryError" == tried(client, "memory")
    assert "MemoryError" == tried(client, "memory")


def test_a_family_that_takes_too_much_together_is_ended(client: Any) -> None:
    done: Result = invoke(client, "hostile", {"try": "family"})
    assert ("Unhandled", "Runtime.OutOfMemory") == (done.error, done.value["errorType"])
    assert "MemoryError" == tried(client, "memory")


def test_it_cannot_make_processes_without_end(client: Any) -> None:
    kind, count = tried(client, "forks")
    assert ("BlockingIOError", True) == (kind, count < 128)


def test_a_full_disk_is_its_own(client: Any) -> None:
    assert ["OSError", 512] == tried(client, "disk")


def test_it_cannot_open_files_without_end(client: Any) -> None:
    kind, count = tried(client, "descriptors")
    assert ("OSError", True) == (kind, count < 1024)


# ---------------------------------------------------------------------- where there is no isolation


def test_without_bubblewrap_functions_are_refused_and_told_why(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1", env={"PATH": "/nowhere"}) as server:
        assert "Functions are refused: bubblewrap is not installed" in server.printed
        with pytest.raises(Exception, match="Functions cannot run here: bubblewrap is not installed"):
            make(server, "f")


def test_function_isolation_none_says_so_everywhere(tmp_path: Path) -> None:
    with Deployment(
        tmp_path / "data", "--workers", "1", "--tls", "off", env={"STRONGROOM_FUNCTION_ISOLATION": "none"}
    ) as server:
        assert "WARNING: functions run WITHOUT isolation" in server.printed
        with urllib.request.urlopen(f"{server.url}/_strongroom/health", timeout=5) as health:
            assert "WITHOUT isolation" in json.loads(health.read())["functions"]
        done = invoke(make(server, "f"), "f", {"try": "temporary"})
        assert "WARNING: functions run WITHOUT isolation" in done.log
        left = Path(done.value)
        assert left.is_relative_to("/dev/shm"), "its temporary files lie in its own directory in memory"
        assert left.exists()
    assert not left.exists(), "which ends with the server"


def test_an_unknown_isolation_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="it must be bubblewrap or none"):
        Deployment(tmp_path / "data", env={"STRONGROOM_FUNCTION_ISOLATION": "some"}).start()
