"""Routes: the form of a request says what it means, and what is meant by nothing gets its refusal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind
from strongroom.kernel import wire
from strongroom.kernel.model.catalogue import CATALOGUE

OFFERED = frozenset({"secretsmanager", "kms", "iam", "sts", "lambda"})
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"


def request(method: str = "POST", path: str = "/", query: str = "", body: str = "", **headers: str) -> HTTPRequest:
    """A request whose headers are given with underscores for hyphens."""
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPRequest(method, path.encode(), query.encode(), named, body.encode())


def signed_for(service: str) -> str:
    scope = f"Credential=AKIAEXAMPLE/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"


def routed(asked: HTTPRequest) -> wire.Route:
    return wire.route(asked, CATALOGUE, OFFERED)


@pytest.mark.parametrize(
    ("asked", "service", "operation", "protocol"),
    [
        (
            request(x_amz_target="secretsmanager.GetSecretValue", content_type=JSON),
            "secretsmanager",
            "GetSecretValue",
            "json",
        ),
        (
            request(x_amz_target="TrentService.Encrypt", content_type=f"{JSON}; charset=utf-8"),
            "kms",
            "Encrypt",
            "json",
        ),
        (request(body="Action=GetUser&Version=2010-05-08", content_type=FORM), "iam", "GetUser", "query"),
        (
            request(body="Version=2011-06-15&Action=AssumeRole", content_type=f"{FORM}; charset=utf-8"),
            "sts",
            "AssumeRole",
            "query",
        ),
        (
            request("GET", query="Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Signature=0"),
            "sts",
            "GetCallerIdentity",
            "query",
        ),
        (
            request("POST", query="Action=GetCallerIdentity&Version=2011-06-15"),
            "sts",
            "GetCallerIdentity",
            "query",
        ),
        (request("GET", "/2015-03-31/functions/f%3Aprod"), "lambda", "GetFunction", "rest-json"),
    ],
)
def test_each_protocol_is_known_by_its_form(asked: HTTPRequest, service: str, operation: str, protocol: str) -> None:
    found = routed(asked)
    assert (service, operation, protocol, None) == (
        found.service,
        found.operation,
        found.protocol,
        found.refusal,
    )


@pytest.mark.parametrize(
    "target",
    [
        "secretsmanager.getsecretvalue",  # wrong case
        "secretsmanager.DropEverything",
        "secretsmanager.",
    ],
)
def test_an_unknown_operation_of_a_json_service_has_no_text(target: str) -> None:
    """Source: facts of Secrets Manager, 1.5."""
    found = routed(request(x_amz_target=target, content_type=JSON))
    assert found.refusal is not None
    assert (Kind.UNKNOWN_OPERATION, None) == (found.refusal.kind, found.refusal.message)
    assert ("secretsmanager", None, "json") == (found.service, found.operation, found.protocol)
    reply = wire.refuse(found, found.refusal, "id")
    assert (400, b'{"__type":"UnknownOperationException"}') == (reply.status, reply.body)


@pytest.mark.parametrize(
    ("asked", "service"),
    [
        (request(content_type=JSON), "unknown"),
        (request(content_type=JSON, authorization=signed_for("kms")), "kms"),
        (request(content_type=JSON, authorization=signed_for("iam")), "unknown"),  # iam does not speak json
        (request(x_amz_target="GetSecretValue", content_type=JSON), "unknown"),
        (
            request(
                x_amz_target="SecretsManager.GetSecretValue",
                content_type=JSON,
                authorization=signed_for("secretsmanager"),
            ),
            "secretsmanager",
        ),
    ],
)
def test_a_json_request_without_a_good_target_is_an_unknown_operation(asked: HTTPRequest, service: str) -> None:
    """Source: facts of Secrets Manager, 1.5: target missing, or without the prefix."""
    found = routed(asked)
    assert (service, None, "json") == (found.service, found.operation, found.protocol)
    assert found.refusal is not None
    reply = wire.refuse(found, found.refusal, "id")
    assert (400, b'{"__type":"UnknownOperationException"}') == (reply.status, reply.body)


@pytest.mark.parametrize(
    "headers", [{}, {"content_type": "application/x-amz-json-1.0"}, {"content_type": "text/plain"}]
)
def test_a_json_request_with_another_content_type_gets_bare_xml(headers: dict[str, str]) -> None:
    """Source: facts of Secrets Manager, 1.5."""
    found = routed(request(x_amz_target="secretsmanager.GetSecretValue", **headers))
    assert found.refusal is not None
    reply = wire.refuse(found, found.refusal, "id")
    assert (404, b"<UnknownOperationException/>") == (reply.status, reply.body)


@pytest.mark.parametrize(
    ("asked", "service", "operation", "protocol"),
    [
        (
            request(x_amz_target="AmazonSSM.GetParameter", content_type=JSON, authorization=signed_for("ssm")),
            "ssm",
            "GetParameter",
            "json",
        ),
        (
            request(
                x_amz_target="DynamoDB_20120810.ListTables",
                content_type="application/x-amz-json-1.0",
                authorization=signed_for("dynamodb"),
            ),
            "dynamodb",
            "ListTables",
            "json",
        ),
        (
            request(
                body="Action=DescribeStacks&Version=2010-05-15",
                content_type=FORM,
                authorization=signed_for("cloudformation"),
            ),
            "cloudformation",
            "DescribeStacks",
            "query",
        ),
        (request("GET", "/bucket/key", authorization=signed_for("s3")), "s3", None, "rest-json"),
        (
            request("GET", "/bucket/key", query="X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"),
            "s3",
            None,
            "rest-json",
        ),
    ],
)
def test_a_service_that_is_not_offered_is_refused_in_its_own_protocol(
    asked: HTTPRequest, service: str, operation: str | None, protocol: str
) -> None:
    found = routed(asked)
    assert (service, operation, protocol) == (found.service, found.operation, found.protocol)
    assert found.refusal is not None
    assert Kind.NOT_OFFERED is found.refusal.kind
    assert (
        f"Strongroom does not offer the service {service}. "
        "Services offered here: iam, kms, lambda, secretsmanager, sts."
    ) == found.refusal.message
    assert wire.refuse(found, found.refusal, "id").status == 400  # nothing that an SDK retries


@pytest.mark.parametrize(
    ("body", "service", "message"),
    [
        ("Action=Fly&Version=2010-05-08", "iam", "Could not find operation Fly for version 2010-05-08"),
        ("Action=GetUser", "iam", "Could not find operation GetUser for version NO_VERSION_SPECIFIED"),
        (
            "Action=GetUser&Version=2016-11-15",
            "iam",
            "Could not find operation GetUser for version 2016-11-15",
        ),
        ("Version=2011-06-15", "sts", "Missing Action"),
        ("", "iam", "Missing Action"),
        (
            f"Action={'x' * 500}&Version=2010-05-08",
            "iam",
            f"Could not find operation {'x' * 64}... for version 2010-05-08",
        ),
    ],
)
def test_an_unknown_action_is_refused_as_iam_does(body: str, service: str, message: str) -> None:
    found = routed(request(body=body, content_type=FORM, authorization=signed_for("iam")))
    assert (service, None, "query") == (found.service, found.operation, found.protocol)
    assert found.refusal is not None
    assert message == found.refusal.message
    assert b"<Code>InvalidAction</Code>" in wire.refuse(found, found.refusal, "id").body


@pytest.mark.parametrize("body", ["Action=%FF", "Action=GetUser&Action=DeleteUser&Version=2010-05-08"])
def test_a_form_that_cannot_be_read_is_refused_in_the_query_protocol(body: str) -> None:
    found = routed(request(body=body, content_type=FORM, authorization=signed_for("iam")))
    assert found.refusal is not None
    assert ("iam", "query", Kind.SERIALIZATION) == (found.service, found.protocol, found.refusal.kind)
    assert f'xmlns="{CATALOGUE.service("iam").xml_namespace}"'.encode() in wire.refuse(found, found.refusal, "id").body


def test_the_body_of_a_get_is_not_its_form() -> None:
    """A presigned query string must not be talked over by a body."""
    found = routed(
        request(
            "GET",
            query="Action=GetCallerIdentity&Version=2011-06-15",
            body="Action=AssumeRole&Version=2011-06-15",
            content_type=FORM,
        )
    )
    assert "GetCallerIdentity" == found.operation


@pytest.mark.parametrize(
    "path", ["/nowhere", "/2015-03-31/functions/a/b/c/d", "/%FF", "/" * 100, "/2015-03-31/functions//policy"]
)
def test_a_path_that_names_nothing_is_an_unknown_operation(path: str) -> None:
    found = routed(request("GET", path))
    assert found.refusal is not None
    assert ("rest-json", Kind.UNKNOWN_OPERATION) == (found.protocol, found.refusal.kind)
    assert wire.refuse(found, found.refusal, "id").status == 404


def test_a_request_without_any_form_gets_bare_xml() -> None:
    found = routed(request("GET"))
    assert found.refusal is not None
    assert "none" == found.protocol
    assert b"<UnknownOperationException/>" == wire.refuse(found, found.refusal, "id").body


@pytest.mark.parametrize("scope", ["", "K M S", "..", "k" * 300, "é"])
def test_a_scope_that_names_no_service_names_none(scope: str) -> None:
    assert "unknown" == routed(request(content_type=JSON, authorization=signed_for(scope))).service


def test_a_given_scope_goes_before_the_request_s_own_words() -> None:
    asked = request(content_type=JSON, authorization=signed_for("kms"))
    assert "secretsmanager" == wire.route(asked, CATALOGUE, OFFERED, "secretsmanager").service


def test_an_operation_that_is_not_offered_is_refused_with_its_reason_and_what_is() -> None:
    found = wire.Route("kms", "Sign", "json")
    assert (
        "Strongroom does not offer kms:Sign: signing keys come later. Operations of kms offered here: Decrypt, Encrypt."
    ) == wire.not_offered(found, {"Encrypt", "Decrypt"}, "signing keys come later.").message
    assert "kms:Sign. Operations" in (wire.not_offered(found, [], None).message or "")


def test_known_routes_are_made_once() -> None:
    asked = request(x_amz_target="secretsmanager.GetSecretValue", content_type=JSON)
    assert routed(asked) is routed(asked)
    assert wire.route(asked, CATALOGUE, frozenset({"kms"})).service == "unknown"
    assert routed(asked).operation == "GetSecretValue"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "BREW"]),
    st.sampled_from([b"/", b"", b"//", b"/2015-03-31/functions/x", b"/%", b"/%ff", b"\xff"]) | st.binary(max_size=12),
    st.sampled_from([b"", b"Action=GetUser", b"Action=%", b"X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe"])
    | st.binary(max_size=12),
    st.lists(
        st.tuples(
            st.sampled_from([b"x-amz-target", b"content-type", b"authorization"]),
            st.sampled_from(
                [
                    b"kms.x",
                    b"TrentService.Encrypt",
                    JSON.encode(),
                    FORM.encode(),
                    b"Credential=////",
                    b"\xff.",
                ]
            )
            | st.binary(max_size=12),
        ),
        max_size=4,
    ),
    st.binary(max_size=12),
)
def test_no_request_raises_anything_and_every_one_has_an_answer(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    found = routed(HTTPRequest(method, path, query, headers, body))
    if found.refusal is None:
        assert found.operation in CATALOGUE.service(found.service).operations
    else:
        assert 400 <= wire.refuse(found, found.refusal, "id").status < 500
