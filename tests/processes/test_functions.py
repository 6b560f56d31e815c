"""Functions on a server as anybody runs it: with TLS, in processes of its own, killed, searched, asked with ``aws``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import ROOT, Deployment, clean_environment, is_alive, wait_gone
from tests.functions.packing import PYTHON, TRUST, invoke, zipped
from tests.processes.canaries import canary, found_in

READER = """
import boto3, os, ssl
value = boto3.client("secretsmanager").get_secret_value(SecretId="db")["SecretString"]
def handler(event, context):
    print("log", event)
    templates = ssl.create_default_context(cafile="/etc/pki/tls/cert.pem")
    return {"value": value, "authorities": len(templates.get_ca_certs()), "pid": os.getpid()}
"""
ALLOWED = {
    "Effect": "Allow",
    "Action": ["secretsmanager:GetSecretValue", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with TLS and two workers."""
    with Deployment(tmp_path_factory.mktemp("functions") / "data", "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def role(server: Deployment) -> str:
    """A role that reads secrets and writes logs."""
    iam = server.client("iam")
    made = iam.create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": ALLOWED})
    iam.put_role_policy(RoleName="runs", PolicyName="own", PolicyDocument=document)
    server.client("secretsmanager").create_secret(Name="db", SecretString="opens the door")
    return str(made)


def make(server: Deployment, role: str, name: str, code: str, **more: Any) -> Any:
    """A function; a client of Lambda."""
    client = server.client("lambda")
    given = {"Timeout": 20, "Code": {"ZipFile": zipped({"app.py": code})}} | more
    client.create_function(FunctionName=name, Role=role, Runtime=PYTHON, Handler="app.handler", **given)
    return client


def test_over_tls_a_function_reads_a_secret_at_init_and_finds_the_bundle_that_templates_open(
    server: Deployment, role: str
) -> None:
    done = invoke(make(server, role, "reader", READER), "reader", 1)
    assert done.error is None, done.value
    assert "opens the door" == done.value["value"]
    assert done.value["authorities"] >= 1


def test_code_of_many_megabytes_is_taken(server: Deployment, role: str) -> None:
    """Drivers make zips large. What is here does not compress."""
    noise = random.Random(1).randbytes(5_000_000).hex()
    code = {"ZipFile": zipped({"app.py": "def handler(e, c):\n    import noise\n    return len(noise.x)\n",
                               "noise.py": f"x = '{noise}'"})}  # fmt: skip
    client = make(server, role, "large", "", Code=code)
    assert 10_000_000 == invoke(client, "large").value


def aws(server: Deployment, *words: str) -> str:
    """One call of the stock AWS command line."""
    done = subprocess.run(
        [Path(sys.executable).with_name("aws"), *words],
        env=clean_environment() | server.env() | {"AWS_PAGER": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_aws_command_line_invokes_and_reads_the_log(server: Deployment, role: str, tmp_path: Path) -> None:
    make(server, role, "cli", "def handler(e, c):\n    print('seen', e['n'])\n    return e['n'] + 1\n")
    answer = tmp_path / "answer.json"
    told = json.loads(aws(server, "lambda", "invoke", "--function-name", "cli", "--payload", '{"n": 41}', str(answer)))
    assert (200, "42") == (told["StatusCode"], answer.read_text())
    stream = json.loads(aws(server, "logs", "describe-log-streams", "--log-group-name", "/aws/lambda/cli"))
    name = stream["logStreams"][0]["logStreamName"]
    place = ("--log-group-name", "/aws/lambda/cli", "--log-stream-name", name)
    events = json.loads(aws(server, "logs", "get-log-events", *place, "--start-from-head"))["events"]
    assert "seen 41" in [event["message"] for event in events]
    found = json.loads(aws(server, "logs", "filter-log-events", "--log-group-name", "/aws/lambda/cli",
                           "--filter-pattern", "seen"))  # fmt: skip
    assert ["seen 41"] == [event["message"] for event in found["events"]]


def test_nothing_of_a_function_lies_open_on_disk(server: Deployment, role: str) -> None:
    words = [canary() for _ in range(6)]
    code = f"word = '{words[0]}'\ndef handler(e, c):\n    print(word, '{words[1]}')\n    return ['{words[2]}', e]\n"
    client = make(server, role, "sealed", code, Environment={"Variables": {"WORD": words[3]}})
    assert [words[2], words[4]] == invoke(client, "sealed", words[4]).value
    client.invoke(FunctionName="sealed", InvocationType="Event", Payload=json.dumps(words[5]))
    with pytest.raises(client.exceptions.ClientError):
        client.create_function(
            FunctionName="refused",
            Role="arn:aws:iam::123456789012:role/never",
            Runtime=PYTHON,
            Handler="app.handler",
            Code={"ZipFile": zipped({"app.py": words[0]})},
            Environment={"Variables": {"WORD": words[3]}},
        )
    assert [] == found_in([server.data, server.log, Path("/dev/shm"), Path("/tmp/strongroom")], words)


def children_of(pid: int) -> list[int]:
    """All processes below one."""
    found, wanted = [], {pid}
    for entry in sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
        try:
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent in wanted:
            wanted.add(entry)
            found.append(entry)
    return found


def test_functions_end_with_the_runner_and_run_again_with_the_next(server: Deployment, role: str) -> None:
    code = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'\n"
    client = make(server, role, "slow", code)
    assert "done" == invoke(client, "slow", 0).value
    runner = server.children()["runner"]
    running = children_of(runner)
    assert running
    told: list[str] = []

    def wait() -> None:
        try:
            invoke(client, "slow", 15)
        except client.exceptions.ClientError as error:
            told.append(error.response["Error"]["Code"])

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    os.kill(runner, signal.SIGKILL)
    waiting.join(20)
    assert ["ServiceException"] == told
    wait_gone(running, timeout=5)
    server.wait_replaced("runner", runner)
    assert "done" == invoke(client, "slow", 0).value


def test_functions_end_with_the_server(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1", "--tls", "off") as running:
        iam = running.client("iam")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        client = make(running, role, "f", "def handler(e, c):\n    return 1\n")
        assert 1 == invoke(client, "f").value
        pids = children_of(running.children()["runner"])
        assert pids and all(map(is_alive, pids))
        running.kill()
        wait_gone(pids, timeout=5)


def test_strongroom_logs_prints_what_a_function_printed(server: Deployment, role: str) -> None:
    client = make(server, role, "talks", "def handler(e, c):\n    print('said', e)\n")
    for number in (1, 2):
        invoke(client, "talks", number)
    lines = server.cli("logs", "talks").stdout.splitlines()
    assert ["said 1", "said 2"] == [line.split("  ", 1)[1] for line in lines if "said" in line]
    assert 8 == len(lines)
    assert ["said 2"] == [
        line.split("  ", 1)[1] for line in server.cli("logs", "talks", "--filter", '"said 2"').stdout.splitlines()
    ]
    missing = server.cli("logs", "never", check=False)
    assert (1, "strongroom: The specified log group does not exist.\n") == (missing.returncode, missing.stderr)


def test_strongroom_function_build_makes_what_runs(server: Deployment, role: str, tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.mkdir()
    (source / "app.py").write_text("import boto3, words\ndef handler(e, c):\n    return words.hello\n")
    (source / "words.py").write_text("hello = 'built'\n")
    server.cli("function", "build", str(source))
    code = {"ZipFile": (tmp_path / "f.zip").read_bytes()}
    assert "built" == invoke(make(server, role, "built", "", Code=code), "built").value


def test_a_sealed_server_runs_no_function_and_an_unsealed_one_runs_them_again(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"correct horse battery staple\n")
    os.close(writing)
    options = ("--workers", "1", "--tls", "off", "--seal", "passphrase", "--passphrase-fd", str(reading))
    with Deployment(tmp_path / "data", *options, pass_fds=[reading]) as running:
        os.close(reading)
        iam = running.client("iam")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        client = make(running, role, "f", "def handler(e, c):\n    return 1\n")
        assert 1 == invoke(client, "f").value
        pids = children_of(running.children()["runner"])
        running.admin({"do": "seal"})
        wait_gone(pids, timeout=5)
        with pytest.raises(client.exceptions.ClientError, match="sealed"):
            invoke(client, "f")
        running.admin({"do": "unseal", "secret": b"correct horse battery staple".hex()})
        running.wait_until("ready")
        assert 1 == invoke(client, "f").value
