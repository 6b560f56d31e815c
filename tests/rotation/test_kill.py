"""``kill -9`` of whoever works at a rotation, at every step of it, with a real target: some version always opens it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from tests import postgres
from tests.deployment import Deployment
from tests.inprocess import Account
from tests.processes.doors import read_keys
from tests.rotation.rotators import POSTGRES, psycopg_layer, rotated, rotator, until

MOMENTS = [
    (step, moment)
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret")
    for moment in ("begin", "end")
]


@dataclass
class Gate:
    """Where the function says how far it is, and is told to go on, or to die; once, at one moment."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    moment: tuple[str, str] | None = None
    answer: str = "die"
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    steps: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where the function finds it."""
        port: int = self.listener.getsockname()[1]
        return port

    def at(self, step: str, moment: str, answer: str) -> None:
        """Hold the function when it comes there: ``die`` for its own death, ``wait`` until it is let go."""
        self.reached.clear()
        self.release.clear()
        self.steps.clear()
        self.answer, self.moment = answer, (step, moment)

    def serve(self) -> None:
        """Answer until closed."""
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        with peer:
            step, _, moment = peer.makefile().readline().strip().partition(" ")
            self.steps.append(f"{step} {moment}")
            if self.moment == (step, moment):
                self.moment = None
                self.reached.set()
                if self.answer == "die":
                    peer.sendall(b"die\n")
                    return
                self.release.wait(60)
            try:
                peer.sendall(b"go\n")
            except OSError:
                return  # who asked is dead


@dataclass
class Scene:
    """A server, a target, and a function between them."""

    server: Deployment
    target: postgres.Server
    gate: Gate

    @property
    def account(self) -> Account:
        """The server's administrator, wherever it listens now."""
        return Account(self.server.url, "123456789012", *read_keys(self.server.data / "credentials"))

    @property
    def secrets(self) -> Any:
        """A client."""
        return self.account.client("secretsmanager")

    def versions(self) -> list[dict[str, Any]]:
        """The value of every version that has one."""
        secrets, found = self.secrets, []
        for one in secrets.list_secret_version_ids(SecretId="db", IncludeDeprecated=True)["Versions"]:
            try:
                value = secrets.get_secret_value(SecretId="db", VersionId=one["VersionId"])
            except secrets.exceptions.ResourceNotFoundException:
                continue
            found.append(json.loads(value["SecretString"]))
        return found

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether a value opens the target."""
        where = {"host": value["host"], "port": value["port"], "dbname": "postgres"}
        try:
            psycopg.connect(**where, user=value["username"], password=value["password"]).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self, victim: str) -> None:
        """SIGKILL; ``stop`` is an orderly end."""
        if victim == "stop":
            self.server.stop()
            self.server.url = ""
            self.server.start()
            return
        children = self.server.children()
        if victim == "runner":
            os.kill(children["runner"], signal.SIGKILL)
            self.server.wait_replaced("runner", children["runner"], timeout=60)
            return
        for pid in children.values():
            os.kill(pid, signal.SIGKILL)
        self.server.kill()
        self.server.url = ""
        self.server.start()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A server of processes, and a PostgreSQL with one user whose password is kept in it."""
    target, gate = postgres.reachable_by_tcp(), Gate()
    threading.Thread(target=gate.serve, daemon=True).start()
    data = tmp_path_factory.mktemp("kill") / "data"
    try:
        with Deployment(data, "--workers", "1", "--tls", "off", "--dev-clock") as server:
            scene = Scene(server, target, gate)
            with psycopg.connect(target.url(), autocommit=True) as connection:
                connection.execute("CREATE USER app PASSWORD 'first'")
            value = {"engine": "postgres", "host": "127.0.0.1", "port": target.port,
                     "username": "app", "password": "first"}  # fmt: skip
            lambda_ = scene.account.client("lambda")
            layer = lambda_.publish_layer_version(LayerName="psycopg", Content={"ZipFile": psycopg_layer()})
            function = rotator(
                scene.account,
                code=POSTGRES,
                Layers=[layer["LayerVersionArn"]],
                MemorySize=512,
                Timeout=60,
                Environment={"Variables": {"GATE": str(gate.port)}},
            )
            secrets = scene.secrets
            secrets.create_secret(Name="db", SecretString=json.dumps(value))
            token = secrets.rotate_secret(SecretId="db", RotationLambdaARN=function)["VersionId"]
            rotated(secrets, "db", token)
            yield scene
    finally:
        gate.listener.close()
        postgres.remove(target)


VICTIMS = ("function", "runner", "server", "stop")


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_when_the_target_has_the_new_value_a_rotation_is_taken_up_again_with_its_token(
    victim: str, scene: Scene
) -> None:
    _live_through(scene, victim, [("setSecret", "end")])


@pytest.mark.long
@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_at_every_step_a_rotation_is_taken_up_again_with_its_token_and_some_version_opens_the_target(
    victim: str, scene: Scene
) -> None:
    _live_through(scene, victim, MOMENTS)


def _live_through(scene: Scene, victim: str, moments: list[tuple[str, str]]) -> None:
    for step, moment in moments:
        scene.gate.at(step, moment, "die" if victim == "function" else "wait")
        token = scene.secrets.rotate_secret(SecretId="db")["VersionId"]
        assert scene.gate.reached.wait(60), f"{step} {moment} was not reached"
        assert any(scene.opens(value) for value in scene.versions()), f"before the kill at {step} {moment}"
        if victim != "function":
            scene.kill(victim)
            scene.gate.release.set()
        assert any(scene.opens(value) for value in scene.versions()), f"after the kill at {step} {moment}"
        if victim == "function":
            until(lambda: _attempts(scene) == 1, f"the attempt that died at {step} {moment}")
            scene.server.cli("clock", "advance", "11s")
        shown = rotated(scene.secrets, "db", token)
        assert ["AWSCURRENT"] == shown["VersionIdsToStages"][token]
        current = json.loads(scene.secrets.get_secret_value(SecretId="db")["SecretString"])
        assert scene.opens(current), f"the rotation that was killed at {step} {moment} has ended"
        assert "createSecret begin" == scene.gate.steps[0]
        assert 2 == scene.gate.steps.count("createSecret begin"), "an attempt begins with the first step"


def _attempts(scene: Scene) -> int:
    told = json.loads(scene.server.cli("rotation", "status", "db", "--format", "json", check=False).stdout)
    return int(told["Attempts"])
