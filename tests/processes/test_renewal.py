"""Credentials that renew themselves: stock boto3 over an expiry, on a clock that is moved on both sides."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.deployment import Deployment, clean_environment

ROLE = "reader"
EVERYBODY_OF_THE_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


def document(statement: dict[str, Any]) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with a secret, and a role that may read it and nothing else."""
    with Deployment(tmp_path_factory.mktemp("renewal") / "data", "--workers", "2", "--dev-clock") as made:
        iam = made.client("iam")
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document(EVERYBODY_OF_THE_ACCOUNT))
        iam.put_role_policy(RoleName=ROLE, PolicyName="p", PolicyDocument=document(READ))
        made.client("secretsmanager").create_secret(Name="db", SecretString="x")
        yield made


def client(server: Deployment, session: boto3.session.Session) -> Any:
    """A stock client with whatever credentials the session finds."""
    return session.client(
        "secretsmanager",
        endpoint_url=server.url,
        verify=server.env()["AWS_CA_BUNDLE"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def use(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Have SDKs find credentials by these variables, and by no others."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in (clean_environment() | variables).items():
        monkeypatch.setenv(name, value)


def pass_an_expiry(server: Deployment, session: boto3.session.Session) -> tuple[str, str]:
    """The key ids before and after the server's clock, and the SDK's, were moved over an expiry.

    The SDK's own clock is moved with the server's: that is what both would see an hour later.
    """
    secrets = client(server, session)
    assert "x" == secrets.get_secret_value(SecretId="db")["SecretString"]
    held: Any = session.get_credentials()
    first = held.get_frozen_credentials()
    moved = json.loads(server.cli("clock", "advance", "61m", "--format", "json").stdout)
    old = boto3.session.Session(first.access_key, first.secret_key, first.token, region_name="us-east-1")
    with pytest.raises(ClientError) as error:
        client(server, old).get_secret_value(SecretId="db")
    assert "ExpiredTokenException" == error.value.response["Error"]["Code"]
    held._time_fetcher = lambda: datetime.now(UTC) + timedelta(seconds=moved["OffsetSeconds"])
    assert "x" == secrets.get_secret_value(SecretId="db")["SecretString"]
    return first.access_key, held.get_frozen_credentials().access_key


def test_a_credential_process_renews_over_an_expiry(
    server: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"{sys.executable} -m strongroom.cli credentials assume {ROLE} --data {server.data}"
    config = tmp_path / "config"
    config.write_text(f"[profile app]\nregion = us-east-1\ncredential_process = {program}\n")
    use(monkeypatch, {"AWS_CONFIG_FILE": str(config)})

    before, after = pass_an_expiry(server, boto3.session.Session(profile_name="app"))

    assert before != after


class Agent:
    """``strongroom credentials serve`` in a process of its own."""

    def __init__(self, server: Deployment, token_file: Path) -> None:
        words = ["credentials", "serve", ROLE, "--token-file", str(token_file), "--data", str(server.data)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "strongroom.cli", *words], env=clean_environment(), stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline().strip() for _ in range(2)]
        self.variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        self.url = self.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]

    def close(self) -> int:
        """SIGTERM; the exit status."""
        self._process.terminate()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(10)

    def get(self, path: str | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        """Status and answer of a plain request."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request("GET", path or parts.path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def agent(server: Deployment, tmp_path: Path) -> Iterator[Agent]:
    """A running endpoint."""
    made = Agent(server, tmp_path / "token")
    yield made
    assert 0 == made.close()


def test_container_credentials_renew_over_an_expiry(
    server: Deployment, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, agent.variables)

    before, after = pass_an_expiry(server, boto3.session.Session(region_name="us-east-1"))

    assert before != after


def test_the_token_file_is_made_for_its_owner_only_and_read_anew_each_time(agent: Agent) -> None:
    path = Path(agent.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
    token = path.read_text()
    assert (0o600, 43) == (path.stat().st_mode & 0o777, len(token))
    assert 200 == agent.get(Authorization=token)[0]

    path.write_text("another")

    assert 401 == agent.get(Authorization=token)[0]
    assert {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"} == set(
        agent.get(Authorization="another")[1]
    )
    path.unlink()
    assert 401 == agent.get(Authorization="another")[0]
    assert 401 == agent.get(Authorization="")[0]


def test_without_the_token_or_under_another_name_nothing_is_given(agent: Agent) -> None:
    token = Path(agent.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()

    assert (401, "AccessDenied") == _refusal(agent.get())
    assert (401, "AccessDenied") == _refusal(agent.get(Authorization=token[:-1]))
    assert (404, "NotFound") == _refusal(agent.get("/other", Authorization=token))
    assert (403, "InvalidHost") == _refusal(agent.get(Authorization=token, Host="evil.example:80"))


def _refusal(answer: tuple[int, dict[str, str]]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


def test_a_role_that_cannot_be_assumed_is_told_in_the_servers_words(server: Deployment) -> None:
    done = server.cli("credentials", "assume", "nobody", check=False)

    assert 1 == done.returncode and "" == done.stdout
    assert (
        "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/nobody" in done.stderr
    )


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:80", "localhost"])
def test_credentials_are_served_on_loopback_only(server: Deployment, tmp_path: Path, listen: str) -> None:
    token = str(tmp_path / "token")
    done = server.cli("credentials", "serve", ROLE, "--listen", listen, "--token-file", token, check=False)

    assert 1 == done.returncode and "loopback" in done.stderr


def test_after_a_leak_one_command_ends_every_session_and_the_workload_gets_a_new_one(
    server: Deployment, agent: Agent
) -> None:
    token = Path(agent.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()

    def reads(given: dict[str, str]) -> bool:
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
        secrets = client(server, boto3.session.Session(*keys, region_name="us-east-1"))
        try:
            return bool(secrets.get_secret_value(SecretId="db")["SecretString"] == "x")
        except ClientError as error:
            assert "UnrecognizedClientException" == error.response["Error"]["Code"]
            return False

    before = agent.get(Authorization=token)[1]
    assert reads(before)
    assert "sessions go on" in server.cli("credentials", "rotate-token-key").stdout
    assert reads(before)

    assert "every session has ended" in server.cli("credentials", "rotate-token-key", "--end-sessions").stdout

    assert not reads(before)
    assert reads(agent.get(Authorization=token)[1])
