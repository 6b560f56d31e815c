"""What a worker remembers is what a worker that remembers nothing answers: over random changes, for several callers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests import postgres
from tests.inprocess import InProcess
from tests.processes.test_canaries import without_password

from strongroom.kernel.storage.memory import Memory
from strongroom.kernel.storage.postgres_memory import PostgresRemembering
from strongroom.kernel.storage.sqlite import SQLiteReading

NAMES = ("a", "b", "c")
STAGES = ("AWSCURRENT", "AWSPREVIOUS", "mine")
STEPS = 70


class Forgetful:
    """While it is ``on``, no thread of this process remembers anything, and what they had is left alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = False
        self.found = 0
        row = Memory.row

        def forgetful(memory: Callable[[Any], Any]) -> property:
            return property(lambda reading: None if self.on else memory(reading))

        def kept_row(kept: Memory, key: Any) -> Any:
            found = None if self.on else row(kept, key)
            self.found += found is not None
            return found

        for reading in (SQLiteReading, PostgresRemembering):
            monkeypatch.setattr(reading, "memory", forgetful(reading.memory.fget))  # type: ignore[attr-defined]
        monkeypatch.setattr(Memory, "row", kept_row)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False


def answer(call: Callable[..., Any], **asked: Any) -> Any:
    """What is answered, or refused with, but for the ids of the request."""
    try:
        told = call(**asked)
    except ClientError as error:
        return error.response["Error"]
    return {name: one for name, one in told.items() if name != "ResponseMetadata"}


def answers(callers: dict[str, Any]) -> dict[str, Any]:
    """Every question, of every caller."""
    found = {}
    for who, client in callers.items():
        for name in NAMES:
            found[f"{who} describes {name}"] = answer(client.describe_secret, SecretId=name)
            for stage in STAGES:
                asked = {"SecretId": name, "VersionStage": stage}
                found[f"{who} reads {name} {stage}"] = answer(client.get_secret_value, **asked)
        found[f"{who} reads all"] = answer(client.batch_get_secret_value, SecretIdList=list(NAMES))
    return found


def undated(found: dict[str, Any]) -> dict[str, Any]:
    """The same without the day of the last read, which a first look sets behind itself."""
    return {
        question: {name: each for name, each in one.items() if name != "LastAccessedDate"}
        for question, one in found.items()
    }


class Changes:
    """Random changes; those that are refused are changes that nobody made."""

    def __init__(self, account: Any, chance: random.Random) -> None:
        self.chance = chance
        self.secrets = account.client("secretsmanager")
        self.iam, self.kms = account.client("iam"), account.client("kms")
        self.iam.create_user(UserName="other")
        self.arn = f"arn:aws:iam::{account.id}:user/other"
        self.key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.number = 0

    def made(self) -> str:
        """Make one, and say which."""
        name = self.chance.choice(NAMES)
        what = self.chance.choice([one for one in dir(self) if one.startswith("do_")])
        self.number += 1
        try:
            getattr(self, what)(name)
        except ClientError as error:
            return f"{what} of {name}: {error.response['Error']['Code']}"
        return f"{what} of {name}"

    def do_put(self, name: str) -> None:
        self.secrets.put_secret_value(SecretId=name, SecretString=f"value {self.number}")

    def do_put_again(self, name: str) -> None:
        self.do_put(name)

    def do_put_aside(self, name: str) -> None:
        self.secrets.put_secret_value(SecretId=name, SecretString=f"value {self.number}", VersionStages=["mine"])

    def do_move_label(self, name: str) -> None:
        versions = self.secrets.list_secret_version_ids(SecretId=name)["Versions"]
        held = next((one["VersionId"] for one in versions if "mine" in one["VersionStages"]), None)
        to = self.chance.choice(versions)["VersionId"]
        removed = {} if held is None else {"RemoveFromVersionId": held}
        self.secrets.update_secret_version_stage(SecretId=name, VersionStage="mine", MoveToVersionId=to, **removed)

    def do_describe(self, name: str) -> None:
        self.secrets.update_secret(SecretId=name, Description=f"words {self.number}")

    def do_tag(self, name: str) -> None:
        self.secrets.tag_resource(SecretId=name, Tags=[{"Key": "team", "Value": self.chance.choice("xy")}])

    def do_untag(self, name: str) -> None:
        self.secrets.untag_resource(SecretId=name, TagKeys=["team"])

    def do_allow(self, name: str) -> None:
        self._policy(name, "Allow")

    def do_deny(self, name: str) -> None:
        self._policy(name, "Deny")

    def do_drop_policy(self, name: str) -> None:
        self.secrets.delete_resource_policy(SecretId=name)

    def do_delete(self, name: str) -> None:
        self.secrets.delete_secret(SecretId=name)

    def do_restore(self, name: str) -> None:
        self.secrets.restore_secret(SecretId=name)

    def do_restore_again(self, name: str) -> None:
        self.do_restore(name)

    def do_make_anew(self, name: str) -> None:
        self.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        self.secrets.create_secret(Name=name, SecretString=f"new {self.number}")

    def do_make(self, name: str) -> None:
        self.secrets.create_secret(Name=name, SecretString=f"made {self.number}")

    def do_replicate(self, name: str) -> None:
        self.secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "eu-west-1"}])

    def do_stop_replicating(self, name: str) -> None:
        self.secrets.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=["eu-west-1"])

    def do_change_key(self, name: str) -> None:
        self.secrets.update_secret(SecretId=name, KmsKeyId=self.key)

    def do_disable_key(self, name: str) -> None:
        self.kms.disable_key(KeyId=self.key)

    def do_enable_key(self, name: str) -> None:
        self.kms.enable_key(KeyId=self.key)

    def do_let_the_user(self, name: str) -> None:
        self._user_policy({"StringEquals": {"aws:ResourceTag/team": "x"}} if self.chance.random() < 0.7 else {})

    def do_forbid_the_user(self, name: str) -> None:
        self.iam.delete_user_policy(UserName="other", PolicyName="own")

    def _user_policy(self, condition: dict[str, Any]) -> None:
        allowed = {"Effect": "Allow", "Action": ["secretsmanager:*", "kms:*"], "Resource": "*"}
        statement = {**allowed, "Condition": condition} if condition else allowed
        document = {"Version": "2012-10-17", "Statement": statement}
        self.iam.put_user_policy(UserName="other", PolicyName="own", PolicyDocument=json.dumps(document))

    def _policy(self, name: str, effect: str) -> None:
        one = {"Effect": effect, "Principal": {"AWS": self.arn}, "Action": "secretsmanager:Get*", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": one}
        self.secrets.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(document))


@pytest.mark.parametrize(("store", "seed"), [("sqlite", 1), ("sqlite", 2), ("sqlite", 3), ("postgresql", 1)])
def test_what_is_remembered_is_what_would_be_worked_out_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, store: str, seed: int
) -> None:
    more = {}
    if store == "postgresql":
        databases: postgres.Server = request.getfixturevalue("databases")
        more["store"], _ = without_password(databases.database(), tmp_path)
    made = InProcess(tmp_path / "data", **more)
    try:
        account = made.account()
        changes = Changes(account, random.Random(seed))
        key = changes.iam.create_access_key(UserName="other")["AccessKey"]
        other = type(account)(made.url, account.id, key["AccessKeyId"], key["SecretAccessKey"])
        callers = {"admin": changes.secrets, "other": other.client("secretsmanager")}
        changes.do_let_the_user("")
        for name in NAMES:
            changes.do_make(name)
        forgetful = Forgetful(monkeypatch)
        told: list[str] = []
        for _ in range(STEPS if store == "sqlite" else STEPS // 3):
            answers(callers)
            told.append(changes.made())
            remembered = answers(callers)  # which is the day's first read of what is new
            with forgetful.forgetting():
                anew = answers(callers)
            assert undated(anew) == undated(remembered), f"after {told}"
            assert anew == answers(callers), f"after {told}, asked again"
        assert forgetful.found, "nothing was ever remembered: this shows nothing"
    finally:
        made.close()
