"""``strongroom audit`` against a real server: proofs offline, the key and heads to keep, the index made anew."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import Deployment, clean_environment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server of two workers."""
    with Deployment(tmp_path_factory.mktemp("audit") / "data", "--workers", "2", "--tls", "off") as made:
        yield made


def verified(server: Deployment, data: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """What ``audit verify`` says of a copy, with no server and no environment."""
    done = subprocess.run(
        [sys.executable, "-m", "strongroom.cli", "audit", "verify", "--data", str(data), "--format", "json", *words],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def signed_since(server: Deployment, request_id: str) -> str:
    """A head that was signed after a call: the newest one that names the line of its record."""
    until = time.monotonic() + 90
    while not any(one.stat().st_size for one in (server.data / "heads").glob("heads-*.jsonl")):
        assert time.monotonic() < until, "no head was signed"
        time.sleep(0.1)
    path = next(p for p in (server.data / "journal").glob("*.jsonl") if request_id.encode() in p.read_bytes())
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    seq = max(line["seq"] for line in lines if request_id in json.dumps(line))
    while True:
        text = server.cli("audit", "head").stdout.strip()
        head = json.loads(json.loads(text)["head"])
        if head["chains"].get(path.name.rsplit("-", 1)[0], [0])[0] >= seq:
            return text
        assert time.monotonic() < until, head
        server.client("kms").list_keys()
        time.sleep(0.3)


def test_a_copy_is_proven_offline_and_a_shortened_one_is_not(server: Deployment, tmp_path: Path) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="db", SecretString="x")
    request_id = secrets.get_secret_value(SecretId="db")["ResponseMetadata"]["RequestId"]
    head, key = tmp_path / "head.json", tmp_path / "journal.pem"
    head.write_text(signed_since(server, request_id))
    key.write_text(server.cli("audit", "key").stdout)
    copy = tmp_path / "copy"
    for part in ("journal", "heads"):
        shutil.copytree(server.data / part, copy / part)
    pinned = ("--key", str(key), "--head", str(head))

    status, told = verified(server, copy, *pinned)
    assert (0, True) == (status, told["whole"]), told
    assert told["proven_through"]

    (victim,) = [p for p in (copy / "journal").glob("*.jsonl") if request_id.encode() in p.read_bytes()]
    whole = victim.read_bytes()
    lines = whole.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if request_id.encode() in line)
    victim.write_bytes(b"".join(lines[:at]))
    status, told = verified(server, copy)
    assert (1, {"removed"}) == (status, {fault["kind"] for fault in told["faults"]})

    # Whoever cuts the heads off as well is found by the one that was kept.
    newest = max((copy / "heads").glob("heads-*.jsonl"))
    newest.write_bytes(newest.read_bytes().splitlines(keepends=True)[0])
    assert 1 == verified(server, copy, *pinned)[0]
    victim.write_bytes(whole)


def test_verifying_beside_the_running_server_finds_nothing(server: Deployment) -> None:
    kms = server.client("kms")
    for _ in range(5):
        kms.list_keys()

    done = server.cli("audit", "verify")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "nothing was changed, removed or moved" in done.stdout


def test_a_restart_goes_on_with_its_heads(server: Deployment) -> None:
    before = json.loads(json.loads(server.cli("audit", "head").stdout)["head"])
    server.stop()
    assert 0 == server.cli("audit", "verify").returncode
    server.start()
    until = time.monotonic() + 90
    while json.loads(json.loads(server.cli("audit", "head").stdout)["head"])["number"] <= before["number"]:
        server.client("kms").list_keys()
        assert time.monotonic() < until
        time.sleep(0.2)

    assert 0 == server.cli("audit", "verify").returncode


def test_the_index_is_made_anew_by_one_command_while_lookups_go_on(server: Deployment) -> None:
    asked = [{"AttributeKey": "EventName", "AttributeValue": "ListAliases"}]
    trail = server.client("cloudtrail")
    server.client("kms").list_aliases()
    before = trail.lookup_events(LookupAttributes=asked)["Events"]
    (old,) = (server.data / "index").glob("trail.*.db")

    done = server.cli("audit", "reindex")

    assert (0, "the index was made anew") == (done.returncode, done.stdout.strip())
    assert 1 == len(before)
    assert before == trail.lookup_events(LookupAttributes=asked)["Events"]
    assert old not in list((server.data / "index").glob("trail.*.db"))


def test_a_signed_journal_on_a_killed_server_still_verifies(server: Deployment) -> None:
    for _ in range(20):
        server.client("kms").list_keys()
    server.kill()
    assert 0 == server.cli("audit", "verify").returncode
    server.start()
    assert 0 == server.cli("audit", "verify").returncode


def test_who_read_a_secret_is_one_command(server: Deployment) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="asked/for", SecretString="x")
    secrets.get_secret_value(SecretId="asked/for")

    table = server.cli("audit", "who", "asked/for", "--since", "1d").stdout
    told = json.loads(server.cli("audit", "who", "asked/for", "--format", "json").stdout)

    assert table.splitlines()[0].startswith("TIME")
    assert "user/admin" in table.splitlines()[1]
    assert "1 calls by 1 principals" == table.splitlines()[-1]
    assert (["GetSecretValue"], True) == ([one["Operation"] for one in told["Accesses"]], told["Complete"])
    assert 1 == server.cli("audit", "who", check=False).returncode
