"""``strongroom seal rotate``: everything lies under the new root key afterwards, and nobody has noticed."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.open import open_store
from tests.browsing import Browser
from tests.deployment import Deployment
from tests.inprocess import Account
from tests.journals import successes
from tests.processes.doors import read_keys
from tests.processes.nodes import two_nodes
from tests.processes.test_sealed import given
from tests.sealedrows import roots_met, sealed_columns
from tests.wire.test_kms_imports import wrapped
from tests.wire.test_sts_tokens import ENCODED

OPTIONS = ("--workers", "2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with two workers, TLS and a file seal."""
    with Deployment(tmp_path_factory.mktemp("rotate") / "data", *OPTIONS) as served:
        yield served


def standing(server: Deployment) -> dict[str, Any]:
    """How its root keys stand."""
    return server.admin({"do": "seal standing"})


def wait_rotated(*servers: Deployment, timeout: float = 20.0) -> None:
    """Wait until no root key is being replaced."""
    until = time.monotonic() + timeout
    for server in servers:
        while (told := standing(server))["rotating"]:
            assert time.monotonic() < until, told
            time.sleep(0.05)


def root_key_of(data: Path) -> bytes:
    """What the file seal holds."""
    return bytes.fromhex((data / "seal" / "root.key").read_text())


class Busy:
    """Readers and writers who go on."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.calls = 0
        self.failures: list[BaseException] = []
        self._clients = [client(name) for name in ("secretsmanager", "kms", "iam")]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(3)]

    def __enter__(self) -> Busy:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _work(self, number: int) -> None:
        secrets, kms, iam = self._clients
        try:
            iam.create_user(UserName=f"busy-{number}")
            for turn in range(100_000):
                if self._stop.is_set():
                    return
                name = f"busy-{number}-{turn}"
                self._asked(secrets.create_secret, Name=name, SecretString=name)
                assert name == self._asked(secrets.get_secret_value, SecretId=name)["SecretString"]
                key = self._asked(kms.create_key)["KeyMetadata"]["KeyId"]
                sealed = self._asked(kms.encrypt, KeyId=key, Plaintext=b"busy")["CiphertextBlob"]
                assert b"busy" == self._asked(kms.decrypt, CiphertextBlob=sealed)["Plaintext"]
        except BaseException as error:
            self.failures.append(error)

    def _asked(self, call: Any, **given: Any) -> Any:
        answer = call(**given)
        self.calls += 1
        return answer


def make_a_function(server: Deployment) -> Any:
    """A function with code and an environment; the client."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = server.client("iam").create_role(
        RoleName="runs", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("code.py", "def handler(event, context): return event")
    functions = server.client("lambda")
    functions.create_function(
        FunctionName="sealed",
        Runtime=f"python3.{sys.version_info.minor}",
        Role=role,
        Handler="code.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"CANARY": "sings"}},
    )
    return functions


def failed_rotation(server: Deployment) -> str:
    """What is told of a rotation by that function, which does nothing; begun where it is not yet."""
    secrets = server.client("secretsmanager")
    if not secrets.list_secrets(Filters=[{"Key": "name", "Values": ["rotates"]}])["SecretList"]:
        functions = server.client("lambda")
        functions.add_permission(
            FunctionName="sealed",
            StatementId="rotates",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
        arn = functions.get_function_configuration(FunctionName="sealed")["FunctionArn"]
        secrets.create_secret(Name="rotates", SecretString="first")
        secrets.rotate_secret(SecretId="rotates", RotationLambdaARN=arn)
    until = time.monotonic() + 60
    while True:
        told = json.loads(server.cli("rotation", "status", "rotates", "--format", "json", check=False).stdout)
        if told["Failures"]:
            return str(told["Failures"][-1]["Message"])
        assert time.monotonic() < until, told
        time.sleep(0.1)


def make_a_log(server: Deployment) -> Any:
    """A log with one line in it; the client."""
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    line = {"timestamp": int(time.time() * 1000), "message": "a line"}
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[line])
    return logs


@dataclass
class Held:
    """What clients hold from before a rotation: nobody can seal it anew, and all of it still opens."""

    server: Deployment

    def __post_init__(self) -> None:
        iam, kms, secrets = (self.server.client(name) for name in ("iam", "kms", "secretsmanager"))
        self.marker = iam.list_policies(Scope="AWS", MaxItems=1)["Marker"]
        for number in range(2):
            secrets.create_secret(Name=f"page-{number}", SecretString="x")
            kms.create_key()
        self.page = secrets.list_secrets(MaxResults=1)["NextToken"]
        self.next = kms.list_keys(Limit=1)["NextMarker"]
        self.key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
        self.wrapped = wrapped(kms, self.key, bytes(32))
        granted = kms.create_key()["KeyMetadata"]["KeyId"]
        self.grant = kms.create_grant(
            KeyId=granted, GranteePrincipal=iam.get_user()["User"]["Arn"], Operations=["RetireGrant", "Encrypt"]
        )["GrantToken"]
        self.blob = kms.encrypt(KeyId=granted, Plaintext=b"before")["CiphertextBlob"]
        self.message = self._refusal()

    def _refusal(self) -> str:
        """The encoded message of a refused question."""
        iam = self.server.client("iam")
        iam.create_user(UserName="nobody")
        key = iam.create_access_key(UserName="nobody")["AccessKey"]
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        done = self.server.cli("who-can", "kms:ListKeys", env=keys, check=False)
        found = ENCODED.search(done.stderr)
        assert found is not None, done.stderr
        return found[1]

    def check(self) -> None:
        """Bring it all back."""
        iam, kms, secrets, sts = (self.server.client(name) for name in ("iam", "kms", "secretsmanager", "sts"))
        assert 1 == len(iam.list_policies(Scope="AWS", MaxItems=1, Marker=self.marker)["Policies"])
        assert 1 == len(secrets.list_secrets(MaxResults=1, NextToken=self.page)["SecretList"])
        assert 1 == len(kms.list_keys(Limit=1, Marker=self.next)["Keys"])
        assert b"before" == kms.decrypt(CiphertextBlob=self.blob)["Plaintext"]
        kms.import_key_material(**self.wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        assert "Enabled" == kms.describe_key(KeyId=self.key)["KeyMetadata"]["KeyState"]
        kms.retire_grant(GrantToken=self.grant)
        told = json.loads(sts.decode_authorization_message(EncodedMessage=self.message)["DecodedMessage"])
        assert "strongroom:WhoCan" == told["context"]["action"]


def test_rotation_re_wraps_everything_while_calls_go_on(server: Deployment) -> None:
    before = root_key_of(server.data)
    secrets, sts, iam = (server.client(name) for name in ("secretsmanager", "sts", "iam"))
    secrets.create_secret(Name="old", SecretString="made under the old root")
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName="device")["VirtualMFADevice"]
    iam.create_login_profile(UserName="admin", Password="Seven wet 5tones!")
    browser = Browser(server.url, authorities=server.env()["AWS_CA_BUNDLE"])
    browser.sign_in(sts.get_caller_identity()["Account"], "admin", "Seven wet 5tones!")
    assert browser.cookies
    functions, logs = make_a_function(server), make_a_log(server)
    said = failed_rotation(server)
    session = sts.get_session_token()["Credentials"]
    held = Held(server)
    ca = (server.data / "tls" / "ca.key.sealed").read_bytes()

    with Busy(server.client) as busy:
        time.sleep(0.5)
        told = json.loads(server.cli("seal", "rotate", "--format", "json").stdout)
        time.sleep(0.3)
    assert [] == busy.failures
    assert busy.calls > 20
    # How long any of them waited is what `python -m bench.root_rotation` prints.
    assert (2, False, []) == (told["root"], told["rotating"], told["behind"])

    after = root_key_of(server.data)
    assert before != after
    store = open_store(f"sqlite:{server.data / 'store.db'}")
    try:
        met = roots_met(store)
    finally:
        store.close()
    assert sealed_columns() - {"functions_event.sealed"} == set(met)
    assert {_root_id(after)} == set().union(*met.values())
    assert ca != (server.data / "tls" / "ca.key.sealed").read_bytes()
    assert (server.data / "tls" / "ca.key.sealed").read_bytes()[1:9] == _root_id(after)

    # What was made before is as good as ever: values, sessions, page markers, seeds.
    assert said == failed_rotation(server)
    assert "made under the old root" == secrets.get_secret_value(SecretId="old")["SecretString"]
    keys = {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }
    assert server.client("sts", **keys).get_caller_identity()["Arn"].endswith(":user/admin")
    held.check()
    stranger = Browser(server.url, authorities=browser.authorities)
    assert [False, True] == ["sign-in" in one.get("/console/").where for one in (browser, stranger)]
    found = functions.get_function_configuration(FunctionName="sealed")
    assert {"CANARY": "sings"} == found["Environment"]["Variables"]
    assert ["a line"] == [
        event["message"] for event in logs.get_log_events(logGroupName="g", logStreamName="s")["events"]
    ]
    iam.delete_virtual_mfa_device(SerialNumber=seed["SerialNumber"])
    names = [entry.name for entry in successes(server.data)]
    assert (1, 1) == (names.count("RotateRootKey"), names.count("RetireRootKey"))


def test_a_restart_finds_only_the_new_root_and_the_old_one_is_told_plainly(server: Deployment) -> None:
    old = root_key_of(server.data)
    server.cli("seal", "rotate")
    new = root_key_of(server.data)
    server.stop()
    (server.data / "seal" / "root.key").write_text(old.hex() + "\n")
    with pytest.raises(Exception, match="was replaced in this store by `strongroom seal rotate`"):
        Deployment(server.data, *OPTIONS).start()
    assert "Traceback" not in server.said()
    (server.data / "seal" / "root.key").write_text(new.hex() + "\n")
    server.start()
    assert "made under the old root" == server.client("secretsmanager").get_secret_value(SecretId="old")["SecretString"]


def test_workers_that_were_idle_and_those_that_are_new_know_the_new_root(server: Deployment) -> None:
    """Two rotations while no call comes: whoever is called next must not have missed a link."""
    server.cli("seal", "rotate")
    server.cli("seal", "rotate")
    for _ in range(8):  # new connections, so that both workers answer
        found = server.client("secretsmanager").get_secret_value(SecretId="old")
        assert "made under the old root" == found["SecretString"]
    for name, pid in server.children().items():
        os.kill(pid, 9)
        server.wait_replaced(name, pid)
    assert "made under the old root" == server.client("secretsmanager").get_secret_value(SecretId="old")["SecretString"]


def test_a_passphrase_seal_is_asked_for_its_passphrase_and_keeps_it(tmp_path: Path) -> None:
    options = ("--workers", "1", "--tls", "off", "--seal", "passphrase")
    with (
        given("seven wet stones") as fd,
        Deployment(tmp_path / "data", *options, "--passphrase-fd", str(fd), pass_fds=[fd]) as server,
    ):
        server.client("secretsmanager").create_secret(Name="kept", SecretString="kept")
        with given("not these stones") as wrong:
            done = server.cli("seal", "rotate", "--passphrase-fd", str(wrong), check=False, pass_fds=[wrong])
        assert (1, True) == (done.returncode, "This passphrase does not open the seal." in done.stderr)
        assert 1 == standing(server)["root"]
        with given("seven wet stones") as right:
            server.cli("seal", "rotate", "--passphrase-fd", str(right), pass_fds=[right])
        assert (2, False) == (standing(server)["root"], standing(server)["rotating"])
    with (
        given("seven wet stones") as fd,
        Deployment(tmp_path / "data", *options, "--passphrase-fd", str(fd), pass_fds=[fd]) as server,
    ):
        assert "kept" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]


def test_two_nodes_rotate_together_and_a_lost_node_is_waited_for_until_it_is_forgotten(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as (first, second):
        holder = first if (first.data / "credentials").exists() else second
        keys = read_keys(holder.data / "credentials")
        made = Account(first.url, "", *keys).client("secretsmanager")
        made.create_secret(Name="both", SecretString="of both")
        with Busy(Account(second.url, "", *keys).client) as busy:
            first.cli("seal", "rotate")
        wait_rotated(first, second)
        assert [] == busy.failures
        for node in (first, second):
            client = Account(node.url, "", *keys).client("secretsmanager")
            assert "of both" == client.get_secret_value(SecretId="both")["SecretString"]

        lost = standing(second)["node"]
        second.stop()
        first.cli("seal", "rotate", "--no-wait")
        until = time.monotonic() + 10
        while [lost] != standing(first)["behind"] or not standing(first)["progress"]["finished"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        text = first.cli("seal", "status").stdout
        assert f"waiting for node {lost}" in text
        first.cli("seal", "forget", lost)
        wait_rotated(first)


def _root_id(root: bytes) -> bytes:
    return Keyring(root).seal("x", b"", b"")[1:9]
