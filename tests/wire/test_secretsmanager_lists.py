"""ListSecrets and BatchGetSecretValue with stock boto3: filters, orders, pages, tokens."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_secretsmanager_life import GONE, MARKED, members, refused

NAMES = ("testing1/one", "/testing2/two", "testing3/three", "/testing4/four")
DESCRIPTIONS = ("a secret", "an secret", "asecret", "thesecret")


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of an account that has the four secrets of the observed table."""
    client = account.client("secretsmanager")
    for name, description in zip(NAMES, DESCRIPTIONS, strict=True):
        client.create_secret(Name=name, Description=description, SecretString=name)
    return client


def listed(client: Any, *filters: tuple[str, str], **params: Any) -> list[str]:
    wanted = [{"Key": key, "Values": [value]} for key, value in filters]
    return [one["Name"] for one in client.list_secrets(Filters=wanted, **params)["SecretList"]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([("description", "a")], NAMES[:3]),
        ([("description", "a secret")], NAMES[:2]),
        ([("description", "!a")], NAMES[3:]),
        ([("description", "!c")], NAMES),
        ([("name", "/")], (NAMES[1], NAMES[3])),
        ([("name", "!/")], (NAMES[0], NAMES[2])),
        ([("name", "testing1 one")], ()),
        ([("description", "a"), ("name", "secret")], ()),
        ([("description", "a"), ("name", "an")], ()),
        ([("all", "testing")], NAMES),
        ([("all", "three asecret")], (NAMES[2],)),
    ],
)
def test_filters_match_as_aws_was_seen_to(secrets: Any, filters: Any, found: tuple[str, ...]) -> None:
    """Source: facts aws-observed, "ListSecrets filters"."""
    assert list(found) == listed(secrets, *filters)


def test_an_entry_has_exactly_awss_members(secrets: Any) -> None:
    answer = members(secrets.list_secrets())
    assert {"SecretList"} == set(answer)
    entry = answer["SecretList"][0]
    assert {"ARN", "CreatedDate", "Description", "LastChangedDate", "Name", "SecretVersionsToStages"} == set(entry)
    assert [["AWSCURRENT"]] == list(entry["SecretVersionsToStages"].values())


def test_orders_and_directions(secrets: Any) -> None:
    assert sorted(NAMES) == listed(secrets, SortBy="name")
    assert sorted(NAMES, reverse=True) == listed(secrets, SortBy="name", SortOrder="desc")
    assert list(NAMES[::-1]) == listed(secrets, SortOrder="desc")
    secrets.update_secret(SecretId=NAMES[0], Description="changed")
    assert [*NAMES[1:], NAMES[0]] == listed(secrets, SortBy="last-changed-date")
    secrets.get_secret_value(SecretId=NAMES[1])
    assert NAMES[1] == listed(secrets, SortBy="last-accessed-date", SortOrder="desc")[0]


def test_a_walk_meets_every_secret_once_while_others_come_and_go(secrets: Any) -> None:
    met = []
    for page in secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 1}):
        met += [one["Name"] for one in page["SecretList"]]
        if len(met) == 1:
            secrets.create_secret(Name="new", SecretString="x")
            secrets.delete_secret(SecretId=NAMES[0], ForceDeleteWithoutRecovery=True)
    assert [*NAMES, "new"] == met


def test_a_token_is_good_for_its_caller_and_its_question_only(secrets: Any, strongroom: Any) -> None:
    filters = [{"Key": "name", "Values": ["!none"]}]
    token = secrets.list_secrets(MaxResults=1, Filters=filters)["NextToken"]
    assert 3 == len(secrets.list_secrets(NextToken=token, Filters=filters)["SecretList"])
    stranger = strongroom.account().client("secretsmanager")
    changed = ("A" if token[40] != "A" else "B").join((token[:40], token[41:]))
    for client, params in (
        (secrets, {"NextToken": token}),
        (secrets, {"NextToken": token, "Filters": [{"Key": "name", "Values": ["t"]}]}),
        (secrets, {"NextToken": changed, "Filters": filters}),
        (secrets, {"NextToken": "nonsense"}),
        (stranger, {"NextToken": token, "Filters": filters}),
    ):
        assert "InvalidNextTokenException" == refused(client.list_secrets, **params)[0]


def test_a_list_shows_no_other_account_and_no_other_region(secrets: Any, account: Account, strongroom: Any) -> None:
    assert [] == strongroom.account().client("secretsmanager").list_secrets()["SecretList"]
    assert [] == account.client("secretsmanager", region="eu-west-1").list_secrets()["SecretList"]


def test_a_batch_answers_values_and_tells_each_failure_beside_them(secrets: Any) -> None:
    secrets.delete_secret(SecretId=NAMES[1])
    secrets.create_secret(Name="empty")
    answer = secrets.batch_get_secret_value(SecretIdList=[NAMES[0], NAMES[1], "nope", "empty"])
    assert [NAMES[0]] == [one["SecretString"] for one in answer["SecretValues"]]
    assert {"ARN", "CreatedDate", "Name", "SecretString", "VersionId", "VersionStages"} == set(
        answer["SecretValues"][0]
    )
    told = {one["SecretId"]: (one["ErrorCode"], one["Message"]) for one in answer["Errors"]}
    assert {NAMES[1]: ("InvalidRequestException", MARKED), "nope": GONE} == {
        key: value for key, value in told.items() if key != "empty"
    }
    assert "ResourceNotFoundException" == told["empty"][0]


def test_a_batch_by_filters_is_paged(secrets: Any) -> None:
    filters = [{"Key": "name", "Values": ["/"]}]
    first = secrets.batch_get_secret_value(Filters=filters, MaxResults=1)
    rest = secrets.batch_get_secret_value(Filters=filters, MaxResults=1, NextToken=first["NextToken"])
    assert [NAMES[1], NAMES[3]] == [one["Name"] for page in (first, rest) for one in page["SecretValues"]]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"SecretIdList": ["a"], "Filters": [{"Key": "name", "Values": ["a"]}]},
        {"SecretIdList": ["a"], "MaxResults": 1},
    ],
)
def test_a_batch_takes_ids_or_filters(secrets: Any, params: dict[str, Any]) -> None:
    assert "InvalidParameterException" == refused(secrets.batch_get_secret_value, **params)[0]
