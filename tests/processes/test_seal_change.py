"""``strongroom seal change``: from each seal to the next, on a running server and on a stopped one."""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import Deployment, clean_environment
from tests.processes.test_sealed import given
from tests.softhsm import PIN, made_in

OPTIONS = ("--workers", "1", "--tls", "off")
PASSPHRASE = "seven wet stones"
ANSWER = "what the store of secrets says"


@contextmanager
def told(server: Deployment, **secrets: str) -> Iterator[tuple[list[str], list[int]]]:
    """Options that hand secrets to a command by descriptors, and the descriptors."""
    with ExitStack() as opened:
        words: list[str] = []
        descriptors: list[int] = []
        for name, secret in secrets.items():
            descriptor = opened.enter_context(given(secret))
            words += [f"--{name.replace('_', '-')}-fd", str(descriptor)]
            descriptors.append(descriptor)
        yield words, descriptors


def run(server: Deployment, *command: str, refused: bool = False, **secrets: str) -> dict[str, Any]:
    """A command with its secrets; its answer. Nothing secret is on its command line."""
    with told(server, **secrets) as (words, descriptors):
        done = server.cli(*command, "--format", "json", *words, check=False, pass_fds=descriptors)
    assert (1 if refused else 0) == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    return {"refused": done.stderr} if refused else json.loads(done.stdout)


def status(server: Deployment) -> dict[str, Any]:
    """``strongroom seal status``."""
    return run(server, "seal", "status")


def reads(server: Deployment) -> str:
    """The value that must be readable whatever the seal."""
    found: str = server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
    return found


def with_settings(data: Path, *command: str) -> Path:
    """A data directory whose command seal runs this."""
    data.mkdir(mode=0o700)
    (data / "settings.toml").write_text(f"seal_command = {json.dumps(command)}\n")
    return data


def sealed_and_opened(server: Deployment, kind: str, **secrets: str) -> None:
    """The seal is of this kind; the server forgets the root key and gets it again by that seal."""
    found = status(server)
    assert (kind, "unsealed") == (found["kind"], found["state"])
    with urllib.request.urlopen(f"{server.url}/_strongroom/health?ready", timeout=10) as reply:
        assert found["protects"] == json.load(reply)["seal"]
    assert (kind == "file") == ("protects against theft of the store alone" in found["protects"])
    run(server, "seal")
    assert "sealed" == status(server)["state"]
    run(server, "unseal", refused=False, **secrets)
    server.wait_until("ready")
    assert "through it all" == reads(server)


def test_a_running_server_goes_from_seal_to_seal_and_each_opens_it_again(tmp_path: Path) -> None:
    hsm = made_in(tmp_path / "softhsm")
    answer = tmp_path / "answer"
    answer.write_text(ANSWER)
    data = with_settings(tmp_path / "data", "cat", str(answer))
    with Deployment(data, *OPTIONS, env=hsm.environment) as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")

        run(server, "seal", "change", "passphrase", new_passphrase=PASSPHRASE)
        assert not (data / "seal" / "root.key").exists()
        sealed_and_opened(server, "passphrase", passphrase=PASSPHRASE)

        wrong = run(server, "seal", "change", "file", refused=True, passphrase="not the passphrase")
        assert "This passphrase does not open the seal." in wrong["refused"]
        assert "passphrase" == status(server)["kind"]
        shares: Sequence[str] = run(
            server, "seal", "change", "shamir", "--shares", "5", "--threshold", "3", passphrase=PASSPHRASE
        )["shares"]
        assert 5 == len(set(shares))
        sealed_and_opened(server, "shamir", passphrase="\n".join(shares[1:4]))

        few = run(server, "seal", "change", "command", refused=True, passphrase="\n".join(shares[:2]))
        assert "2 of 3 shares were given." in few["refused"]
        run(server, "seal", "change", "command", passphrase="\n".join(shares[:3]))
        sealed_and_opened(server, "command")
        run(server, "seal", "rotate")  # which the command opens unasked

        run(server, "seal", "change", hsm.seal(), new_passphrase=PIN)
        sealed_and_opened(server, "pkcs11", passphrase=PIN)
        run(server, "seal", "rotate", passphrase=PIN)
        sealed_and_opened(server, "pkcs11", passphrase=PIN)

        run(server, "seal", "change", "file", passphrase=PIN)
        sealed_and_opened(server, "file")
        assert {"current", "file"} == {path.name.partition("-")[0] for path in (data / "seal").iterdir()}
        health = server.client("sts").get_caller_identity()
        assert 200 == health["ResponseMetadata"]["HTTPStatusCode"]
    with Deployment(data, *OPTIONS) as server:
        assert "through it all" == reads(server)
        assert "protects against theft of the store alone" in status(server)["protects"]


def test_a_stopped_server_is_changed_by_files_alone(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    answer.write_text(ANSWER)
    data = with_settings(tmp_path / "data", "cat", str(answer))
    with Deployment(data, *OPTIONS) as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")

    run(server, "seal", "change", "passphrase", new_passphrase=PASSPHRASE)
    assert ("stopped", "passphrase") == (status(server)["state"], status(server)["kind"])
    wrong = run(server, "seal", "change", "file", refused=True, passphrase="not the passphrase")
    assert "This passphrase does not open the seal." in wrong["refused"]
    made = run(server, "seal", "change", "shamir", "--shares", "3", "--threshold", "2", passphrase=PASSPHRASE)
    run(server, "seal", "change", "command", passphrase="\n".join(made["shares"][1:]))
    answer.write_text("something else")
    with pytest.raises(Exception, match=r"What cat prints does not open the seal\."):
        Deployment(data, *OPTIONS).start()
    answer.unlink()
    with pytest.raises(Exception, match=r"cat ended with status 1\."):
        Deployment(data, *OPTIONS).start()
    answer.write_text(ANSWER)
    elsewhere = tmp_path / "elsewhere" / "root.key"
    run(server, "seal", "change", f"file:{elsewhere}")
    assert elsewhere.exists()
    assert ["current"] == [path.name for path in (data / "seal").iterdir()]
    with Deployment(data, *OPTIONS) as server:
        assert "through it all" == reads(server)

    with pytest.raises(Exception, match=r"seal of this data directory is file:.* since `strongroom seal change`"):
        Deployment(data, *OPTIONS, "--seal", "passphrase").start()
    elsewhere.unlink()
    with pytest.raises(Exception, match="does not exist"):
        Deployment(data, *OPTIONS).start()
    assert "Traceback" not in server.said()


def test_shares_are_taken_one_at_a_time_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", *OPTIONS) as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")
        old = run(server, "seal", "change", "shamir", "--shares", "3", "--threshold", "2")["shares"]
        first = "\n".join(old[:2])
        shares = run(server, "seal", "change", "shamir", "--shares", "5", "--threshold", "3", passphrase=first)[
            "shares"
        ]

    with Deployment(tmp_path / "data", *OPTIONS) as server:
        assert ("sealed", 0, 3) == tuple(status(server)[name] for name in ("state", "given", "needed"))
        assert {"state": "sealed", "given": 1, "needed": 3} == run(server, "unseal", passphrase=shares[4])
        again = run(server, "unseal", refused=True, passphrase=shares[4])
        assert "Share 5 was given already: 1 of 3 are there." in again["refused"]
        stranger = run(server, "unseal", refused=True, passphrase=old[0])
        assert "belongs to another seal, or to this one before it was last changed" in stranger["refused"]
        slip = run(server, "unseal", refused=True, passphrase=shares[0][:-1] + ("0" if shares[0][-1] != "0" else "1"))
        assert "not copied right" in slip["refused"]
        assert "2 of 3 shares\n" == _text(server, shares[1])
        assert "unsealed\n" == _text(server, shares[0])
        server.wait_until("ready")
        assert "through it all" == reads(server)


def _text(server: Deployment, share: str) -> str:
    with given(share) as descriptor:
        return server.cli("unseal", "--passphrase-fd", str(descriptor), pass_fds=[descriptor]).stdout


def test_at_a_terminal_shares_are_asked_for_one_after_the_other_and_never_echoed(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", *OPTIONS) as server:
        shares = run(server, "seal", "change", "shamir", "--shares", "3", "--threshold", "2")["shares"]
        run(server, "seal")
        shown = typed(server, ["unseal"], [(b"A share: ", text) for text in (shares[2], "no share", shares[0])])
        assert "1 of 2 shares" in shown
        assert "This is not a share" in shown
        assert "unsealed" in shown
        assert [] == [share for share in shares if share in shown or share.split("-")[3] in shown]
        server.wait_until("ready")


def typed(server: Deployment, command: list[str], answers: list[tuple[bytes, str]]) -> str:
    """What a terminal shows while a person runs a command and answers its questions."""
    words = [sys.executable, "-m", "strongroom.cli", *command, "--data", str(server.data)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, words, clean_environment())
    shown = b""
    asked = 0
    waiting = list(answers)
    while True:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, shown
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        shown += chunk
        if waiting and shown.count(waiting[0][0]) > asked:
            asked += 1
            os.write(terminal, waiting.pop(0)[1].encode() + b"\n")
    os.close(terminal)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown
    return shown.decode()
