"""What the chain remembers of a snapshot answers the same question only: same caller, place, Region, and no clock."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_secretsmanager_life import refused
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.kernel.call import Remembered
from strongroom.services.local.store import clock_offset

OFTEN = 4
"""The first read of a day is a write and the second learns the snapshot; the third is answered from memory."""


@pytest.fixture
def read(account: Account) -> Callable[..., Any]:
    """Reads one secret as a user with one statement, under a user agent."""
    account.client("secretsmanager").create_secret(Name="shared", SecretString="v")
    made: dict[str, dict[str, str]] = {}

    def reader(name: str, statement: dict[str, Any], agent: str = "plain", region: str = "us-east-1") -> Any:
        if name not in made:
            made[name] = user(account, name, statement)
        return boto3.client(
            "secretsmanager",
            region,
            endpoint_url=account.url,
            config=Config(retries={"total_max_attempts": 1}, user_agent=agent),
            **made[name],
        ).get_secret_value

    return reader


def often(call: Callable[..., Any]) -> None:
    for _ in range(OFTEN):
        assert "v" == call(SecretId="shared")["SecretString"]


def test_a_permission_that_ends_by_the_clock_ends_though_nobody_commits(
    read: Callable[..., Any], strongroom: InProcess
) -> None:
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        moved = clock_offset(tx)  # by other tests

    def now() -> datetime:
        return datetime.now(UTC) + moved

    end = now().replace(microsecond=0) + timedelta(seconds=3)
    until = {"aws:CurrentTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    call = read("clerk", allow("secretsmanager:GetSecretValue", DateLessThan=until))
    often(call)
    while now() < end:
        time.sleep(0.05)
    assert "AccessDeniedException" == refused(call, SecretId="shared")[0]


def test_one_callers_answer_is_never_anothers(read: Callable[..., Any]) -> None:
    often(read("let-in", allow("secretsmanager:*")))
    kept_out = read("kept-out", allow("secretsmanager:ListSecrets"))
    for _ in range(OFTEN):
        assert "AccessDeniedException" == refused(kept_out, SecretId="shared")[0]


def test_where_a_request_comes_from_is_part_of_the_question(read: Callable[..., Any]) -> None:
    statement = allow("secretsmanager:*", StringLike={"aws:UserAgent": "approved/1*"})
    often(read("careful", statement, "approved/1"))
    other = read("careful", statement, "another/1")
    for _ in range(OFTEN):
        assert "AccessDeniedException" == refused(other, SecretId="shared")[0]
    often(read("careful", statement, "approved/1"))


def test_the_same_name_in_another_region_is_another_secret(read: Callable[..., Any]) -> None:
    often(read("traveller", allow("secretsmanager:*")))
    elsewhere = read("traveller", allow("secretsmanager:*"), region="eu-west-1")
    for _ in range(OFTEN):
        assert "ResourceNotFoundException" == refused(elsewhere, SecretId="shared")[0]


def test_a_changed_value_is_answered_at_once(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="moving", SecretString="0")
    for value in map(str, range(1, 8)):
        secrets.put_secret_value(SecretId="moving", SecretString=value)
        for _ in range(OFTEN):
            assert value == secrets.get_secret_value(SecretId="moving")["SecretString"]


def test_what_is_remembered_holds_no_plaintext(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="canary", SecretString="canary-9f3b1c7e")
    for _ in range(OFTEN):
        secrets.get_secret_value(SecretId="canary")
    kept = [one for one in gc.get_objects() if isinstance(one, Remembered)]
    about = [one for one in kept if one.params.get("SecretId") == "canary"]
    assert 1 == len(about), "the question was remembered, once"
    assert "canary-9f3b1c7e" not in repr(kept)


def test_every_call_is_recorded_with_all_that_it_is_recorded_with_the_first_time(
    strongroom: InProcess, account: Account
) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="recorded", SecretString="v")["ARN"]
    answers = [secrets.get_secret_value(SecretId="recorded")["ResponseMetadata"] for _ in range(2 * OFTEN)]
    found = [line for _, line in lines(strongroom.settings.data) if "event" in line]
    mine = {line["event"]["requestID"]: line for line in found if line["event"]["eventName"] == "GetSecretValue"}
    on_behalf = {line.get("decision", {}).get("for"): line for line in found if line["event"]["eventName"] == "Decrypt"}

    assert 2 * OFTEN == len({one["RequestId"] for one in answers})
    for made in (mine, on_behalf):
        told = [made[one["RequestId"]] for one in answers]
        assert 2 * OFTEN == len({line["id"] for line in told}) == len({line["event"]["eventID"] for line in told})
        assert all(line["id"] == line["event"]["eventID"] for line in told)
        assert all(line["event"]["eventTime"].startswith("20") for line in told)
        assert 1 == len({json.dumps(lasting(line)) for line in told}), "all but time and ids is the same"
    assert arn in json.dumps(on_behalf[answers[-1]["RequestId"]])


def lasting(line: dict[str, Any]) -> dict[str, Any]:
    """What two records of the same question have in common."""
    gone = {"eventTime", "requestID", "eventID"}
    event = {key: value for key, value in line["event"].items() if key not in gone}
    return {"event": event, "decision": {key: value for key, value in line["decision"].items() if key != "for"}}
