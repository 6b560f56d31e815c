"""How refusals and answers look on each wire: THE table of codes and statuses, and the replies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.model.shapes import OperationModel, Protocol
from strongroom.kernel.wire import cbor, json11, query, restjson, rpccbor
from strongroom.kernel.wire.json11 import Frame
from strongroom.kernel.wire.json_values import writer
from strongroom.kernel.wire.route import Route
from strongroom.kernel.wire.scalars import AnswerMismatch

Code = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of refusal on the three wires: code and HTTP status each.

    ``key`` is how JSON bodies name the text; ``text`` is said where the refusal brings none.
    """

    json: Code
    query: Code
    rest: Code
    key: Literal["message", "Message"] = "message"
    text: str | None = None


TABLE: Final[Mapping[Kind, Row]] = {
    Kind.ACCESS_DENIED: Row(
        ("AccessDeniedException", 400), ("AccessDenied", 403), ("AccessDeniedException", 403), "Message"
    ),
    Kind.MISSING_TOKEN: Row(
        ("MissingAuthenticationTokenException", 400),
        ("MissingAuthenticationToken", 403),
        ("MissingAuthenticationTokenException", 403),
        text="Missing Authentication Token",
    ),
    Kind.INCOMPLETE_SIGNATURE: Row(
        ("IncompleteSignatureException", 400),
        ("IncompleteSignature", 400),
        ("IncompleteSignatureException", 403),
    ),
    Kind.BAD_SIGNATURE: Row(
        ("InvalidSignatureException", 400),
        ("SignatureDoesNotMatch", 403),
        ("InvalidSignatureException", 403),
    ),
    Kind.UNKNOWN_KEY: Row(
        ("UnrecognizedClientException", 400),
        ("InvalidClientTokenId", 403),
        ("UnrecognizedClientException", 403),
        text="The security token included in the request is invalid.",
    ),
    Kind.EXPIRED_TOKEN: Row(
        ("ExpiredTokenException", 400),
        ("ExpiredToken", 403),
        ("ExpiredTokenException", 403),
        text="The security token included in the request is expired",
    ),
    Kind.VALIDATION: Row(("ValidationException", 400), ("ValidationError", 400), ("ValidationException", 400)),
    Kind.SERIALIZATION: Row(
        ("SerializationException", 400), ("MalformedInput", 400), ("SerializationException", 400), "Message"
    ),
    Kind.UNKNOWN_OPERATION: Row(
        ("UnknownOperationException", 400), ("InvalidAction", 400), ("UnknownOperationException", 404)
    ),
    Kind.NOT_OFFERED: Row(
        ("UnknownOperationException", 400), ("InvalidAction", 400), ("UnknownOperationException", 400)
    ),
    Kind.TOO_LARGE: Row(
        ("RequestEntityTooLargeException", 413),
        ("RequestEntityTooLarge", 413),
        ("RequestEntityTooLargeException", 413),
        text="The request is too large.",
    ),
    Kind.THROTTLED: Row(
        ("ThrottlingException", 400),
        ("Throttling", 400),
        ("TooManyRequestsException", 429),
        text="Rate exceeded",
    ),
    Kind.UNAVAILABLE: Row(
        ("ServiceUnavailableException", 503),
        ("ServiceUnavailable", 503),
        ("ServiceUnavailableException", 503),
        text="The request has failed due to a temporary failure of the server.",
    ),
    Kind.INTERNAL: Row(
        ("InternalFailure", 500),
        ("InternalFailure", 500),
        ("InternalFailure", 500),
        text="The request processing has failed because of an unknown error, exception or failure.",
    ),
    Kind.INVALID_ARN: Row(("InvalidArnException", 400), ("ValidationError", 400), ("ValidationException", 400)),
}
"""Source: facts of IAM, section 9, and of Secrets Manager, 1.3 to 1.8; API references, "Common Errors".

Our choice, where they are silent: UNAVAILABLE and TOO_LARGE on all wires,
SERIALIZATION and INVALID_ARN in query, UNKNOWN_OPERATION in rest-json (404, as for what has no known form),
and the text key by who speaks: front layer and validation say ``message``, decisions and parsing ``Message``.
"""

_JSON_TYPE: Final = (b"content-type", json11.CONTENT_TYPE.encode())
_XML_TYPE: Final = (b"content-type", query.CONTENT_TYPE.encode())
_REST_TYPE: Final = (b"content-type", restjson.CONTENT_TYPE.encode())
_JSON_10_TYPE: Final = (b"content-type", json11.CONTENT_TYPE_10.encode())
_CBOR_TYPE: Final = (b"content-type", rpccbor.CONTENT_TYPE.encode())
_CBOR: Final = (b"smithy-protocol", rpccbor.PROTOCOL.encode())
_REQUEST_ID: Final = b"x-amzn-requestid"


# ---------------------------------------------------------------------- successes


def answer(route: Route, operation: OperationModel, given: Mapping[str, Any], request_id: str) -> HTTPReply:
    """The reply to a call that succeeded. Raises AnswerMismatch where the answer does not fit its shape."""
    tag = (_REQUEST_ID, request_id.encode("ascii"))
    if route.protocol == "json":
        return HTTPReply(200, (_JSON_TYPE, tag), json11.write(operation, given))
    if route.protocol == "json-1.0":
        return HTTPReply(200, (_JSON_10_TYPE, tag), json11.write(operation, given))
    if route.protocol == "rpc-cbor":
        return HTTPReply(200, (_CBOR, _CBOR_TYPE, tag), rpccbor.write(operation, given))
    if route.protocol == "query":
        return HTTPReply(200, (_XML_TYPE, tag), query.write(operation, route.xml_namespace, given, request_id))
    if route.protocol == "rest-json":
        bare = restjson.write(operation, given)
        return HTTPReply(bare.status, (*bare.headers, tag), bare.body)
    raise AnswerMismatch("a request of no protocol has no success")


def frame(
    route: Route, operation: OperationModel, given: Mapping[str, Any], gaps: Collection[str], unlike: str
) -> Frame:
    """What all answers to a question have in common but for some members; json 1.1 alone has it."""
    if route.protocol != "json":
        raise AnswerMismatch(f"answers of {route.protocol} have no frame")
    return json11.frame(operation, given, gaps, unlike)


def framed(frame: Frame, given: Mapping[str, Any], request_id: str) -> HTTPReply:
    """As ``answer``, for one that has a frame."""
    return HTTPReply(200, (_JSON_TYPE, (_REQUEST_ID, request_id.encode("ascii"))), frame.filled(given))


# ---------------------------------------------------------------------- refusals


def throttled(service: str) -> Refusal:
    """The refusal of a call that is one too many, in the service's own words. Source: KMS Developer Guide, "Request
    quotas"; for the others the common text.
    """
    return Refusal(Kind.THROTTLED, _THROTTLED.get(service, TABLE[Kind.THROTTLED].text))


_THROTTLED: Final = {
    "kms": "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    "lambda": "Rate Exceeded.",
}


def refuse(route: Route, error: Answerable, request_id: str) -> HTTPReply:
    """The reply to a call that is refused, in the form of the protocol it came in."""
    code, status = _code(error, route.protocol)
    message = _message(error)
    tag = (_REQUEST_ID, request_id.encode("ascii"))
    if route.protocol == "query":
        body = query.write_error(route.xml_namespace, code, message, request_id, receiver=status >= 500)
        return HTTPReply(status, (_XML_TYPE, tag), body)
    if route.protocol == "none":
        return _bare(error, code, status, message, tag)
    if route.protocol in ("json-1.0", "rpc-cbor"):
        return _by_shape(route, error, status, message, tag)
    members = _members(error, status, message)
    if route.protocol == "json":
        return HTTPReply(status, (_JSON_TYPE, tag), orjson.dumps({"__type": code, **members}))
    kind = (b"x-amzn-errortype", code.encode("ascii"))
    return HTTPReply(status, (_REST_TYPE, tag, kind), orjson.dumps(members))


def _by_shape(route: Route, error: Answerable, status: int, message: str | None, tag: tuple[bytes, bytes]) -> HTTPReply:
    """A refusal of JSON 1.0 or RPC v2 CBOR: named by its shape, with the code of the query protocol in a header.

    Source: Smithy specification, "awsQueryCompatible trait".
    """
    code = type(error).__name__ if isinstance(error, ServiceError) else _code(error, "json")[0]
    headers = [tag]
    if route.query_codes:
        fault = "Receiver" if status >= 500 else "Sender"
        headers.append((b"x-amzn-query-error", f"{_code(error, 'query')[0]};{fault}".encode("ascii")))
    body = {"__type": code, **_members(error, status, message)}
    if route.protocol == "rpc-cbor":
        return HTTPReply(status, (_CBOR, _CBOR_TYPE, *headers), cbor.dumps(body))
    return HTTPReply(status, (_JSON_10_TYPE, *headers), orjson.dumps(body))


def code_of(error: Answerable, service: str, catalogue: Catalogue) -> str:
    """The code that a client of the service is told, for the record of the call."""
    protocol: Protocol = "json"
    if service in catalogue.services:
        model = catalogue.service(service)
        protocol = "query" if model.query_codes else model.protocol
    return _code(error, protocol)[0]


def _code(error: Answerable, protocol: str) -> Code:
    if isinstance(error, ServiceError):
        return error.code, error.http_status
    row = TABLE[error.kind if isinstance(error, Refusal) else Kind.INTERNAL]
    return row.query if protocol == "query" else row.rest if protocol == "rest-json" else row.json


def _message(error: Answerable) -> str | None:
    if error.message is None and isinstance(error, Refusal):
        return TABLE[error.kind].text
    return error.message


def _members(error: Answerable, status: int, message: str | None) -> dict[str, Any]:
    """The body of a refusal in JSON. A modelled error names its text as its own shape does."""
    if not isinstance(error, ServiceError):
        key = TABLE[error.kind].key if isinstance(error, Refusal) else "message"
        return {} if message is None else {key: message}
    shape = type(error).shape
    members: dict[str, Any] = writer(shape)(error.members)
    if "Type" in shape.members:
        members.setdefault("Type", "Service" if status >= 500 else "User")
    if message is not None:
        members[error.text_member] = message
    return members


def _bare(error: Answerable, code: str, status: int, message: str | None, tag: tuple[bytes, bytes]) -> HTTPReply:
    """What a request whose protocol cannot be told is answered.

    AWS's front layer says a bare element; a refusal that has something to say takes the form of rest-xml, which the
    SDKs read for the services that are most likely to come this way (S3).
    """
    if isinstance(error, Refusal) and error.kind is Kind.UNKNOWN_OPERATION:
        status = 404
    if message is None:
        body = f"<{code}/>"
    else:
        body = f"<Error><Code>{code}</Code><Message>{query.escaped(message)}</Message></Error>"
    return HTTPReply(status, (_XML_TYPE, tag), body.encode())
