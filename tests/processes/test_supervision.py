"""The supervisor keeps its children alive, never leaves them behind, and refuses in one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from strongroom.server.lines import BadLine, ask
from strongroom.server.runner import run_due
from tests.deployment import NotReady, Toy, clean_environment, is_alive, wait_gone
from tests.processes.wire import Raw

pytestmark = pytest.mark.usefixtures("anew")
PASSPHRASE = "correct horse battery staple"


def _answers(server: Toy) -> int:
    with Raw(server.url) as raw:
        raw.request()
        return raw.answer().status


@pytest.fixture
def server(tmp_path: Path) -> Toy:
    """Two workers and a runner, not started yet."""
    return Toy(tmp_path / "data", "workers=2", "tls=off")


@pytest.mark.parametrize("name", ["worker 0", "worker 1", "runner"])
def test_a_child_that_dies_is_replaced(server: Toy, name: str) -> None:
    with server:
        before = server.children()
        os.kill(before[name], signal.SIGKILL)
        after = server.wait_replaced(name, before[name])
        assert {k: v for k, v in after.items() if k != name} == {k: v for k, v in before.items() if k != name}
        assert 200 == _answers(server)
    assert f"{name} (pid {before[name]}) was ended by signal 9" in server.said()


@pytest.mark.parametrize(("opening", "least", "most"), [(0.6, 0.5, 60.0), (5.0, 0.9, 4.5)])
def test_the_runner_is_started_when_the_workers_answer_or_after_a_while(
    opening: float, least: float, most: float, tmp_path: Path
) -> None:
    with Toy(tmp_path / "data", "workers=2", "tls=off", env={"TOY_WORKER_SECONDS": str(opening)}) as server:
        begun = {name: _begun(pid) for name, pid in server.children().items()}
        assert least <= begun["runner"] - begun["worker 1"] <= most


def _begun(pid: int) -> float:
    """Seconds since the machine's start when a process began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def test_connections_that_wait_while_a_worker_is_replaced_are_answered(server: Toy) -> None:
    with server:
        for pid in server.children().values():
            os.kill(pid, signal.SIGKILL)
        assert [200] * 10 == [_answers(server) for _ in range(10)]


def test_children_do_not_outlive_a_killed_supervisor(server: Toy) -> None:
    with server:
        children = list(server.children().values())
        server.kill()
        wait_gone(children, timeout=20)


def test_a_killed_server_starts_again_at_once_on_its_directory(server: Toy) -> None:
    for _ in range(2):
        server.start()
        server.kill()
    with server:
        assert 200 == _answers(server)


def test_a_child_that_hangs_does_not_outlive_a_killed_supervisor(server: Toy) -> None:
    with server:
        children = list(server.children().values())
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
        server.kill()
        wait_gone(children, timeout=20)


def test_stopping_answers_what_was_begun_and_closes_the_parts(server: Toy) -> None:
    with server:
        with Raw(server.url) as raw:
            raw.request("/slow")
            time.sleep(0.2)
            ended: list[int] = []
            stopping = threading.Thread(target=lambda: ended.append(server.stop()))
            stopping.start()
            assert 200 == raw.answer().status
        stopping.join()
        assert [0] == ended
    assert 3 == server.said().count(" closed")


def test_no_new_connection_is_taken_while_stopping(server: Toy) -> None:
    with server, Raw(server.url) as busy:
        busy.request("/slow")
        time.sleep(0.2)
        assert {"state": "draining"} == server.admin({"do": "stop"})
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            Raw(server.url)
        assert 200 == busy.answer().status


def test_what_takes_longer_than_the_drain_is_cut(tmp_path: Path) -> None:
    with Toy(tmp_path / "data", "workers=1", "tls=off", "drain_timeout=3") as server:
        os.kill(server.children()["worker 0"], signal.SIGSTOP)
        begun = time.monotonic()
        assert 0 == server.stop()
        assert 2.5 < time.monotonic() - begun < 5


def test_a_second_server_on_one_directory_is_refused(server: Toy) -> None:
    with server:
        with pytest.raises(NotReady, match="another strongroom serve is using"):
            Toy(server.data, "workers=1", "tls=off").start()
        assert 200 == _answers(server)


def test_a_port_that_is_taken_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NotReady) as refused:
            Toy(tmp_path / "data", f"port={port}").start()
    assert f"strongroom: port {port} on 127.0.0.1 is taken by another program\n" == str(refused.value)


def test_a_directory_that_others_can_read_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o750)
    with pytest.raises(NotReady, match="is open to other users: chmod 700"):
        Toy(data).start()


def test_a_lost_root_key_is_never_replaced_by_a_new_one(server: Toy) -> None:
    with server:
        pass
    root_key = server.data / "seal" / "root.key"
    root_key.rename(server.data / "elsewhere")
    with pytest.raises(NotReady, match="made with a root key that is not here"):
        Toy(server.data, "tls=off").start()
    assert not root_key.exists()


def test_a_wrong_root_key_is_refused_before_anything_serves(server: Toy) -> None:
    with server:
        pass
    (server.data / "seal" / "root.key").write_text("00" * 32)
    (server.data / "store").write_bytes(b"\1")
    with pytest.raises(NotReady, match="the root key does not fit"):
        Toy(server.data, "tls=off").start()


def test_plain_http_is_refused_on_an_address_that_others_reach(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="--tls off is allowed on a loopback address only"):
        Toy(tmp_path / "data", "host=0.0.0.0", "tls=off").start()


def test_sealing_ends_all_answers_and_unsealing_brings_them_back(server: Toy) -> None:
    with server:
        before = server.children()
        assert {"state": "sealed"} == server.admin({"do": "seal"})
        assert {503} == {_answers(server) for _ in range(10)}
        assert "sealed" == server.admin({"do": "status"})["state"]
        with pytest.raises(BadLine, match="sealed"):
            run_due(server.data / "run" / "runner.sock")
        assert {"state": "ready"} == server.admin({"do": "unseal"})
        assert {200} == {_answers(server) for _ in range(10)}
        assert before == server.children()


def test_a_child_that_starts_while_sealed_is_sealed(server: Toy) -> None:
    with server:
        server.admin({"do": "seal"})
        for pid in server.children().values():
            os.kill(pid, signal.SIGKILL)
        server.wait_until("sealed")
        assert {503} == {_answers(server) for _ in range(6)}


def test_a_child_that_does_not_confirm_the_sealing_is_ended(server: Toy) -> None:
    with server:
        hung = server.children()["worker 1"]
        os.kill(hung, signal.SIGSTOP)
        assert {"state": "sealed"} == server.admin({"do": "seal"})
        assert not is_alive(hung)
        server.wait_until("sealed")
        assert {503} == {_answers(server) for _ in range(6)}


def test_a_passphrase_seal_starts_sealed_without_its_passphrase(tmp_path: Path) -> None:
    options = ("workers=1", "tls=off", "seal=passphrase")
    with Toy(tmp_path / "data", *options, env={"TOY_PASSPHRASE": PASSPHRASE}) as server:
        assert 200 == _answers(server)
    with Toy(tmp_path / "data", *options) as server:
        assert 503 == _answers(server)
        wrong = server.admin({"do": "unseal", "secret": b"another one".hex()})
        assert {"refused": "This passphrase does not open the seal."} == wrong
        assert 503 == _answers(server)
        assert {"state": "ready"} == server.admin({"do": "unseal", "secret": PASSPHRASE.encode().hex()})
        assert 200 == _answers(server)


def test_a_new_passphrase_seal_needs_a_passphrase(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="a new passphrase seal needs a passphrase"):
        Toy(tmp_path / "data", "seal=passphrase").start()


def test_workers_reach_the_runner(server: Toy) -> None:
    with server:
        socket_path = server.data / "run" / "runner.sock"
        assert 3 == run_due(socket_path)
        assert {"ok": True} == ask(socket_path, {"do": "wake"}, timeout=5)


def test_commands_about_the_store_run_in_a_process_of_their_own(server: Toy) -> None:
    with server:
        assert {"did": "clock status", "sealed": False} == server.admin({"do": "clock status"})
        assert {"refused": "not in a toy"} == server.admin({"do": "admin reset"})
        assert "there is no command 'dance'" == server.admin({"do": "dance"})["refused"]


@pytest.mark.parametrize("said", [b"\n", b"[]\n", b"{\n", b"\xff\n", b"x" * 70_000])
def test_nonsense_on_the_admin_socket_closes_that_connection_alone(server: Toy, said: bytes) -> None:
    with server:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(server.data / "run" / "admin.sock"))
            peer.settimeout(5)
            peer.sendall(said)
            with contextlib.suppress(ConnectionResetError):
                assert b"" == peer.recv(100)
        assert "ready" == server.admin({"do": "status"})["state"]
    assert "Traceback" not in server.said()


def test_sockets_and_files_are_the_owners_alone(server: Toy) -> None:
    with server:
        for path in (server.data, *server.data.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert 0o700 == mode if path.is_dir() else 0o600 == mode, path


def test_no_process_shows_the_root_key_or_can_dump_core(server: Toy) -> None:
    with server:
        key = (server.data / "seal" / "root.key").read_bytes().strip()
        for pid in (server.pid, *server.children().values()):
            shown = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
            assert key not in shown
            assert bytes.fromhex(key.decode()) not in shown
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert ["0", "0"] == next(line for line in limits.splitlines() if "core file" in line).split()[4:6]


def test_a_child_keeps_no_descriptor_of_another(server: Toy) -> None:
    with server:
        inodes = {name: _sockets_of(pid) for name, pid in server.children().items()}
        for one, other in (("worker 0", "worker 1"), ("worker 0", "runner"), ("worker 1", "runner")):
            assert not inodes[one] & inodes[other]
        listening = _listening_inodes(int(server.url.rpartition(":")[2]))
        assert 2 == len(listening)
        assert 1 == len(inodes["worker 0"] & listening)
        assert 1 == len(inodes["worker 1"] & listening)
        assert not inodes["runner"] & listening


def _sockets_of(pid: int) -> set[str]:
    targets = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return {target[8:-1] for target in targets if target.startswith("socket:[")}


def _listening_inodes(port: int) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}


def test_stop_without_a_terminal_is_the_same_for_ctrl_c(server: Toy) -> None:
    with server:
        os.kill(server.pid, signal.SIGINT)
        wait_gone([server.pid], timeout=5)
    assert 3 == server.said().count(" closed")


def test_the_endpoint_file_says_where_the_server_listens(server: Toy) -> None:
    with server:
        found = json.loads((server.data / "run" / "endpoint.json").read_text())
        assert (server.url, server.pid, None) == (found["url"], found["pid"], found["ca"])
        assert subprocess.run(["kill", "-0", str(found["pid"])], check=False).returncode == 0


def test_a_server_outlives_the_readers_of_its_output(tmp_path: Path) -> None:
    data = tmp_path / "data"
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "strongroom.cli", "serve", "--data", str(data), "--listen", "127.0.0.1:0"],
        env=clean_environment(),
        stdout=write,
        stderr=write,
    )
    os.close(write)
    os.close(read)
    try:
        until = time.monotonic() + 30
        while not is_ready(data):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        children = ask(data / "run" / "admin.sock", {"do": "status"}, timeout=10)["children"]
        os.kill(children[0]["pid"], signal.SIGKILL)
        wait_gone([children[0]["pid"]], timeout=2)
        while not is_ready(data):
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        process.terminate()
        assert 0 == process.wait(20)


def is_ready(data: Path) -> bool:
    """Whether a server answers on the admin socket and is ready."""
    try:
        return bool(ask(data / "run" / "admin.sock", {"do": "status"}, timeout=10)["state"] == "ready")
    except OSError:
        return False
