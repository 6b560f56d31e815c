"""Every quota of point by point: what is just allowed is allowed, what is just above is refused as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_secretsmanager_life import refused
from tests.wire.test_secretsmanager_raw import ask

MOST = 3


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose accounts may have three secrets in a Region."""
    server = InProcess(tmp_path_factory.mktemp("small") / "data", dev_clock=True, secrets_quota=MOST)
    yield server
    server.close()


@pytest.mark.parametrize("form", ["SecretString", "SecretBinary"])
def test_a_value_has_up_to_65536_bytes(secrets: Any, account: Account, form: str) -> None:
    most: Any = "x" * 65_536 if form == "SecretString" else bytes(65_536)
    secrets.create_secret(Name="s", **{form: most})
    assert most == secrets.get_secret_value(SecretId="s")[form]
    sent = "x" * 65_537 if form == "SecretString" else "A" * 87_384  # 65,538 bytes
    status, told = ask(account, "PutSecretValue", SecretId="s", ClientRequestToken="t" * 32, **{form: sent})
    assert (400, "ValidationException") == (status, told["__type"])


def test_a_value_is_counted_in_bytes_and_not_in_characters(secrets: Any) -> None:
    assert "InvalidParameterException" == refused(secrets.create_secret, Name="s", SecretString="\u00fc" * 32_769)[0]
    secrets.create_secret(Name="s", SecretString="\u00fc" * 32_768)


def test_a_name_has_up_to_512_characters(secrets: Any, account: Account) -> None:
    assert "n" * 512 == secrets.create_secret(Name="n" * 512, SecretString="x")["Name"]
    assert "x" == secrets.get_secret_value(SecretId="n" * 512)["SecretString"]
    status, told = ask(account, "CreateSecret", Name="n" * 513, ClientRequestToken="t" * 32)
    assert (400, "ValidationException") == (status, told["__type"])


def test_a_description_has_up_to_2048_characters(secrets: Any, account: Account) -> None:
    secrets.create_secret(Name="s", Description="d" * 2048)
    status, told = ask(account, "UpdateSecret", SecretId="s", Description="d" * 2049, ClientRequestToken="t" * 32)
    assert (400, "ValidationException") == (status, told["__type"])


def test_a_policy_has_up_to_20480_characters(secrets: Any, account: Account) -> None:
    secrets.create_secret(Name="s", SecretString="x")

    def policy(length: int) -> str:
        statement = {
            "Sid": "",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "secretsmanager:TagResource",
            "Resource": "*",
        }
        bare = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return bare + " " * (length - len(bare))

    secrets.put_resource_policy(SecretId="s", ResourcePolicy=policy(20_480))
    status, told = ask(account, "PutResourcePolicy", SecretId="s", ResourcePolicy=policy(20_481))
    assert (400, "ValidationException") == (status, told["__type"])


def test_a_secret_has_up_to_50_tags(secrets: Any) -> None:
    tags = [{"Key": f"k{number}", "Value": "v" * 256} for number in range(50)]
    secrets.create_secret(Name="s", SecretString="x", Tags=tags)
    secrets.tag_resource(SecretId="s", Tags=tags[:1])
    one_more = [{"Key": "one more", "Value": "v"}]
    assert "InvalidParameterException" == refused(secrets.tag_resource, SecretId="s", Tags=one_more)[0]
    assert "InvalidParameterException" == refused(secrets.create_secret, Name="t", Tags=tags + one_more)[0]
    assert tags == secrets.describe_secret(SecretId="s")["Tags"]


def test_an_account_has_up_to_its_quota_of_secrets_in_a_region(small: InProcess) -> None:
    account = small.account()
    secrets, elsewhere = account.client("secretsmanager"), account.client("secretsmanager", "eu-west-1")
    for number in range(MOST):
        secrets.create_secret(Name=f"s{number}")
    assert "LimitExceededException" == refused(secrets.create_secret, Name="more")[0]
    # A repeated request adds none, other Regions and other accounts have room of their own.
    assert "ResourceExistsException" == refused(secrets.create_secret, Name="s0")[0]
    elsewhere.create_secret(Name="s0")
    small.account().client("secretsmanager").create_secret(Name="s0")
    # One that waits for its deletion counts; one that is gone does not.
    secrets.delete_secret(SecretId="s0")
    assert "LimitExceededException" == refused(secrets.create_secret, Name="more")[0]
    secrets.delete_secret(SecretId="s0", ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name="more")
    assert "LimitExceededException" == refused(secrets.create_secret, Name="even-more")[0]


def test_a_copy_counts_where_it_is_and_fails_where_there_is_no_room(small: InProcess) -> None:
    account = small.account()
    secrets, elsewhere = account.client("secretsmanager"), account.client("secretsmanager", "eu-west-1")
    for number in range(MOST):
        elsewhere.create_secret(Name=f"s{number}", SecretString="theirs")
    made = secrets.create_secret(Name="c", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert "Failed" == made["ReplicationStatus"][0]["Status"]
    assert "x" == secrets.get_secret_value(SecretId="c")["SecretString"]
    assert "theirs" == elsewhere.get_secret_value(SecretId="s0")["SecretString"]
    elsewhere.delete_secret(SecretId="s0", ForceDeleteWithoutRecovery=True)
    again = secrets.replicate_secret_to_regions(SecretId="c", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert "InSync" == again["ReplicationStatus"][0]["Status"]
    assert "LimitExceededException" == refused(elsewhere.create_secret, Name="more")[0]
    secrets.remove_regions_from_replication(SecretId="c", RemoveReplicaRegions=["eu-west-1"])
    elsewhere.create_secret(Name="more")
