"""CloudWatch's metrics with stock boto3, by each protocol that an SDK sends, and by requests that no SDK sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.loaders
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests import raw
from tests.inprocess import Account, InProcess

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
CALLS = {"Type": "API", "Resource": "GetSecretValue", "Service": "Secrets Manager", "Class": "None"}
COUNT = {"Type": "Resource", "Resource": "SecretCount", "Service": "Secrets Manager", "Class": "None"}


def dimensions(told: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in told.items()]


class OneProtocol(botocore.loaders.Loader):
    """botocore's models, with one protocol left in CloudWatch's."""

    protocol = ""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        found = super().load_service_model(service_name, type_name, api_version)
        if service_name == "cloudwatch" and type_name == "service-2":
            found = dict(found)
            found["metadata"] = {**found["metadata"], "protocol": self.protocol, "protocols": [self.protocol]}
        return found


def client(account: Account, protocol: str, **keys: str) -> Any:
    loader = OneProtocol()
    loader.protocol = protocol
    session = boto3.session.Session()
    session._session.register_component("data_loader", loader)
    return session.client(
        "cloudwatch",
        "us-east-1",
        endpoint_url=account.url,
        config=Config(retries={"total_max_attempts": 1}),
        **({"aws_access_key_id": account.key_id, "aws_secret_access_key": account.secret} | keys),
    )


@pytest.fixture(scope="module")
def used(strongroom: InProcess) -> Iterator[Account]:
    """An account with two secrets and five reads, counted."""
    account = strongroom.account()
    secrets = account.client("secretsmanager")
    for name in ("one", "two"):
        secrets.create_secret(Name=name, SecretString="x")
    for _ in range(5):
        secrets.get_secret_value(SecretId="one")
    assert strongroom.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]
    for _ in range(2):
        strongroom.advance(timedelta(hours=1))
    yield account


def now(strongroom: InProcess) -> datetime:
    clock = strongroom.product.admin({"do": "clock status"}, None)
    return datetime.fromisoformat(clock["now"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_are_listed_and_read_by_every_protocol(strongroom: InProcess, used: Account, protocol: str) -> None:
    cloudwatch = client(used, protocol)
    listed = cloudwatch.list_metrics()["Metrics"]
    told = {(one["Namespace"], one["MetricName"], tuple(d["Value"] for d in one["Dimensions"])) for one in listed}
    assert ("AWS/SecretsManager", "ResourceCount", ("Resource", "SecretCount", "Secrets Manager", "None")) in told
    assert ("AWS/Usage", "CallCount", ("API", "GetSecretValue", "Secrets Manager", "None")) in told
    assert ("AWS/Usage", "CallCount", ("API", "Decrypt", "KMS", "None")) in told
    end = now(strongroom) + timedelta(minutes=1)
    span = {"StartTime": end - timedelta(hours=3), "EndTime": end}
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {"Namespace": space, "MetricName": name, "Dimensions": dimensions(dims)},
                "Period": 3600,
                "Stat": stat,
            },
        }
        for number, (space, name, dims, stat) in enumerate(
            (
                ("AWS/Usage", "CallCount", CALLS, "Sum"),
                ("AWS/SecretsManager", "ResourceCount", COUNT, "Maximum"),
                ("AWS/Usage", "CallCount", CALLS | {"Resource": "Nothing"}, "Sum"),
            )
        )
    ]
    calls, count, nothing = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
    assert ("q0", "CallCount", "Complete", 5.0) == (
        calls["Id"],
        calls["Label"],
        calls["StatusCode"],
        sum(calls["Values"]),
    )
    assert 2.0 == count["Values"][0]
    assert count["Timestamps"] == sorted(count["Timestamps"], reverse=True)
    assert all(one.minute == one.second == 0 for one in count["Timestamps"])
    assert ([], []) == (nothing["Timestamps"], nothing["Values"])
    statistics = cloudwatch.get_metric_statistics(
        Namespace="AWS/Usage", MetricName="CallCount", Dimensions=dimensions(CALLS), Period=60,
        Statistics=["Sum", "SampleCount", "Average", "Minimum", "Maximum"], **span,
    )  # fmt: skip
    assert "CallCount" == statistics["Label"]
    points = statistics["Datapoints"]
    assert 5.0 == sum(one["Sum"] for one in points) == sum(one["SampleCount"] for one in points)
    assert {(1.0, 1.0, 1.0, "None")} == {(p["Average"], p["Minimum"], p["Maximum"], p["Unit"]) for p in points}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_has_the_code_that_the_query_protocol_gave_it(used: Account, protocol: str) -> None:
    """Source: Smithy specification, "awsQueryCompatible trait"."""
    cloudwatch = client(used, protocol)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    asked = {"Namespace": "AWS/Usage", "MetricName": "CallCount", "StartTime": moment, "EndTime": moment}
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_statistics(Period=60, Statistics=["Sum"], **asked)
    assert "InvalidParameterValue" == refused.value.response["Error"]["Code"]
    assert 400 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
    with pytest.raises(ClientError, match="no alarms here") as refused:
        cloudwatch.describe_alarms()
    assert "InvalidAction" == refused.value.response["Error"]["Code"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_is_allowed_nothing_is_denied_by_every_protocol(used: Account, protocol: str) -> None:
    iam = used.client("iam")
    name = f"nobody-{protocol}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    with pytest.raises(ClientError, match="is not authorized to perform: cloudwatch:ListMetrics") as refused:
        client(used, protocol, **keys).list_metrics()
    assert "AccessDenied" == refused.value.response["Error"]["Code"]
    with pytest.raises(ClientError) as refused:
        client(used, protocol, aws_secret_access_key="wrong").list_metrics()
    assert "SignatureDoesNotMatch" == refused.value.response["Error"]["Code"]


def test_another_account_and_another_region_see_none_of_it(strongroom: InProcess, used: Account) -> None:
    # Denials, which tests before this one have made, count in all Regions.
    assert [] == used.client("cloudwatch", "eu-west-1").list_metrics(Namespace="AWS/Usage")["Metrics"]
    assert [] == used.client("cloudwatch", "eu-west-1").list_metrics(Namespace="AWS/SecretsManager")["Metrics"]
    other = strongroom.account().client("cloudwatch")
    assert [] == other.list_metrics()["Metrics"]
    end = now(strongroom) + timedelta(minutes=1)
    points = other.get_metric_statistics(
        Namespace="AWS/Usage", MetricName="CallCount", Dimensions=dimensions(CALLS), Period=3600,
        Statistics=["Sum"], StartTime=end - timedelta(hours=3), EndTime=end,
    )["Datapoints"]  # fmt: skip
    assert [] == points


def test_filters_narrow_the_list(used: Account) -> None:
    cloudwatch = used.client("cloudwatch")
    assert {"ResourceCount"} == {
        one["MetricName"] for one in cloudwatch.list_metrics(Namespace="AWS/SecretsManager")["Metrics"]
    }
    asked = [{"Name": "Resource", "Value": "GetSecretValue"}, {"Name": "Class"}]
    (found,) = cloudwatch.list_metrics(Dimensions=asked, RecentlyActive="PT3H")["Metrics"]
    assert dimensions(CALLS) == found["Dimensions"]
    assert [] == cloudwatch.list_metrics(Dimensions=[{"Name": "Invented"}])["Metrics"]


def test_answers_come_in_pages_that_make_up_the_whole(strongroom: InProcess, used: Account) -> None:
    cloudwatch = used.client("cloudwatch")
    end = now(strongroom) + timedelta(minutes=1)
    one = {"Namespace": "AWS/SecretsManager", "MetricName": "ResourceCount", "Dimensions": dimensions(COUNT)}
    asked: dict[str, Any] = {
        "MetricDataQueries": [
            {"Id": f"q{n}", "MetricStat": {"Metric": one, "Period": 3600, "Stat": "Sum"}} for n in range(3)
        ],
        "StartTime": end - timedelta(hours=5),
        "EndTime": end,
    }
    whole = {one["Id"]: one["Values"] for one in cloudwatch.get_metric_data(**asked)["MetricDataResults"]}
    assert len(whole["q0"]) >= 2
    parts: dict[str, list[float]] = {"q0": [], "q1": [], "q2": []}
    token: dict[str, str] = {}
    for _ in range(40):
        page = cloudwatch.get_metric_data(**asked, **token, MaxDatapoints=1)
        for found in page["MetricDataResults"]:
            parts[found["Id"]] += found["Values"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert whole == parts


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Period": 90}, "InvalidParameterValue"),
        ({"Statistics": None}, "MissingParameter"),
        ({"Statistics": None, "ExtendedStatistics": ["p99"]}, "InvalidParameterValue"),
        ({"StartTime": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidParameterCombination"),
    ],
    ids=str,
)
def test_statistics_that_cannot_be_are_refused(used: Account, change: dict[str, Any], code: str) -> None:
    asked: dict[str, Any] = {
        "Namespace": "AWS/Usage",
        "MetricName": "CallCount",
        "StartTime": datetime(2026, 1, 1, tzinfo=UTC),
        "EndTime": datetime(2026, 1, 1, 1, tzinfo=UTC),
        "Period": 60,
        "Statistics": ["Sum"],
    } | change
    with pytest.raises(ClientError) as refused:
        used.client("cloudwatch").get_metric_statistics(**{k: v for k, v in asked.items() if v is not None})
    assert code == refused.value.response["Error"]["Code"]


def cbor_request(account: Account, body: bytes, operation: str = "ListMetrics", **more: Any) -> raw.Reply:
    path = f"/service/GraniteServiceVersion20100801/operation/{operation}"
    head = {"smithy-protocol": "rpc-v2-cbor"}
    asked: dict[str, Any] = {"path": path, "content_type": "application/cbor", "more": head} | more
    return raw.signed(account, body, target=None, service="monitoring", **asked)


@pytest.mark.parametrize(
    "body",
    [b"\x00", b"\xff", b"\xbf", b"\xa1\x61a", b"\x9b" + b"\xff" * 8, b"\xbb" + b"\x00" * 7 + b"\x09", b"\x81" * 5000,
     b"\xa2\x61a\x00\x61a\x00", b"\xa1\x69Namespace\x01", b"\xa1\x69Namespace\x61\xff", b"\xa0\xa0", b"\xc2\x41\x01"],
    ids=repr,
)  # fmt: skip
def test_bytes_that_are_no_parameters_are_a_clients_error(used: Account, body: bytes) -> None:
    reply = cbor_request(used, body)
    assert (400, "application/cbor", "rpc-v2-cbor") == (
        reply.status, reply.headers["content-type"], reply.headers["smithy-protocol"],
    )  # fmt: skip
    assert "MalformedInput;Sender" == reply.headers["x-amzn-query-error"]


def test_a_call_of_nothing_is_refused_in_its_own_protocol(used: Account) -> None:
    for path in ("/service/X/operation/Y", "/service/GraniteServiceVersion20100801/operation/Nothing"):
        reply = cbor_request(used, b"\xa0", path=path)
        assert (400, "rpc-v2-cbor") == (reply.status, reply.headers["smithy-protocol"])
    assert 400 == cbor_request(used, b"\xa0", method="GET").status
    mine = raw.signed(
        used, b"{}", target="GraniteServiceVersion20100801.Nothing", service="monitoring",
        content_type="application/x-amz-json-1.0",
    )  # fmt: skip
    assert "UnknownOperationException" == json.loads(mine.body)["__type"]
    assert "application/x-amz-json-1.0" == mine.headers["content-type"]
