"""How refusals look on each wire: codes, statuses, text keys, and what never leaves."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.wire.refusals import TABLE

JSON = wire.Route("secretsmanager", "GetSecretValue", "json")
KMS = wire.Route("kms", "Decrypt", "json")
QUERY = wire.Route("iam", "GetUser", "query", xml_namespace="https://iam.amazonaws.com/doc/2010-05-08/")
REST = wire.Route("lambda", "Invoke", "rest-json")
BARE = wire.Route("unknown", None, "none")


def modelled(service: str, name: str) -> type[ServiceError]:
    base = type("Base", (ServiceError,), {}, service=service)
    return type(name, (base,), {})


def body_of(route: wire.Route, error: Answerable) -> Any:
    return orjson.loads(wire.refuse(route, error, "id").body)


def test_every_kind_has_its_row() -> None:
    assert set(Kind) == set(TABLE)


@pytest.mark.parametrize(
    ("kind", "json", "query", "rest"),
    [
        (
            Kind.ACCESS_DENIED,
            ("AccessDeniedException", 400),
            ("AccessDenied", 403),
            ("AccessDeniedException", 403),
        ),
        (
            Kind.UNKNOWN_KEY,
            ("UnrecognizedClientException", 400),
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 403),
        ),
        (
            Kind.EXPIRED_TOKEN,
            ("ExpiredTokenException", 400),
            ("ExpiredToken", 403),
            ("ExpiredTokenException", 403),
        ),
        (
            Kind.BAD_SIGNATURE,
            ("InvalidSignatureException", 400),
            ("SignatureDoesNotMatch", 403),
            ("InvalidSignatureException", 403),
        ),
        (
            Kind.MISSING_TOKEN,
            ("MissingAuthenticationTokenException", 400),
            ("MissingAuthenticationToken", 403),
            ("MissingAuthenticationTokenException", 403),
        ),
        (
            Kind.INCOMPLETE_SIGNATURE,
            ("IncompleteSignatureException", 400),
            ("IncompleteSignature", 400),
            ("IncompleteSignatureException", 403),
        ),
        (
            Kind.VALIDATION,
            ("ValidationException", 400),
            ("ValidationError", 400),
            ("ValidationException", 400),
        ),
        (Kind.INTERNAL, ("InternalFailure", 500), ("InternalFailure", 500), ("InternalFailure", 500)),
        (
            Kind.UNAVAILABLE,
            ("ServiceUnavailableException", 503),
            ("ServiceUnavailable", 503),
            ("ServiceUnavailableException", 503),
        ),
        (
            Kind.THROTTLED,
            ("ThrottlingException", 400),
            ("Throttling", 400),
            ("TooManyRequestsException", 429),
        ),
    ],
)
def test_codes_and_statuses_are_those_of_aws(
    kind: Kind, json: tuple[str, int], query: tuple[str, int], rest: tuple[str, int]
) -> None:
    """Source: facts of IAM, section 9; of Secrets Manager, 1.4 and 1.8."""
    refusal = Refusal(kind, "text")
    in_json, in_query, in_rest = (wire.refuse(route, refusal, "id") for route in (JSON, QUERY, REST))
    assert json == (orjson.loads(in_json.body)["__type"], in_json.status)
    assert query[1] == in_query.status
    assert f"<Code>{query[0]}</Code>".encode() in in_query.body
    assert rest == (dict(in_rest.headers)[b"x-amzn-errortype"].decode(), in_rest.status)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (Kind.ACCESS_DENIED, "Message"),
        (Kind.SERIALIZATION, "Message"),
        (Kind.VALIDATION, "message"),
        (Kind.BAD_SIGNATURE, "message"),
        (Kind.UNKNOWN_KEY, "message"),
    ],
)
@pytest.mark.parametrize("route", [JSON, KMS], ids=["secretsmanager", "kms"])
def test_the_text_has_the_key_of_who_speaks(route: wire.Route, kind: Kind, key: str) -> None:
    """Source: facts of Secrets Manager, 1.3."""
    assert "text" == body_of(route, Refusal(kind, "text"))[key]


def test_a_modelled_error_names_its_text_as_its_service_does() -> None:
    secrets = modelled("secretsmanager", "ResourceNotFoundException")("gone")
    kms = modelled("kms", "NotFoundException")("gone")
    assert {"__type": "ResourceNotFoundException", "Message": "gone"} == body_of(JSON, secrets)
    assert {"__type": "NotFoundException", "message": "gone"} == body_of(KMS, kms)


def test_an_error_without_a_text_has_no_key_for_it() -> None:
    """Source: aws-observed, KMS error shape."""
    assert {"__type": "InvalidCiphertextException"} == body_of(KMS, modelled("kms", "InvalidCiphertextException")())


def test_errors_of_lambda_say_whose_fault_it_is_and_carry_their_members() -> None:
    """Source: facts of Lambda, 1.1 and 1.3."""
    missing = modelled("lambda", "ResourceNotFoundException")("Function not found: f")
    reply = wire.refuse(REST, missing, "id")
    assert (404, {"Type": "User", "Message": "Function not found: f"}) == (
        reply.status,
        orjson.loads(reply.body),
    )
    throttled = modelled("lambda", "TooManyRequestsException")(
        "Rate Exceeded.", members={"Reason": "CallerRateLimitExceeded"}
    )
    assert {"Reason": "CallerRateLimitExceeded", "Type": "User", "message": "Rate Exceeded."} == body_of(
        REST, throttled
    )
    assert "Service" == body_of(REST, modelled("lambda", "ServiceException")("x"))["Type"]


def test_query_errors_are_wrapped_as_iam_does() -> None:
    """Source: facts of IAM, section 10."""
    missing = modelled("iam", "NoSuchEntityException")("The user with name <x> cannot be found.")
    reply = wire.refuse(QUERY, missing, "the-id")
    assert 404 == reply.status
    assert (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
        "<Code>NoSuchEntity</Code><Message>The user with name &lt;x&gt; cannot be found.</Message></Error>"
        "<RequestId>the-id</RequestId></ErrorResponse>"
    ) == reply.body.decode()
    assert b"<Type>Receiver</Type>" in wire.refuse(QUERY, Refusal(Kind.INTERNAL), "id").body


def test_a_request_of_no_protocol_is_refused_in_bare_xml() -> None:
    reply = wire.refuse(BARE, Refusal(Kind.MISSING_TOKEN), "id")
    assert 400 == reply.status
    assert (
        b"<Error><Code>MissingAuthenticationTokenException</Code>"
        b"<Message>Missing Authentication Token</Message></Error>"
    ) == reply.body


@pytest.mark.parametrize("route", [JSON, QUERY, REST, BARE], ids=lambda route: route.protocol)
def test_no_reply_holds_the_detail(route: wire.Route) -> None:
    for error in (Refusal(Kind.INTERNAL, detail="row 7 of table x"), Answerable(detail="row 7 of table x")):
        reply = wire.refuse(route, error, "id")
        assert b"row 7" not in reply.body
        assert b"InternalFailure" in reply.body or b"InternalFailure" in dict(reply.headers).values()


@pytest.mark.parametrize("route", [JSON, QUERY, REST, BARE], ids=lambda route: route.protocol)
def test_every_reply_carries_the_request_id_and_its_content_type(route: wire.Route) -> None:
    headers = dict(wire.refuse(route, Refusal(Kind.INTERNAL), "the-id").headers)
    types = {"json": b"application/x-amz-json-1.1", "rest-json": b"application/json"}
    assert b"the-id" == headers[b"x-amzn-requestid"]
    assert types.get(route.protocol, b"text/xml") == headers[b"content-type"]


def test_successes_carry_the_request_id_too() -> None:
    for route, operation in [
        (JSON, CATALOGUE.operation("secretsmanager", "TagResource")),
        (QUERY, CATALOGUE.operation("iam", "DeleteUser")),
        (REST, CATALOGUE.operation("lambda", "DeleteFunctionConcurrency")),
    ]:
        headers = dict(wire.answer(route, operation, {}, "the-id").headers)
        assert b"the-id" == headers[b"x-amzn-requestid"]


def test_the_code_for_the_record_is_the_one_the_client_got() -> None:
    denied = Refusal(Kind.ACCESS_DENIED, "x")
    assert "AccessDenied" == wire.code_of(denied, "iam", CATALOGUE)
    assert "AccessDeniedException" == wire.code_of(denied, "kms", CATALOGUE)
    assert "AccessDeniedException" == wire.code_of(denied, "unheard-of", CATALOGUE)
    assert "NoSuchEntity" == wire.code_of(modelled("iam", "NoSuchEntityException")("x"), "iam", CATALOGUE)
