"""CloudWatch Logs with stock boto3: groups, streams, events in pages and by pattern; what functions print is there."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.functions.packing import invoke, make_function, make_role
from tests.functions.test_invoke import told
from tests.inprocess import Account, InProcess

WRITES_LOGS = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")


@pytest.fixture
def logs(strongroom: InProcess, account: Account) -> Any:
    """A client, with the group ``g`` and the stream ``s``."""
    client = account.client("logs")
    client.create_log_group(logGroupName="g")
    client.create_log_stream(logGroupName="g", logStreamName="s")
    return client


def now_ms(strongroom: InProcess) -> int:
    """The product's clock: tests of this session may have moved it."""
    found = strongroom.product.admin({"do": "clock status"}, None)
    return int((time.time() + found["offset_seconds"]) * 1000)


def put(client: Any, start: int, *messages: str, stream: str = "s") -> None:
    """Put events one millisecond apart."""
    events = [{"timestamp": start + index, "message": text} for index, text in enumerate(messages)]
    client.put_log_events(logGroupName="g", logStreamName=stream, logEvents=events)


def texts(answer: Any) -> list[str]:
    """The messages of an answer."""
    return [event["message"] for event in answer["events"]]


def test_what_a_function_prints_is_in_its_log_group(account: Account) -> None:
    role = make_role(account, "writes", WRITES_LOGS)
    code = "def handler(e, c):\n    print('hello', e)\n    return c.log_stream_name\n"
    made = make_function(account, "f", code, role)
    stream = invoke(account.client("lambda"), "f", 1).value
    invoke(account.client("lambda"), "f", 2)

    group = made["LoggingConfig"]["LogGroup"]
    client = account.client("logs")
    assert ["/aws/lambda/f"] == [one["logGroupName"] for one in client.describe_log_groups()["logGroups"]]
    assert [stream] == [one["logStreamName"] for one in client.describe_log_streams(logGroupName=group)["logStreams"]]
    found = texts(client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True))
    assert ["START", "hello 1", "END", "REPORT", "START", "hello 2", "END", "REPORT"] == [
        text if text.startswith("hello") else text.split()[0] for text in found
    ]
    assert ["hello 2"] == texts(client.filter_log_events(logGroupName=group, filterPattern='"hello 2"'))


def test_a_role_that_may_not_write_logs_writes_none(account: Account) -> None:
    make_function(account, "f", "def handler(e, c):\n    print('hello')\n")
    assert "hello" in invoke(account.client("lambda"), "f").log
    assert [] == account.client("logs").describe_log_groups()["logGroups"]


def test_events_come_in_pages_in_both_directions(strongroom: InProcess, logs: Any) -> None:
    start = now_ms(strongroom) - 1000
    for at in range(0, 10, 2):
        put(logs, start + at, f"m{at}", f"m{at + 1}")
    place = {"logGroupName": "g", "logStreamName": "s"}
    page = logs.get_log_events(**place, limit=4)
    assert ["m6", "m7", "m8", "m9"] == texts(page)
    before = logs.get_log_events(**place, limit=4, nextToken=page["nextBackwardToken"])
    assert ["m2", "m3", "m4", "m5"] == texts(before)
    after = logs.get_log_events(**place, limit=3, nextToken=before["nextForwardToken"])
    assert ["m6", "m7", "m8"] == texts(after)


def test_from_the_head_to_the_end_where_the_same_token_comes_again(strongroom: InProcess, logs: Any) -> None:
    put(logs, now_ms(strongroom), "one", "two", "three")
    place = {"logGroupName": "g", "logStreamName": "s"}
    page = logs.get_log_events(**place, startFromHead=True, limit=2)
    rest = logs.get_log_events(**place, nextToken=page["nextForwardToken"])
    end = logs.get_log_events(**place, nextToken=rest["nextForwardToken"])
    assert (["one", "two"], ["three"], []) == (texts(page), texts(rest), texts(end))
    assert rest["nextForwardToken"] == end["nextForwardToken"]


def test_events_are_chosen_by_time(strongroom: InProcess, logs: Any) -> None:
    start = now_ms(strongroom)
    put(logs, start, "one", "two", "three")
    found = logs.get_log_events(logGroupName="g", logStreamName="s", startTime=start + 1, endTime=start + 2)
    assert ["two"] == texts(found)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["GET /a ok", "GET /b failed", "POST /a failed"]),
        ("GET", ["GET /a ok", "GET /b failed"]),
        ("GET failed", ["GET /b failed"]),
        ("GET -failed", ["GET /a ok"]),
        ("?ok ?POST", ["GET /a ok", "POST /a failed"]),
        ('"a failed"', ["POST /a failed"]),
        ("get", []),
    ],
)
def test_a_pattern_chooses_messages(strongroom: InProcess, logs: Any, pattern: str, found: list[str]) -> None:
    put(logs, now_ms(strongroom), "GET /a ok", "GET /b failed", "POST /a failed")
    assert found == texts(logs.filter_log_events(logGroupName="g", filterPattern=pattern))


def test_a_search_goes_through_streams_and_pages(strongroom: InProcess, logs: Any) -> None:
    start = now_ms(strongroom)
    for name in ("t", "u"):
        logs.create_log_stream(logGroupName="g", logStreamName=name)
    for index, name in enumerate(("s", "t", "u", "s", "t")):
        put(logs, start + 10 * index, f"{name}{index}", stream=name)
    assert ["s0", "t1", "u2", "s3", "t4"] == texts(logs.filter_log_events(logGroupName="g"))
    assert ["t1", "u2", "t4"] == texts(logs.filter_log_events(logGroupName="g", logStreamNames=["t", "u"]))
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="g", limit=2)
    assert [["s0", "t1"], ["u2", "s3"], ["t4"]] == [texts(page) for page in pages]


def test_streams_are_listed_by_name_and_by_their_last_event(strongroom: InProcess, logs: Any) -> None:
    start = now_ms(strongroom)
    for index, name in enumerate(("c", "a", "b")):
        logs.create_log_stream(logGroupName="g", logStreamName=name)
        put(logs, start + index, "x", stream=name)
    logs.delete_log_stream(logGroupName="g", logStreamName="s")

    def listed(**how: Any) -> list[str]:
        return [one["logStreamName"] for one in logs.describe_log_streams(logGroupName="g", **how)["logStreams"]]

    assert ["a", "b", "c"] == listed()
    assert ["b", "a", "c"] == listed(orderBy="LastEventTime", descending=True)
    assert ["b"] == listed(logStreamNamePrefix="b")
    one = logs.describe_log_streams(logGroupName="g", logStreamNamePrefix="a")["logStreams"][0]
    assert (start + 1, start + 1) == (one["firstEventTimestamp"], one["lastEventTimestamp"])


def test_what_is_not_there_or_there_already_is_told_in_awss_words(logs: Any) -> None:
    """Source: facts lambda-and-others, part 2."""
    exists = "ResourceAlreadyExistsException"
    assert NO_GROUP == told(logs.describe_log_streams, logGroupName="never")
    assert NO_GROUP == told(logs.get_log_events, logGroupName="never", logStreamName="s")
    assert NO_STREAM == told(logs.get_log_events, logGroupName="g", logStreamName="never")
    assert (exists, "The specified log group already exists") == told(logs.create_log_group, logGroupName="g")
    assert (exists, "The specified log stream already exists") == told(
        logs.create_log_stream, logGroupName="g", logStreamName="s"
    )


def test_events_out_of_order_or_of_another_time_are_refused(strongroom: InProcess, logs: Any) -> None:
    start = now_ms(strongroom)
    events = [{"timestamp": start, "message": "b"}, {"timestamp": start - 1, "message": "a"}]
    code, _ = told(logs.put_log_events, logGroupName="g", logStreamName="s", logEvents=events)
    assert "InvalidParameterException" == code
    old = [{"timestamp": 1, "message": "old"}, {"timestamp": start, "message": "new"}]
    answer = logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=old)
    assert {"tooOldLogEventEndIndex": 1} == answer["rejectedLogEventsInfo"]
    assert ["new"] == texts(logs.get_log_events(logGroupName="g", logStreamName="s"))


def test_retention_deletes_what_is_older(strongroom: InProcess, logs: Any) -> None:
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    put(logs, now_ms(strongroom), "old")
    strongroom.advance(timedelta(days=2))
    put(logs, now_ms(strongroom), "young")
    strongroom.advance(timedelta(days=2))
    assert ["young"] == texts(logs.get_log_events(logGroupName="g", logStreamName="s"))
    assert 3 == logs.describe_log_groups()["logGroups"][0]["retentionInDays"]


def test_a_deleted_group_takes_its_events_with_it(strongroom: InProcess, logs: Any) -> None:
    put(logs, now_ms(strongroom), "gone")
    logs.delete_log_group(logGroupName="g")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    assert [] == texts(logs.get_log_events(logGroupName="g", logStreamName="s"))


def test_groups_carry_tags(account: Account, logs: Any) -> None:
    arn = f"arn:aws:logs:us-east-1:{account.id}:log-group:g"
    logs.tag_resource(resourceArn=arn, tags={"team": "a", "x": "y"})
    logs.untag_resource(resourceArn=arn, tagKeys=["x"])
    assert {"team": "a"} == logs.list_tags_for_resource(resourceArn=arn)["tags"]


def test_reading_logs_is_denied_unless_a_statement_allows(account: Account, logs: Any) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="reader")
    statement = {
        "Effect": "Allow",
        "Action": "logs:GetLogEvents",
        "Resource": f"arn:aws:logs:us-east-1:{account.id}:log-group:g:*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    reader = account.client("logs", **keys)
    assert [] == reader.get_log_events(logGroupName="g", logStreamName="s")["events"]
    for call, more in ((reader.filter_log_events, {}), (reader.delete_log_stream, {"logStreamName": "s"})):
        assert "AccessDeniedException" == told(call, logGroupName="g", **more)[0]
    assert "AccessDeniedException" == told(reader.get_log_events, logGroupName="other", logStreamName="s")[0]
