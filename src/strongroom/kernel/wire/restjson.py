"""REST with JSON: parameters in path, query string, headers and body; answers in status, headers and body.

Source: Smithy specification, "AWS restJson1 protocol" and "HTTP binding traits"; facts of Lambda (1.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel.model.shapes import Member, OperationModel
from strongroom.kernel.wire import form
from strongroom.kernel.wire.json_values import body_members, read_body, writer
from strongroom.kernel.wire.scalars import TEXT_READERS, AnswerMismatch, malformed, written

CONTENT_TYPE: Final = "application/json"
_UNSAFE_IN_HEADER: Final = re.compile("[^\t\x20-\x7e\x80-\xff]")


# ---------------------------------------------------------------------- reading


def read(operation: OperationModel, request: HTTPRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a request, by AWS's member names. ``labels`` are the route's parts of the path.

    Raises the SERIALIZATION refusal.
    """
    shape = operation.input
    if shape is None:
        return {}
    query: dict[str, list[str]] = {}
    for name, value in form.fields(request.query):
        query.setdefault(name, []).append(value)
    params: dict[str, Any] = {}
    for member in shape.members.values():
        found = _READ_FROM.get(member.location or "", _nothing)(member, request, labels, query)
        if found is not None:
            params[member.name] = found
    if shape.payload is not None:
        found = _payload(shape.members[shape.payload], request.body)
        if found is not None:
            params[shape.payload] = found
    elif request.body and body_members(shape):
        params.update(read_body(shape, request.body))
    return params


Query = Mapping[str, list[str]]
Find = Callable[[Member, HTTPRequest, Mapping[str, str], Query], Any]


def _nothing(_member: Member, _request: HTTPRequest, _labels: Mapping[str, str], _query: Query) -> Any:
    return None


def _from_path(member: Member, _request: HTTPRequest, labels: Mapping[str, str], _query: Query) -> Any:
    return _text(member, labels.get(member.wire_name))


def _from_query(member: Member, _request: HTTPRequest, _labels: Mapping[str, str], query: Query) -> Any:
    found = query.get(member.wire_name)
    if found is None:
        return None
    if member.shape.member is not None:
        one = TEXT_READERS[member.shape.member.shape.type_name]
        return [one(text) for text in found]
    if len(found) > 1:
        raise malformed("The request has the same parameter more than once.")
    return _text(member, found[0])


def _from_header(member: Member, request: HTTPRequest, _labels: Mapping[str, str], _query: Query) -> Any:
    return _text(member, request.header(member.wire_name.lower().encode("latin-1")))


_READ_FROM: Final[dict[str, Find]] = {"uri": _from_path, "querystring": _from_query, "header": _from_header}


def _text(member: Member, text: str | None) -> Any:
    return None if text is None else TEXT_READERS[member.shape.type_name](text)


def _payload(member: Member, body: bytes) -> Any:
    if member.shape.type_name == "blob":
        return body or None
    return read_body(member.shape, body) if body else None


# ---------------------------------------------------------------------- writing


def write(operation: OperationModel, answer: Mapping[str, Any]) -> HTTPReply:
    """The reply to a success, still without the request id. Raises AnswerMismatch."""
    shape = operation.output
    members = {} if shape is None else shape.members
    status, headers = operation.response_code, [(b"content-type", CONTENT_TYPE.encode())]
    body: dict[str, Any] = {}
    for name, value in answer.items():
        if name not in members:
            raise AnswerMismatch(f"{operation.name} answers with no member {name}")
        if value is None:
            continue
        member = members[name]
        if member.location == "statusCode":
            status = value
        elif member.location == "header":
            name_on_wire = member.wire_name.lower().encode("latin-1")
            if name_on_wire == b"content-type":  # what is not JSON says so itself
                headers = [pair for pair in headers if pair[0] != name_on_wire]
            headers.append((name_on_wire, _header(member, value)))
        elif member.location is None:
            body[name] = value
        else:
            raise AnswerMismatch(f"{operation.name} has {name} in the {member.location}, which is not written yet")
    if shape is None or not (shape.payload or body_members(shape)):
        return HTTPReply(status, headers, b"")
    if shape.payload is None:
        return HTTPReply(status, headers, orjson.dumps(writer(shape)(body)))
    return HTTPReply(status, headers, _payload_bytes(members[shape.payload], body.get(shape.payload)))


def _payload_bytes(member: Member, value: Any) -> bytes:
    if value is None:
        return b""
    if member.shape.event_stream:
        raise AnswerMismatch(f"{member.name} is a stream of events, and there are none")
    if member.shape.type_name == "blob":
        if not isinstance(value, bytes):
            raise AnswerMismatch(f"a {type(value).__name__} was given for a blob")
        return value
    return orjson.dumps(writer(member.shape)(value))


def _header(member: Member, value: Any) -> bytes:
    text = written(value, member.shape.type_name, member.shape.timestamp_format or "rfc822")
    if _UNSAFE_IN_HEADER.search(text):
        raise AnswerMismatch(f"{member.name} does not fit into a header")
    return text.encode("latin-1")
