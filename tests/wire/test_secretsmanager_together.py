"""Many writers of one secret, and what time removes: labels stay whole, and nothing labelled goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.test_secretsmanager_life import refused, stages, token

from strongroom.services.secretsmanager.rules.deletion import VERSIONS_KEPT


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def test_concurrent_writers_never_corrupt_labels(secrets: Any, account: Account) -> None:
    secrets.create_secret(Name="s", SecretString="0")

    def write(worker: int) -> list[str]:
        client = account.client("secretsmanager")
        made = []
        for step in range(6):
            made.append(token())
            named = {"VersionStages": [f"L{worker}", "shared"]} if step % 3 == 2 else {}
            client.put_secret_value(SecretId="s", SecretString=made[-1], ClientRequestToken=made[-1], **named)
            current = client.get_secret_value(SecretId="s")
            assert current["VersionId"] == current["SecretString"] or current["SecretString"] == "0"
        return made

    with ThreadPoolExecutor(8) as pool:
        made = [version_id for versions in pool.map(write, range(8)) for version_id in versions]
    held = stages(secrets, "s")
    labels = [name for names in held.values() for name in names]
    assert sorted({"AWSCURRENT", "AWSPREVIOUS", "shared", *(f"L{worker}" for worker in range(8))}) == sorted(labels)
    listed = secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"]
    assert set(made) <= {one["VersionId"] for one in listed}
    assert held == {one["VersionId"]: sorted(one["VersionStages"]) for one in listed if "VersionStages" in one}
    assert listed == sorted(listed, key=lambda one: one["CreatedDate"])


def test_one_of_many_creators_of_a_name_wins(account: Account) -> None:
    def create(worker: int) -> str | None:
        try:
            return str(account.client("secretsmanager").create_secret(Name="s", SecretString=str(worker))["ARN"])
        except ClientError as error:
            assert "ResourceExistsException" == error.response["Error"]["Code"]
            return None

    with ThreadPoolExecutor(8) as pool:
        assert 1 == len([arn for arn in pool.map(create, range(16)) if arn is not None])


def test_versions_above_a_hundred_go_once_they_are_a_day_old_but_never_a_labelled_one(
    secrets: Any, strongroom: InProcess
) -> None:
    secrets.create_secret(Name="s", SecretString="0")
    kept = token()
    secrets.put_secret_value(SecretId="s", SecretString="kept", ClientRequestToken=kept, VersionStages=["KEEP"])
    for number in range(VERSIONS_KEPT + 3):
        secrets.put_secret_value(SecretId="s", SecretString=str(number))
    assert VERSIONS_KEPT + 5 == _count(secrets), "none is old enough"
    strongroom.advance(timedelta(hours=25))
    secrets.put_secret_value(SecretId="s", SecretString="last")
    assert VERSIONS_KEPT == _count(secrets)
    assert "kept" == secrets.get_secret_value(SecretId="s", VersionStage="KEEP")["SecretString"]
    assert "last" == secrets.get_secret_value(SecretId="s")["SecretString"]
    assert str(VERSIONS_KEPT + 2) == secrets.get_secret_value(SecretId="s", VersionStage="AWSPREVIOUS")["SecretString"]


def _count(client: Any) -> int:
    pages, more = 0, dict[str, str]()
    while True:
        page = client.list_secret_version_ids(SecretId="s", IncludeDeprecated=True, **more)
        pages += len(page["Versions"])
        if "NextToken" not in page:
            return pages
        more = {"NextToken": page["NextToken"]}


def test_the_day_of_access_changes_with_the_day(secrets: Any, strongroom: InProcess) -> None:
    secrets.create_secret(Name="s", SecretString="0")
    days = []
    for _ in range(2):
        secrets.get_secret_value(SecretId="s")
        days.append(secrets.describe_secret(SecretId="s")["LastAccessedDate"])
        strongroom.advance(timedelta(days=1))
    assert timedelta(days=1) == days[1] - days[0]


def test_labels_end_at_twenty(secrets: Any) -> None:
    secrets.create_secret(Name="s", SecretString="0")
    secrets.put_secret_value(SecretId="s", SecretString="1", VersionStages=[f"L{n}" for n in range(19)])
    assert (
        "LimitExceededException"
        == refused(secrets.put_secret_value, SecretId="s", SecretString="2", VersionStages=["one more"])[0]
    )
    assert {"L0", "AWSCURRENT"} <= {name for names in stages(secrets, "s").values() for name in names}
