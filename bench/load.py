"""A pool of requests signed by botocore, replayed by wrk over keep-alive connections."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_LUA = """
local bodies = {%s}
local heads = {%s}
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", "/", heads[at], bodies[at])
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What one round of load measured. Latencies in milliseconds."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def write_pool(
    path: Path, url: str, key: tuple[str, str], target: str, bodies: list[bytes], *, service: str = "secretsmanager"
) -> None:
    """Sign one request a body, now (they are good for five minutes), and write them as a wrk script."""
    heads = [_head(url, key, target, body, service) for body in bodies]
    path.write_text(_LUA % (",\n".join(_lua(body.decode()) for body in bodies), ",\n".join(heads)))


def run(script: Path, url: str, *, seconds: int, connections: int = 48) -> Load:
    """One round of wrk with one thread."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is missing: `apt-get install wrk` (make bench does it where it may).")
    done = subprocess.run(
        [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), "--timeout", "10s", url],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise SystemExit(f"wrk printed no result:\n{done.stdout}{done.stderr}")
    requests, micros, refused, broken, p50, p99 = map(int, found.groups())
    return Load(requests, micros / 1e6, refused, broken, p50 / 1e3, p99 / 1e3)


def _head(url: str, key: tuple[str, str], target: str, body: bytes, service: str) -> str:
    request = AWSRequest(
        "POST",
        url + "/",
        data=body,
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
        },
    )
    SigV4Auth(Credentials(*key), service, "us-east-1").add_auth(request)
    return "{" + ", ".join(f"[{_lua(name)}]={_lua(value)}" for name, value in request.headers.items()) + "}"


def _lua(text: str) -> str:
    return json.dumps(text)
