"""Events: invocations that nobody waits for run by themselves, and again where they fail.

Source: facts lambda-and-others, section 1.3.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.functions.packing import make_function, make_role
from tests.inprocess import Account, InProcess

COUNTS = """
import boto3, uuid
secrets = boto3.client("secretsmanager")
def handler(event, context):
    secrets.put_secret_value(SecretId="runs", SecretString=context.aws_request_id, ClientRequestToken=str(uuid.uuid4()))
    if event["fails"]:
        raise ValueError("again, please")
"""
WRITES = {"Action": "secretsmanager:PutSecretValue", "Resource": "*"}


def counting(account: Account) -> Any:
    """A function that leaves a version of a secret for each run; a client of Lambda."""
    account.client("secretsmanager").create_secret(Name="runs", SecretString="begin")
    make_function(account, "f", COUNTS, make_role(account, "writes", WRITES))
    return account.client("lambda")


def runs(account: Account) -> int:
    """How often it ran."""
    client = account.client("secretsmanager")
    return len(client.list_secret_version_ids(SecretId="runs", IncludeDeprecated=True)["Versions"]) - 1


def test_an_event_is_taken_at_once_and_run_by_itself(account: Account, strongroom: InProcess) -> None:
    client = counting(account)
    answer = client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fails":false}')
    assert (202, b"", None) == (answer["StatusCode"], answer["Payload"].read(), answer.get("ExecutedVersion"))
    strongroom.run_due()
    assert 1 == runs(account)
    value = account.client("secretsmanager").get_secret_value(SecretId="runs")["SecretString"]
    assert value == answer["ResponseMetadata"]["RequestId"]
    strongroom.advance(timedelta(hours=1))
    assert 1 == runs(account)


def test_an_event_that_fails_is_tried_twice_more(account: Account, strongroom: InProcess) -> None:
    client = counting(account)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fails":true}')
    strongroom.run_due()
    found = [runs(account)]
    for seconds in (30, 31, 90, 31, 3600):
        strongroom.advance(timedelta(seconds=seconds))
        found.append(runs(account))
    assert [1, 1, 2, 2, 3, 3] == found


def test_an_event_of_a_deleted_function_is_forgotten(account: Account, strongroom: InProcess) -> None:
    client = counting(account)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fails":false}')
    client.delete_function(FunctionName="f")
    strongroom.advance(timedelta(seconds=10))
    assert 0 == runs(account)


def test_an_event_waits_for_room(account: Account, strongroom: InProcess) -> None:
    client = counting(account)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fails":false}')
    strongroom.run_due()
    assert 0 == runs(account)
    client.delete_function_concurrency(FunctionName="f")
    strongroom.advance(timedelta(seconds=10))
    assert 1 == runs(account)
