"""``kill -9`` in the middle of an import: the next run goes on, and every line is done once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.reading import raw_lines
from tests.deployment import ROOT, Deployment, clean_environment

LINES = 1500
WAIT_SECONDS = 120


def written(place: Path) -> Path:
    """A file of lines; some cannot be made, as their tags are reserved."""
    file = place / "secrets.jsonl"
    with file.open("w") as out:
        for number in range(LINES):
            one: dict[str, Any] = {"Name": f"app/{number:05}", "SecretString": f"value of {number}"}
            if number % 500 == 250:
                one["Tags"] = [{"Key": "aws:reserved", "Value": "x"}]
            out.write(json.dumps(one) + "\n")
    return file


def begun(server: Deployment, file: Path) -> subprocess.Popen[bytes]:
    """The command, under way."""
    words = ["import", str(file), "--continue-on-error", "--data", str(server.data)]
    return subprocess.Popen(
        [sys.executable, "-m", "strongroom.cli", *words],
        env=clean_environment(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def made(server: Deployment) -> set[str]:
    """The names of all secrets."""
    pages = server.client("secretsmanager").get_paginator("list_secrets").paginate(MaxResults=100)
    return {one["Name"] for page in pages for one in page["SecretList"]}


def wait_for_some(server: Deployment) -> int:
    """Wait until some of the lines are done, not all."""
    client, until = server.client("secretsmanager"), time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = len(client.list_secrets(MaxResults=100)["SecretList"])
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("no line was imported")


def kept_events(journal: Path) -> list[dict[str, Any]]:
    """What happened, by all segments, the packed ones too: no refusal, and nothing without its COMMIT."""
    lines = []
    for segments in chains(journal).values():
        for name in segments:
            lines += [json.loads(line) for line, whole in raw_lines(journal / name.file) if whole]
    undone = {line["id"] for line in lines if line.get("mark") == "not committed"}
    found = [line["event"] for line in lines if "event" in line and line["id"] not in undone]
    return [one for one in found if "errorCode" not in one]


def test_an_import_killed_in_the_middle_goes_on_and_does_no_line_twice(tmp_path: Path) -> None:
    file = written(tmp_path)
    server = Deployment(tmp_path / "data", "--tls", "off", "--workers", "1")
    with server:
        command = begun(server, file)
        wait_for_some(server)
        for pid in server.children().values():
            os.kill(pid, signal.SIGKILL)
        server.kill()
        command.kill()
        command.wait()
        server.start()
        before = len(made(server))
        assert before < LINES

        command = begun(server, file)  # and once more: the command alone
        time.sleep(0.3)
        command.kill()
        command.wait()
        told = json.loads(
            server.cli("import", str(file), "--continue-on-error", "--format", "json", check=False).stdout
        )
        wanted = {f"app/{number:05}" for number in range(LINES) if number % 500 != 250}
        assert wanted == made(server)
        assert (LINES + 1, len(wanted), 0, 3) == tuple(
            told[name] for name in ("NextLine", "Created", "Present", "Failed")
        )
        client = server.client("secretsmanager")
        for name in ("app/00000", "app/00777", f"app/{LINES - 1:05}"):
            assert f"value of {int(name[4:])}" == client.get_secret_value(SecretId=name)["SecretString"]
            assert 1 == len(client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"])
    kept = kept_events(server.data / "journal")
    created = Counter(one["requestParameters"]["name"] for one in kept if one["eventName"] == "CreateSecret")
    assert dict.fromkeys(wanted, 1) == created
    assert 1 == sum(one["eventName"] == "ImportSecrets" for one in kept)
