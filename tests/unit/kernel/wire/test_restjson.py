"""REST with JSON: path, query string, headers and body in; status, headers and body out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.wire import restjson
from strongroom.kernel.wire.scalars import AnswerMismatch

OFFERED = frozenset({"lambda"})


def read(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    request = HTTPRequest(method, path.encode(), query.encode(), named, body)
    found = wire.route(request, CATALOGUE, OFFERED)
    assert found.operation is not None
    return wire.parse(found, request, CATALOGUE.operation("lambda", found.operation))


def test_parameters_come_from_path_query_string_headers_and_body() -> None:
    assert {"FunctionName": "f", "Qualifier": "$LATEST", "LogType": "Tail", "Payload": b"\x00"} == read(
        "POST", "/2015-03-31/functions/f/invocations", "Qualifier=%24LATEST", b"\x00", x_amz_log_type="Tail"
    )
    assert {"FunctionName": "f", "Timeout": 3, "Environment": {"Variables": {"A": "b"}}} == read(
        "PUT",
        "/2015-03-31/functions/f/configuration",
        body=b'{"Timeout":3,"Environment":{"Variables":{"A":"b"}}}',
    )
    assert {"MaxItems": 5, "Marker": ""} == read("GET", "/2015-03-31/functions", "MaxItems=5&Marker=")
    assert {"Resource": "arn:x/y", "TagKeys": ["a", "b"]} == read(
        "DELETE", "/2017-03-31/tags/arn%3Ax%2Fy", "tagKeys=a&tagKeys=b"
    )


def test_an_absent_payload_is_absent_and_an_empty_body_holds_nothing() -> None:
    assert {"FunctionName": "f"} == read("POST", "/2015-03-31/functions/f/invocations")
    assert {"FunctionName": "f"} == read("PUT", "/2015-03-31/functions/f/configuration")


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "expected"),
    [
        (
            "GET",
            "/2015-03-31/functions",
            "MaxItems=x",
            b"",
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "GET",
            "/2015-03-31/functions",
            "Marker=a&Marker=b",
            b"",
            "The request has the same parameter more than once.",
        ),
        ("GET", "/2015-03-31/functions", "Marker=%FF", b"", "The query string contains a syntax error."),
        (
            "PUT",
            "/2015-03-31/functions/f/configuration",
            "",
            b'{"Timeout":"3"}',
            "STRING_VALUE can not be converted to an Integer",
        ),
        ("PUT", "/2015-03-31/functions/f/configuration", "", b"[]", "Start of list found where not expected"),
        ("PUT", "/2015-03-31/functions/f/configuration", "", b"{", None),
        (
            "GET",
            "/2025-12-01/durable-executions/x%3A1/history",
            "IncludeExecutionData=maybe",
            b"",
            "STRING_VALUE can not be converted to a Boolean",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(method: str, path: str, query: str, body: bytes, expected: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        read(method, path, query, body)
    assert (Kind.SERIALIZATION, expected) == (caught.value.kind, caught.value.message)


def test_an_answer_is_spread_over_status_headers_and_body() -> None:
    operation = CATALOGUE.operation("lambda", "Invoke")
    reply = restjson.write(operation, {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b"{}"})
    assert (202, b"{}") == (reply.status, reply.body)
    assert (b"x-amz-function-error", b"Unhandled") in reply.headers


def test_the_status_is_the_operation_s_own() -> None:
    assert 201 == restjson.write(CATALOGUE.operation("lambda", "CreateFunction"), {"FunctionName": "f"}).status
    removed = restjson.write(CATALOGUE.operation("lambda", "RemovePermission"), {})
    assert (204, b"") == (removed.status, removed.body)


@pytest.mark.parametrize("text", ["a\r\nx-evil: 1", "a\x00", "中"])
def test_a_header_can_not_be_broken_out_of(text: str) -> None:
    with pytest.raises(AnswerMismatch):
        restjson.write(CATALOGUE.operation("lambda", "Invoke"), {"FunctionError": text})


@pytest.mark.parametrize("answer", [{"Unknown": 1}, {"Payload": "text"}, {"FunctionError": 1}])
def test_an_answer_that_does_not_fit_its_shape_is_a_bug(answer: dict[str, Any]) -> None:
    with pytest.raises(AnswerMismatch):
        restjson.write(CATALOGUE.operation("lambda", "Invoke"), answer)


def test_a_stream_of_events_is_not_written() -> None:
    with pytest.raises(AnswerMismatch, match="stream"):
        restjson.write(CATALOGUE.operation("lambda", "InvokeWithResponseStream"), {"EventStream": {}})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=16), st.binary(max_size=30), st.binary(max_size=8))
def test_no_bytes_raise_anything_but_the_refusal(query: bytes, body: bytes, header: bytes) -> None:
    headers = [(b"x-amz-log-type", header)]
    for method, path in [
        ("PUT", b"/2015-03-31/functions/f/configuration"),
        ("GET", b"/2015-03-31/functions"),
    ]:
        request = HTTPRequest(method, path, query, headers, body)
        found = wire.route(request, CATALOGUE, OFFERED)
        assert found.operation is not None
        try:
            assert wire.parse(found, request, CATALOGUE.operation("lambda", found.operation)) is not None
        except Refusal as refusal:
            assert Kind.SERIALIZATION is refusal.kind
