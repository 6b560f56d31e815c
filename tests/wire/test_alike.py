"""Reads that are answered by what others of their kind have shown are what would be worked out from nothing.

Answers, refusals and both journal records of every read, over random changes of secrets, labels, tags, policies, keys
and grants, for several callers.
"""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_remembered import OFTEN, everything_in, lasting
from tests.wire.test_remembered_changes import Changes, Forgetful

from strongroom.kernel.call import Remembered
from strongroom.kernel.kinship import Kin, Kinship
from strongroom.kernel.storage.memory import Memory

NAMES = tuple("abcdefgh")
STEPS = 36


class Counted:
    """How many calls were answered by their kin."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answered = self.asked = 0
        answers, asked = Kinship.answers, Kinship.asked

        def counted_answers(*given: Any) -> Remembered | None:
            found = answers(*given)
            self.answered += found is not None
            return found

        def counted_asked(*given: Any) -> tuple[Remembered, Any] | None:
            found = asked(*given)
            self.asked += found is not None
            return found

        monkeypatch.setattr(Kinship, "answers", counted_answers)
        monkeypatch.setattr(Kinship, "asked", counted_asked)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


class MoreChanges(Changes):
    """Changes of what kin is made of: policies of keys and principals, grants, material, accounts' limits."""

    def do_hide_one(self, name: str) -> None:
        allowed = {"Effect": "Allow", "Action": ["secretsmanager:*", "kms:*"], "Resource": "*"}
        denied = {
            "Effect": "Deny",
            "Action": "secretsmanager:Get*",
            "Resource": f"arn:aws:secretsmanager:*:*:secret:{name}-*",
        }
        self._own([allowed, denied])

    def do_show_some(self, name: str) -> None:
        some = [f"arn:aws:secretsmanager:*:*:secret:{one}-*" for one in self.chance.sample(NAMES, 5)]
        keys = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
        self._own([keys, *({"Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": one} for one in some)])

    def do_ask_for_the_context(self, name: str) -> None:
        here = {"StringLike": {"kms:EncryptionContext:SecretARN": f"*:secret:[{name}]*"}}
        only = {"StringLike": {"kms:EncryptionContext:SecretARN": f"*:secret:{name}-*"}}
        secrets = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
        condition = self.chance.choice([here, only])
        self._own([secrets, {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition}])

    def do_ask_for_the_address(self, name: str) -> None:
        here = {"IpAddress": {"aws:SourceIp": self.chance.choice(["127.0.0.1/32", "10.0.0.0/8"])}}
        self._own([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": here}])

    def do_bound(self, name: str) -> None:
        self.iam.put_user_permissions_boundary(
            UserName="other", PermissionsBoundary="arn:aws:iam::aws:policy/SecretsManagerReadWrite"
        )

    def do_unbound(self, name: str) -> None:
        self.iam.delete_user_permissions_boundary(UserName="other")

    def do_change_key_policy(self, name: str) -> None:
        root = self.arn.replace("user/other", "root")
        whole = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
        denied = {"Effect": "Deny", "Principal": {"AWS": self.arn}, "Action": "kms:Decrypt", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [whole, denied][: self.chance.choice([1, 2])]}
        self.kms.put_key_policy(KeyId=self.key, Policy=json.dumps(document), PolicyName="default")

    def do_grant(self, name: str) -> None:
        constraints = self.chance.choice([{}, {"Constraints": {"EncryptionContextSubset": {"SecretVersionId": "no"}}}])
        self.kms.create_grant(KeyId=self.key, GranteePrincipal=self.arn, Operations=["Decrypt"], **constraints)

    def do_rotate_material(self, name: str) -> None:
        self.kms.rotate_key_on_demand(KeyId=self.key)

    def do_use_another_key(self, name: str) -> None:
        for one in self.chance.sample(NAMES, 3):
            self.do_change_key(one)

    def do_make_binary(self, name: str) -> None:
        self.secrets.put_secret_value(SecretId=name, SecretBinary=b"\x00\xff" * self.number)

    def do_make_long(self, name: str) -> None:
        self.secrets.put_secret_value(SecretId=name, SecretString="x" * self.chance.choice([4000, 4100, 9000]))

    def _own(self, statements: list[dict[str, Any]]) -> None:
        document = {"Version": "2012-10-17", "Statement": statements}
        self.iam.put_user_policy(UserName="other", PolicyName="own", PolicyDocument=json.dumps(document))


def read(client: Any, name: str) -> tuple[Any, str]:
    """What is answered or refused, and the id of the request."""
    try:
        told = client.get_secret_value(SecretId=name)
    except ClientError as error:
        return error.response["Error"], error.response["ResponseMetadata"]["RequestId"]
    return {key: one for key, one in told.items() if key != "ResponseMetadata"}, told["ResponseMetadata"]["RequestId"]


class Auditor:
    """Tells of requests what was recorded of each, without what differs every time."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def recorded(self) -> dict[str, list[dict[str, Any]]]:
        """By the request that it all began with, in order: those of calls on behalf come first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for _, line in lines(self.data):
            if "event" in line and "decision" in line:
                began = line["decision"].get("for") or line["event"]["requestID"]
                found.setdefault(began, []).append(lasting(line))
        return found


def everyones(callers: dict[str, Any], more: Sequence[str] = ()) -> dict[str, tuple[Any, str]]:
    """Every secret as each caller reads it by its name, and what other ids mean to them."""
    return {f"{who} reads {name}": read(client, name) for who, client in callers.items() for name in (*NAMES, *more)}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[InProcess]:
    made = InProcess(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("seed", [11, 12])
def test_what_kin_answers_is_what_would_be_worked_out_from_nothing(
    alone: InProcess, monkeypatch: pytest.MonkeyPatch, counted: Counted, seed: int
) -> None:
    account = alone.account()
    changes = MoreChanges(account, random.Random(seed))
    key = changes.iam.create_access_key(UserName="other")["AccessKey"]
    other = type(account)(alone.url, account.id, key["AccessKeyId"], key["SecretAccessKey"])
    callers = {"admin": changes.secrets, "other": other.client("secretsmanager")}
    changes._user_policy({})
    for name in NAMES:
        changes.do_make(name)
        if changes.chance.random() < 0.5:
            changes.do_change_key(name)
    forgetful = Forgetful(monkeypatch)
    # Nothing is remembered at its second use, so that kin is asked again and again.
    monkeypatch.setattr(Memory, "met", lambda memory, question: False)
    told: list[str] = []
    pairs: list[tuple[str, str, str]] = []
    # Some will be made anew, and these ARNs be nobody's; one is of another Region, the last of another account.
    more = [changes.secrets.describe_secret(SecretId=name)["ARN"] for name in "abc"]
    more.append(more[0].replace("us-east-1", "eu-west-1"))
    foreign = alone.account().client("secretsmanager")
    more.append(foreign.create_secret(Name="a", SecretString="not theirs")["ARN"])
    foreign.get_secret_value(SecretId="a")
    for _ in range(STEPS):
        told.append(changes.made())
        everyones(callers, more)  # the first reads of a day of what is new
        with forgetful.forgetting():
            anew = everyones(callers, more)
        quick = everyones(callers, more)
        for question, (answered, request_id) in anew.items():
            assert answered == quick[question][0], f"{question} after {told}"
            pairs.append((question, request_id, quick[question][1]))
    assert counted.answered > STEPS, "kin was hardly ever asked: this shows nothing"
    recorded = Auditor(alone.settings.data).recorded()
    for question, anew_id, quick_id in pairs:
        assert recorded[anew_id] == recorded[quick_id], f"the records of {question}"


def filled(account: Account, count: int) -> Any:
    """Secrets under the default key, each read once."""
    secrets = account.client("secretsmanager")
    for number in range(count):
        secrets.create_secret(Name=f"many/{number}", SecretString=f"canary-{number}-77e1")
    for number in range(count):
        secrets.get_secret_value(SecretId=f"many/{number}")
    return secrets


def test_a_caller_who_has_read_some_reads_others_by_their_kin(account: Account, counted: Counted) -> None:
    secrets = filled(account, 8)
    counted.answered = counted.asked = 0
    for number in range(8):
        assert f"canary-{number}-77e1" == secrets.get_secret_value(SecretId=f"many/{number}")["SecretString"]
    assert counted.answered >= 5
    assert counted.asked >= counted.answered


def test_what_is_kept_of_kin_holds_no_plaintext(account: Account) -> None:
    secrets = filled(account, 6)
    for _ in range(OFTEN):
        for number in range(6):
            secrets.get_secret_value(SecretId=f"many/{number}")
    kept = [one for one in gc.get_objects() if isinstance(one, Kin | Remembered)]
    assert any(isinstance(one, Kin) for one in kept)
    held = everything_in(kept)
    assert any(b"many/5" in one for one in held), "the search sees what is kept: names"
    assert not any(b"canary-" in one for one in held)


def test_a_secret_of_another_account_is_nobodys_kin_even_under_a_key_of_ones_own(
    alone: InProcess, counted: Counted
) -> None:
    mine, theirs = alone.account(), alone.account()
    secrets, kms = mine.client("secretsmanager"), mine.client("kms")
    everybody = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{one.id}:root" for one in (mine, theirs)]},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": everybody})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    made = theirs.client("secretsmanager").create_secret(Name="a", SecretString="not yours", KmsKeyId=key)["ARN"]
    theirs.client("secretsmanager").get_secret_value(SecretId=made)
    for number in range(6):
        secrets.create_secret(Name=f"b/{number}", SecretString="yours", KmsKeyId=key)
    for _ in range(2):
        for number in range(6):
            assert "yours" == secrets.get_secret_value(SecretId=f"b/{number}")["SecretString"]
    assert counted.answered, "kin is known"
    with pytest.raises(ClientError) as refused:
        secrets.get_secret_value(SecretId=made)
    assert "AccessDeniedException" == refused.value.response["Error"]["Code"]


def test_what_kin_has_answered_is_held_by_nobody_afterwards(
    account: Account, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most are never asked for again: thousands of them would be held, and looked through by each collection."""
    secrets = filled(account, 8)
    monkeypatch.setattr(Memory, "met", lambda memory, question: False)
    held: list[int] = []
    for _ in range(2):
        for number in range(8):
            secrets.get_secret_value(SecretId=f"many/{number}")
        gc.collect()
        held.append(sum(isinstance(one, Remembered) for one in gc.get_objects()))
    assert counted.answered >= 8
    assert held[1] <= held[0]


def test_a_member_of_a_batch_is_read_by_kin_too(account: Account, counted: Counted) -> None:
    secrets = filled(account, 8)
    names = [f"many/{number}" for number in range(8)]
    before = counted.answered
    for _ in range(OFTEN):
        found = secrets.batch_get_secret_value(SecretIdList=names)["SecretValues"]
        assert [f"canary-{number}-77e1" for number in range(8)] == [one["SecretString"] for one in found]
    assert counted.answered > before


def test_reads_that_are_like_no_other_are_worked_out(account: Account, counted: Counted) -> None:
    secrets = filled(account, 4)
    secrets.put_secret_value(SecretId="many/0", SecretString="second")
    version = secrets.describe_secret(SecretId="many/0")["VersionIdsToStages"]
    old = next(name for name, stages in version.items() if "AWSPREVIOUS" in stages)
    secrets.put_resource_policy(
        SecretId="many/1",
        ResourcePolicy=json.dumps({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Deny",
                "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"},
                "Action": "secretsmanager:PutSecretValue",
                "Resource": "*",
            },
        }),
    )  # fmt: skip
    for _ in range(OFTEN):
        secrets.get_secret_value(SecretId="many/2")
        secrets.get_secret_value(SecretId="many/3")
    before = counted.answered
    for _ in range(2):
        assert "canary-0-77e1" == secrets.get_secret_value(SecretId="many/0", VersionId=old)["SecretString"]
        assert "second" == secrets.get_secret_value(SecretId="many/0", VersionStage="AWSCURRENT")["SecretString"]
        assert "canary-1-77e1" == secrets.get_secret_value(SecretId="many/1")["SecretString"]
    assert before == counted.answered
