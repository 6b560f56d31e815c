"""Starting, stopping and finding everything again: the real product in real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment, NotReady, wait_gone
from tests.raw import send

pytestmark = pytest.mark.usefixtures("anew")
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two workers over TLS, with a clock that can be moved."""
    with Deployment(tmp_path_factory.mktemp("start") / "data", "--workers", "2", "--dev-clock") as deployment:
        yield deployment
    assert "Traceback" not in deployment.said()


def _code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_stock_boto3_works_over_tls(server: Deployment) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="first", SecretString="one")
    assert "one" == secrets.get_secret_value(SecretId="first")["SecretString"]


def test_a_profile_alone_is_enough(server: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(server.cli("env", "--format", "profile").stdout)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    session = boto3.session.Session(profile_name="strongroom")
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":user/admin")


def test_what_one_worker_acknowledged_every_worker_answers(server: Deployment) -> None:
    # A connection stays with its worker; new clients come to either.
    clients = [server.client("secretsmanager") for _ in range(6)]
    clients[0].create_secret(Name="shared", SecretString="0")
    for number in range(1, 12):
        writer = clients[number % len(clients)]
        writer.put_secret_value(SecretId="shared", SecretString=str(number))
        seen = {client.get_secret_value(SecretId="shared")["SecretString"] for client in clients}
        assert {str(number)} == seen


def test_a_request_under_another_host_is_refused(server: Deployment) -> None:
    url = server.url.replace("127.0.0.1", "evil.example")
    client = server.client("secretsmanager")
    client.meta.events.register(
        "before-send.secretsmanager",
        lambda request, **_: request.headers.__setitem__("Host", url.removeprefix("https://")),
    )
    with pytest.raises(ClientError) as refused:
        client.list_secrets()
    assert 421 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_body_of_10_mb_is_refused_and_the_server_goes_on(server: Deployment) -> None:
    secrets = server.client("secretsmanager")
    with pytest.raises(ClientError) as refused:
        secrets._make_api_call("CreateSecret", {"Name": "large", "Description": "x" * 10_000_000})
    assert 413 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert secrets.list_secrets(Filters=[{"Key": "name", "Values": ["large"]}])["SecretList"] == []


def test_everything_is_there_after_a_restart_and_after_kill_9(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Deployment(data, "--workers", "2")
    with server:
        assert "Made now: the first administrator" in server.printed
        server.client("secretsmanager").create_secret(Name="kept", SecretString="safe")
        keys = (data / "credentials").read_bytes()
    with server:
        assert "safe" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
        assert "Made now" not in server.printed.partition("Stop with Ctrl-C.")[2]
        server.client("secretsmanager").put_secret_value(SecretId="kept", SecretString="safer")
        children = list(server.children().values())
        server.kill()
        wait_gone(children, timeout=20)
    with server:
        assert "safer" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
        assert keys == (data / "credentials").read_bytes()
        assert 0 == server.cli("audit", "verify").returncode


def test_a_killed_worker_or_runner_is_replaced_and_calls_are_answered(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "2", "--dev-clock") as server:
        secrets = server.client("secretsmanager")
        secrets.create_secret(Name="kept", SecretString="safe")
        for pid in server.children().values():
            os.kill(pid, signal.SIGKILL)
        server.wait_until("ready", timeout=20)
        for _ in range(6):
            read = server.client("secretsmanager").get_secret_value(SecretId="kept")
            assert "safe" == read["SecretString"]
        # The new runner works too.
        server.client("secretsmanager").delete_secret(SecretId="kept", RecoveryWindowInDays=7)
        server.cli("clock", "advance", "8d")
        with pytest.raises(ClientError) as gone:
            server.client("secretsmanager").restore_secret(SecretId="kept")
        assert "ResourceNotFoundException" == _code(gone)


def test_the_recovery_window_can_be_lived_through(server: Deployment) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="doomed", SecretString="x")
    secrets.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
    told = json.loads(server.cli("clock", "advance", "6d", "--format", "json").stdout)
    assert (6 * 86400, True, 0) == (told["OffsetSeconds"], told["Movable"], told["DueJobs"])
    assert "doomed" == secrets.restore_secret(SecretId="doomed")["Name"]
    secrets.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
    server.cli("clock", "advance", "8d")
    with pytest.raises(ClientError) as gone:
        secrets.restore_secret(SecretId="doomed")
    assert "ResourceNotFoundException" == _code(gone)
    assert "moved forward by 1209600 s" in server.cli("clock", "status").stdout


def test_a_clock_not_made_for_it_cannot_be_moved(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1") as server:
        refused = server.cli("clock", "advance", "1d", check=False)
        assert (1, True) == (refused.returncode, "was not made with" in refused.stderr)
        assert "cannot be moved" in server.cli("clock", "status").stdout
    with pytest.raises(NotReady, match="--dev-clock works only on a data directory that was made with it"):
        Deployment(tmp_path / "data", "--dev-clock").start()


def test_an_account_of_its_own_sees_nothing_of_another(server: Deployment) -> None:
    made = json.loads(server.cli("account", "create", "--id", "210987654321", "--format", "json").stdout)
    keys = {"aws_access_key_id": made["access_key_id"], "aws_secret_access_key": made["secret_access_key"]}
    assert "210987654321" == server.client("sts", **keys).get_caller_identity()["Account"]
    assert [] == server.client("secretsmanager", **keys).list_secrets()["SecretList"]
    again = server.cli("account", "create", "--id", "210987654321", check=False)
    assert (1, True) == (again.returncode, "exists already" in again.stderr)


def test_the_keys_of_an_account_go_to_a_private_file(server: Deployment) -> None:
    told = server.cli("account", "create", "--id", "310987654321").stdout
    path = server.data / "credentials-310987654321"
    assert str(path) in told
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "aws_secret_access_key" not in told


def test_the_first_credentials_retire_only_when_somebody_else_can_administer(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1") as server:
        refused = server.cli("credentials", "retire", check=False)
        assert 1 == refused.returncode
        assert (server.data / "credentials").exists()
        users = server.client("iam")
        users.create_user(UserName="boss")
        users.put_user_policy(
            UserName="boss",
            PolicyName="all",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
            ),
        )
        users.attach_user_policy(UserName="boss", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        users.create_access_key(UserName="boss")
        old = server.env()
        server.cli("credentials", "retire")
        assert not (server.data / "credentials").exists()
        keys = {
            "aws_access_key_id": old["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": old["AWS_SECRET_ACCESS_KEY"],
        }
        with pytest.raises(ClientError):
            server.client("sts", **keys).get_caller_identity()
        assert "AWS_ACCESS_KEY_ID" not in server.env()
        server.cli("admin", "reset")
        assert server.client("sts").get_caller_identity()["Arn"].endswith(":user/admin")


def test_sealed_calls_are_answered_with_503_in_their_own_form(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "2") as server:
        secrets = server.client("secretsmanager")
        secrets.create_secret(Name="kept", SecretString="safe")
        assert "sealed" in server.cli("seal").stdout
        for service, call in (("secretsmanager", "list_secrets"), ("sts", "get_caller_identity")):
            with pytest.raises(ClientError) as refused:
                getattr(server.client(service), call)()
            assert 503 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert "sealed (file)" in server.cli("seal", "status").stdout
        assert "unsealed" in server.cli("unseal").stdout
        assert "safe" == secrets.get_secret_value(SecretId="kept")["SecretString"]


def test_a_passphrase_seal_opens_by_a_descriptor_at_start_or_later(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def descriptor(text: str) -> int:
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        return read

    first = descriptor(PASSPHRASE)
    options = ("--workers", "1", "--seal", "passphrase")
    with Deployment(data, *options, "--passphrase-fd", str(first), pass_fds=[first]) as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="safe")
    os.close(first)
    with Deployment(data, *options) as server:
        assert "It is sealed" in server.printed
        for text, status in (("wrong passphrase", 1), (PASSPHRASE, 0)):
            given = descriptor(text)
            done = server.cli("unseal", "--passphrase-fd", str(given), check=False, pass_fds=[given])
            os.close(given)
            assert status == done.returncode, done.stderr
        assert "safe" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]


def test_two_servers_on_one_root_key_need_one_store(tmp_path: Path) -> None:
    key = tmp_path / "root.key"
    with pytest.raises(NotReady, match="does not exist"):
        Deployment(tmp_path / "a", "--seal", f"file:{key}").start()
    key.write_text("ab" * 32)
    key.chmod(0o644)
    with pytest.raises(NotReady, match="readable by nobody else"):
        Deployment(tmp_path / "a", "--seal", f"file:{key}").start()
    key.chmod(0o600)
    with Deployment(tmp_path / "a", "--workers", "1", "--seal", f"file:{key}") as server:
        assert "apart from the data" in server.cli("seal", "status").stdout
    with pytest.raises(NotReady, match="was made with a"):
        Deployment(tmp_path / "a", "--workers", "1").start()


def test_health_is_open_and_tells_ready_from_live(server: Deployment) -> None:
    plain = Deployment(server.data.with_name("plain"), "--workers", "1", "--tls", "off")
    with plain:
        host = {"Host": plain.url.removeprefix("http://")}
        for path, sealed in (("/_strongroom/health", 200), ("/_strongroom/health?ready", 503)):
            assert 200 == send(plain.url, "GET", path, b"", host).status
            plain.admin({"do": "seal"})
            assert sealed == send(plain.url, "GET", path, b"", host).status
            plain.admin({"do": "unseal"})


def test_stop_ends_it(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1") as server:
        assert "ready" in server.cli("status").stdout
        assert "stopped" in server.cli("stop").stdout
        wait_gone([server.pid], timeout=5)
    assert "stopped" in server.cli("seal", "status").stdout
