"""Runs of functions, and jobs, in OpenTelemetry traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collectors import Collector
from tests.functions.packing import ECHO, invoke, make_function
from tests.wire.test_traces import request_id, traced


@pytest.mark.parametrize(
    ("code", "error"), [(ECHO, None), ("def handler(e, c):\n    raise ValueError('x')\n", "failed")]
)
def test_a_run_is_part_of_the_call_that_asked_for_it(tmp_path: Path, code: str, error: str | None) -> None:
    with Collector() as collector, traced(tmp_path, collector) as server:
        account = server.account()
        make_function(account, "f", code)
        one = collector.of(request_id(account.client("lambda").invoke(FunctionName="f", Payload=b'"canary"')))
        (run,) = collector.below(one)
        assert ("function run", one.trace, error) == (run.name, one.trace, run.attributes.get("error.type"))
        assert one.begun <= run.begun < run.ended <= one.ended
        assert b"canary" not in b"".join(collector.raw)


def test_a_function_does_not_see_where_traces_go_or_by_what_token(tmp_path: Path) -> None:
    code = "import os\ndef handler(e, c):\n    return sorted(os.environ)\n"
    with Collector() as collector, traced(tmp_path, collector, OTEL_EXPORTER_OTLP_HEADERS="api-key=canary") as server:
        account = server.account()
        make_function(account, "f", code)
        names = invoke(account.client("lambda"), "f").value
        assert "AWS_LAMBDA_FUNCTION_NAME" in names
        assert [] == [name for name in names if name.startswith("OTEL")]


def test_a_job_is_a_trace_of_its_own_with_what_was_called_and_run_for_it(tmp_path: Path) -> None:
    """Source: facts lambda-and-others, 1.3: an event that nobody waits for."""
    with Collector() as collector, traced(tmp_path, collector) as server:
        account = server.account()
        make_function(account, "f", ECHO)
        account.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=b'"canary"')
        kind = "job functions:event"
        collector.wait_for(lambda spans: any(one.name == kind for one in spans))
        job = next(one for one in collector.spans if one.name == kind)
        assert ("", "done") == (job.parent, job.attributes["strongroom.outcome"])
        names = [one.name for one in collector.below(job)]
        assert {"function run", "sts/AssumeRole", "logs/PutLogEvents"} <= set(names), names
        assert {job.trace} == {one.trace for one in collector.below(job)}
        assert b"canary" not in b"".join(collector.raw)


def test_a_rotation_is_a_job_whose_steps_are_runs(tmp_path: Path) -> None:
    with Collector() as collector, traced(tmp_path, collector) as server:
        account = server.account()
        arn = make_function(account, "rotator", ECHO)["FunctionArn"]
        allow = {"StatementId": "r", "Action": "lambda:InvokeFunction", "Principal": "secretsmanager.amazonaws.com"}
        account.client("lambda").add_permission(FunctionName="rotator", **allow)
        secrets = account.client("secretsmanager")
        secret = secrets.create_secret(Name="db", SecretString="canary-of-a-rotation")["ARN"]
        secrets.rotate_secret(SecretId="db", RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 1})
        collector.wait_for(lambda spans: any("rotation" in one.name and one.parent == "" for one in spans))
        job = next(one for one in collector.spans if "rotation" in one.name and one.parent == "")
        calls = [one for one in collector.below(job) if one.name == "lambda/Invoke"]
        assert calls, [one.name for one in collector.spans]
        runs = [[below.name for below in collector.below(one)].count("function run") for one in calls]
        assert [1] * len(calls) == runs, "each call runs the function once"
        assert secret.encode() in b"".join(collector.raw)
        assert b"canary" not in b"".join(collector.raw)
