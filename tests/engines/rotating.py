"""``strongroom rotation`` as a user types it, in one account, and what became of a secret."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import pytest

from strongroom.cli import main
from tests.inprocess import Account
from tests.rotation.rotators import rotated


class Rotating:
    """One account in which secrets are made, enabled and rotated."""

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.account = account
        for name, value in {
            "STRONGROOM_ENDPOINT": account.url,
            "AWS_ACCESS_KEY_ID": account.key_id,
            "AWS_SECRET_ACCESS_KEY": account.secret,
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)

    @cached_property
    def secrets(self) -> Any:
        """A stock client."""
        return self.account.client("secretsmanager")

    def make(self, name: str, value: dict[str, Any] | str, **more: Any) -> str:
        """A secret; its ARN."""
        text = value if isinstance(value, str) else json.dumps(value)
        return str(self.secrets.create_secret(Name=name, SecretString=text, **more)["ARN"])

    def cli(self, *words: str) -> int:
        """Run one command; its exit status."""
        return main(["rotation", *words])

    def read(self, name: str, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """A value."""
        found: dict[str, Any] = json.loads(
            self.secrets.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]
        )
        return found

    def enable(self, name: str, engine: str, *words: str) -> dict[str, Any]:
        """Enable, and wait until the rotation that this begins has succeeded; the new value."""
        self.enable_bare(name, engine, *words)
        return self.read(name)

    def enable_bare(self, name: str, engine: str = "password", *words: str) -> None:
        """The same for a value that is no JSON."""
        before = set(self.secrets.describe_secret(SecretId=name)["VersionIdsToStages"])
        assert 0 == self.cli("enable", name, "--engine", engine, *words)
        (token,) = set(self.secrets.describe_secret(SecretId=name)["VersionIdsToStages"]) - before
        self.wait(name, token)

    def rotate(self, name: str) -> dict[str, Any]:
        """Rotate once more; the new value."""
        self.wait(name, self.secrets.rotate_secret(SecretId=name)["VersionId"])
        return self.read(name)

    def wait(self, name: str, token: str) -> None:
        """Wait until a rotation has succeeded; its function's log where it has not."""
        try:
            rotated(self.secrets, name, token)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.said(name)}") from None

    def said(self, name: str) -> str:
        """The log of a secret's function."""
        function = self.secrets.describe_secret(SecretId=name)["RotationLambdaARN"].rpartition(":")[2]
        found = self.account.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        return "\n".join(event["message"].rstrip() for event in found)
