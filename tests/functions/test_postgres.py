"""The same functions and logs with their rows in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.functions.packing import invoke, make_function, make_role, zipped
from tests.inprocess import InProcess
from tests.processes.test_canaries import without_password


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose store is a PostgreSQL of this test's own."""
    databases = postgres.started()
    try:
        place = tmp_path_factory.mktemp("postgres")
        url, _ = without_password(databases.database(), place)
        server = InProcess(place / "data", store=url, function_processes=2)
        yield server
        server.close()
    finally:
        postgres.remove(databases)


def test_a_function_lives_on_postgresql(on_postgres: InProcess) -> None:
    account = on_postgres.account()
    client, logs = account.client("lambda"), account.client("logs")
    role = make_role(account, "writes", {"Action": "logs:*", "Resource": "*"})
    layer = client.publish_layer_version(LayerName="l", Content={"ZipFile": zipped({"python/words.py": "x = 'layer'"})})
    code = "import words\ndef handler(e, c):\n    print('seen', e)\n    return [words.x, e]\n"
    make_function(account, "f", code, role, Publish=True, Layers=[layer["LayerVersionArn"]])
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert ["layer", 5] == invoke(client, "f:live", 5).value
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'"event"')
    on_postgres.run_due()

    group = "/aws/lambda/f"
    found = logs.filter_log_events(logGroupName=group, filterPattern="seen")["events"]
    assert ["seen 5", "seen event"] == [event["message"] for event in found]
    streams = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert ["[$LATEST]", "[1]"] == [one["logStreamName"].split("/")[3][:-32] for one in streams]
    place = {"logGroupName": group, "logStreamName": streams[1]["logStreamName"]}
    assert 4 == len(logs.get_log_events(**place, startFromHead=True)["events"])
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    on_postgres.run_due()

    client.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    assert ["f"] == [one["FunctionName"] for one in client.list_functions()["Functions"]]
    client.delete_function(FunctionName="f")
    assert [] == client.list_functions()["Functions"]
