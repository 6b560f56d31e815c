"""Half a million secrets in one Region: a full walk meets each once, and pages stay bounded."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from bench.filled import fill
from tests.inprocess import Account, InProcess

COUNT = 499_000  # a thousand less than the quota, so that others can come
pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture
def secrets(account: Account, strongroom: InProcess) -> Any:
    """A client of an account that has them all."""
    fill(strongroom.worker.asgi.engine.store, account.id, "us-east-1", COUNT)  # type: ignore[attr-defined]
    return account.client("secretsmanager")


def test_a_full_walk_meets_every_secret_once_while_others_come_and_go(secrets: Any, account: Account) -> None:
    done, failed = threading.Event(), list[BaseException]()

    def come_and_go() -> None:
        client = account.client("secretsmanager")
        number = 0
        try:
            while not done.is_set():
                number += 1
                client.create_secret(Name=f"passing/{number}", SecretString="x")
                client.delete_secret(SecretId=f"passing/{number}", ForceDeleteWithoutRecovery=True)
        except BaseException as error:
            failed.append(error)

    passing = threading.Thread(target=come_and_go)
    passing.start()
    met: list[str] = []
    try:
        for page in secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 100}):
            met += [one["Name"] for one in page["SecretList"] if not one["Name"].startswith("passing/")]
    finally:
        done.set()
        passing.join(60)
    assert [] == failed
    assert COUNT == len(met) == len(set(met))
    # The same by a filter that no index narrows: pages may come back short, and none is lost between them.
    certificates: list[str] = []
    asked = {"Filters": [{"Key": "description", "Values": ["certificate"]}], "MaxResults": 100}
    more: dict[str, str] = {}
    while True:
        page = secrets.list_secrets(**asked, **more)
        certificates += [one["Name"] for one in page["SecretList"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert COUNT // 1000 == len(certificates) == len(set(certificates))
