"""1,000 secrets that come due in the same minute, all rotated, while somebody reads at a steady pace.

The clock is moved past the window of all schedules. The function is trivial: it writes a value and moves
AWSCURRENT. Printed are how long it took, the most function processes there were, the most memory of server and
functions, and the read latency meanwhile, beside that before and after. Exit 1 where a secret was not rotated, or
the reads' 99th percentile more than doubled.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from bench import machine
from bench.servers import Strongroom, family
from strongroom.cli.client import Client, Keys

SERVICE = "secretsmanager.amazonaws.com"
FUNCTION = """
import boto3
client = boto3.client("secretsmanager")

def handler(event, context):
    arn, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        made = {"ClientRequestToken": token, "SecretString": token, "VersionStages": ["AWSPENDING"]}
        client.put_secret_value(SecretId=arn, **made)
    elif event["Step"] == "finishSecret":
        versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
        if "AWSCURRENT" in versions[token]:
            return
        current = next(one for one, stages in versions.items() if "AWSCURRENT" in stages)
        client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ALLOWED = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
MOST_SECONDS = 1800
MOST_RATIO = 2.0


class Reader:
    """Reads one secret at a steady pace over one connection, and notes how long each answer took.

    A process of its own: the bench looks through processes meanwhile, and its turns of the interpreter are no answer's.
    """

    def __init__(self, url: str, key: tuple[str, str], pace: float) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_read_on, args=(url, key, pace, there), daemon=True)
        self._process.start()
        there.close()

    def told(self) -> tuple[list[float], int]:
        """How long each answer took so far, in ms, and how many were refused; then it begins anew."""
        self._here.send("told")
        taken, refused = self._here.recv()
        return taken, refused

    def close(self) -> None:
        """End it."""
        self._here.close()
        self._process.join(30)


def _read_on(url: str, key: tuple[str, str], pace: float, told: Connection) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    taken: list[float] = []
    refused = 0
    due = time.perf_counter()
    while True:
        body = json.dumps({"SecretId": "read"})
        head = _head(url, key, body)
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        connection.request("POST", "/", body, head)
        reply = connection.getresponse()
        reply.read()
        taken.append((time.perf_counter() - begun) * 1e3)
        refused += reply.status != 200
        due = max(due + 1 / pace, time.perf_counter())
        try:
            if told.poll():
                told.recv()
                told.send((taken, refused))
                taken, refused = [], 0
        except EOFError:
            return


def _head(url: str, key: tuple[str, str], body: str) -> dict[str, str]:
    request = AWSRequest("POST", url + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue",
    })  # fmt: skip
    SigV4Auth(Credentials(*key), "secretsmanager", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def main() -> int:
    """Run it."""
    given = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        extra = ("--dev-clock",)
        with Strongroom(Path(folder) / "data", workers=2, extra=extra) as server:
            return _measure(server, given)


def _measure(server: Strongroom, given: argparse.Namespace) -> int:
    secrets = _client(server, "secretsmanager")
    secrets.create_secret(Name="read", SecretString="x" * 300)
    _fill(server, secrets, given.secrets)
    local = Client(server.url, "us-east-1", Keys(*server.key), None)
    _until_nothing_is_due(server, local)
    reader = Reader(server.url, server.key, given.pace)
    # Whoever looks stands back from here on, but not the reader: to read how much memory each process has takes tens of
    # milliseconds, which are no answer's.
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    time.sleep(1)
    reader.told()  # its own first calls
    time.sleep(given.seconds)
    before = reader.told()
    begun = time.perf_counter()
    local.ask("POST", "/_strongroom/clock", {"Seconds": 86400})
    processes, memory = _until_nothing_is_due(server, local)
    spent = time.perf_counter() - begun
    meanwhile = reader.told()
    time.sleep(given.seconds)
    after = reader.told()
    reader.close()
    refused = before[1] + meanwhile[1] + after[1]
    quiet_p50, quiet_p99 = _quantiles([*before[0], *after[0]])
    p50, p99 = _quantiles(meanwhile[0])
    rotated = _rotated(secrets)
    for said, many in _failures(local).items():
        print(f"{many} attempts failed: {said}")
    print(f"{rotated} of {given.secrets} secrets rotated in {spent:.0f} s ({rotated / spent:.1f}/s)")
    print(f"most function processes at once {processes}, most memory of server and functions {memory:.0f} MB (PSS)")
    print(
        f"reads at {given.pace:.0f}/s: before and after p50 {quiet_p50:.2f} p99 {quiet_p99:.2f} ms, "
        f"meanwhile p50 {p50:.2f} p99 {p99:.2f} ms: p99 ratio {p99 / quiet_p99:.2f}, refused {refused}"
    )
    return 0 if rotated == given.secrets and not refused and p99 <= MOST_RATIO * quiet_p99 else 1


def _quantiles(taken: list[float]) -> tuple[float, float]:
    cut = statistics.quantiles(taken, n=100)
    return cut[49], cut[98]


def _client(server: Strongroom, service: str) -> Any:
    session = boto3.session.Session(
        aws_access_key_id=server.key[0], aws_secret_access_key=server.key[1], region_name="us-east-1"
    )
    return session.client(service, endpoint_url=server.url, config=Config(read_timeout=60))


def _fill(server: Strongroom, secrets: Any, many: int) -> None:
    iam, functions = _client(server, "iam"), _client(server, "lambda")
    document = {"Version": "2012-10-17", "Statement": TRUST}
    role = iam.create_role(RoleName="rotates", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="rotates", PolicyName="own", PolicyDocument=json.dumps({**document, "Statement": ALLOWED})
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", FUNCTION)
    function = functions.create_function(
        FunctionName="rotates",
        Role=role,
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Handler="app.handler",
        Timeout=60,
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    functions.add_permission(FunctionName="rotates", StatementId="s", Action="lambda:InvokeFunction", Principal=SERVICE)
    hour = (datetime.now(UTC).hour + 6) % 24  # its window is neither open now nor in a day from now
    for number in range(many):
        name = f"due/{number:05d}"
        secrets.create_secret(Name=name, SecretString="first")
        secrets.rotate_secret(
            SecretId=name,
            RotationLambdaARN=function,
            RotationRules={"ScheduleExpression": f"cron(0 {hour} * * ? *)", "Duration": "1h"},
            RotateImmediately=False,
        )


def _until_nothing_is_due(server: Strongroom, local: Client) -> tuple[int, float]:
    """Wait until all that is due was done; the most function processes, and the most memory in MB, meanwhile."""
    processes, memory = 0, 0.0
    until = time.monotonic() + MOST_SECONDS
    quiet = 0
    while quiet < 3:
        quiet = quiet + 1 if local.ask("GET", "/_strongroom/clock")["DueJobs"] == 0 else 0
        processes = max(processes, _function_processes(server))
        memory = max(memory, sum(server.memory_mb()))
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return processes, memory


def _function_processes(server: Strongroom) -> int:
    count = 0
    for pid in family(server.pid):
        with suppress(OSError):
            count += b"awslambdaric" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return count


def _failures(local: Client) -> Counter[str]:
    """What failed attempts said, each as often as it did."""
    found: Counter[str] = Counter()
    asked: dict[str, Any] = {}
    while True:
        page = local.ask("POST", "/_strongroom/rotation/list", asked)
        found.update(f"{f['Step']}: {f['Message']}" for one in page["Rotations"] for f in one["Failures"])
        if "After" not in page:
            return found
        asked = {"After": page["After"]}


def _rotated(secrets: Any) -> int:
    pages = secrets.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": ["due/"]}])
    return sum("LastRotatedDate" in one for page in pages for one in page["SecretList"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secrets", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=100.0, help="reads a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to read before, and after")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
