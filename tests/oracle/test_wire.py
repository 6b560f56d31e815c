"""botocore as the oracle: what its serialisers write we read, what we write its parsers read.

Every operation of every modelled service makes the round trip, with parameters drawn by a seeded generator.
"""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.model.catalogue import CATALOGUE, SERVICES
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.model.walker import validate

OFFERED = frozenset(SERVICES)
DRAWS = 2  # requests and answers of each operation
ALPHABET = "abcXYZ019 -_/.+=:@&<>\"'%#?*~\\ßé中\U0001f511"
HEADER_ALPHABET = "abcXYZ019-_/.+=:@"
START = datetime(2001, 1, 1, tzinfo=UTC)

FORMS: dict[str, wire.Form] = {
    "json": "json",
    "query": "query",
    "rest-json": "rest-json",
    "smithy-rpc-v2-cbor": "rpc-cbor",
}
"""Our words for botocore's."""
WIRES = [
    (service, protocol)
    for service in SERVICES
    for protocol in (("smithy-rpc-v2-cbor", "json", "query") if service == "cloudwatch" else ("",))
]
"""Every service with the protocol that its clients speak by themselves, and CloudWatch with all that it has."""


def spoken(service: str, protocol: str) -> str:
    """The protocol in botocore's words."""
    return protocol or str(oracle(service).metadata["protocol"])


def form(service: str, protocol: str) -> wire.Form:
    """The same in ours."""
    found = FORMS[spoken(service, protocol)]
    return "json-1.0" if found == "json" and CATALOGUE.service(service).json_version == "1.0" else found


def routed(service: str, name: str | None, protocol: str) -> wire.Route:
    """The route of such a request."""
    model = CATALOGUE.service(service)
    return wire.Route(
        service,
        name,
        form(service, protocol),
        xml_namespace=model.xml_namespace or "",
        query_codes=model.query_codes,
    )


@cache
def oracle(service: str) -> botocore.model.ServiceModel:
    raw = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(raw, service)


def every_operation() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in CATALOGUE.service(service).operations]


class Draw:
    """Values for botocore's own shapes. ``millis`` where the wire keeps fractions of a second."""

    def __init__(self, seed: str, *, query: bool, millis: bool) -> None:
        self.random = random.Random(seed)
        self.query = query
        self.millis = millis

    def of(self, shape: Any, depth: int = 0, location: str | None = None) -> Any:
        match shape.type_name:
            case "structure":
                return self.structure(shape, depth)
            case "list":
                # The query protocol has no words for a list of empty things, nor a URI for an empty list.
                least = 1 if self.query or location else 0
                return [self.of(shape.member, depth + 1, location) for _ in range(self.random.randint(least, 2))]
            case "map":
                keys = {self.of(shape.key, depth + 1) for _ in range(self.random.randint(1, 2))}
                return {key: self.of(shape.value, depth + 1) for key in keys}
        return self.scalar(shape, location)

    def scalar(self, shape: Any, location: str | None) -> Any:
        match shape.type_name:
            case "string":
                if shape.enum and self.random.random() < 0.5:
                    return self.random.choice(shape.enum)
                letters = HEADER_ALPHABET if location in ("header", "headers") else ALPHABET
                least = 1 if location else 0
                return "".join(self.random.choices(letters, k=self.random.randint(least, 12)))
            case "integer":
                return self.random.choice([0, 1, -1, 42, 2**31 - 1, -(2**31)])
            case "long":
                return self.random.choice([0, 1, -7, 2**53, 2**63 - 1, -(2**63)])
            case "boolean":
                return self.random.random() < 0.5
            case "timestamp":
                part = timedelta(milliseconds=self.random.randint(0, 999) if self.millis else 0)
                return START + timedelta(seconds=self.random.randint(0, 2_000_000_000)) + part
            case "blob":
                return self.random.randbytes(self.random.randint(1 if self.query or location else 0, 20))
            case "double" | "float":
                return self.random.choice([0.0, 1.5, -2.25, 1e-9, 123456.789])
        raise AssertionError(shape.type_name)

    def structure(self, shape: Any, depth: int) -> dict[str, Any]:
        names = list(shape.members)
        payload = shape.serialization.get("payload")
        likely = 0.7 if depth < 3 else 0.15
        chosen = [
            name
            for name in names
            # botocore sends {} where a structure that is the whole body is left out.
            if name in shape.required_members
            or (name == payload and shape.members[name].type_name == "structure")
            or (depth < 7 and self.random.random() < likely)
        ]
        if (self.query and names and not chosen) or getattr(shape, "is_tagged_union", False):
            chosen = [self.random.choice(names)]
        drawn = {}
        for name in chosen:
            member = shape.members[name]
            location = member.serialization.get("location") or ("payload" if name == payload else None)
            drawn[name] = self.of(member, depth + 1, location)
        return drawn


def sent(service: str, operation: str, params: dict[str, Any], protocol: str) -> HTTPRequest:
    """The request that botocore sends for these parameters."""
    model = oracle(service)
    serializer = botocore.serialize.create_serializer(spoken(service, protocol), include_validation=False)
    given = serializer.serialize_to_request(params, model.operation_model(operation))
    botocore.awsrequest.prepare_request_dict(given, endpoint_url="https://127.0.0.1:8443", user_agent="oracle")
    made = botocore.awsrequest.create_request_object(given).prepare()
    url = urlsplit(made.url)
    headers = [
        (name.lower().encode(), value if isinstance(value, bytes) else str(value).encode("latin-1"))
        for name, value in made.headers.items()
    ]
    body = made.body or b""
    return HTTPRequest(
        made.method,
        url.path.encode(),
        url.query.encode(),
        headers,
        body if isinstance(body, bytes) else body.encode(),
    )


def received(service: str, operation: str, reply: HTTPReply, protocol: str) -> dict[str, Any]:
    """What botocore makes of a reply."""
    model = oracle(service)
    headers = botocore.awsrequest.HeadersDict({k.decode(): v.decode("latin-1") for k, v in reply.headers})
    parser = botocore.parsers.create_parser(spoken(service, protocol))
    asked = model.operation_model(operation)
    stream = io.BytesIO(reply.body) if asked.has_streaming_output and reply.status < 300 else None
    body = reply.body if stream is None else stream
    response = {"body": body, "headers": headers, "status_code": reply.status}
    parsed: dict[str, Any] = parser.parse(response, asked.output_shape)
    return {key: stream.read() if stream and value is stream else value for key, value in parsed.items()}


@pytest.mark.parametrize(("service", "protocol"), WIRES)
def test_what_botocore_sends_is_routed_and_read_as_it_was_meant(service: str, protocol: str) -> None:
    """Source: botocore's serialisers."""
    query = form(service, protocol) == "query"
    for name, operation in CATALOGUE.service(service).operations.items():
        shape = oracle(service).operation_model(name).input_shape
        for number in range(DRAWS):
            params = {}
            if shape is not None:
                params = Draw(f"{service}.{name}.{number}", query=query, millis=False).structure(shape, 0)
            request = sent(service, name, params, protocol)
            route = wire.route(request, CATALOGUE, OFFERED)
            assert (service, name, None) == (route.service, route.operation, route.refusal), (name, request)
            assert form(service, protocol) == route.protocol
            assert params == wire.parse(route, request, operation), name


@pytest.mark.parametrize(("service", "protocol"), WIRES)
def test_what_we_answer_is_read_by_botocore_as_it_was_meant(service: str, protocol: str) -> None:
    """Source: botocore's parsers. Streams of events are the one form that is not written."""
    model = CATALOGUE.service(service)
    for name, operation in model.operations.items():
        shape = oracle(service).operation_model(name).output_shape
        if shape is not None and any(member.event_stream for member in _shapes(operation.output)):
            continue
        assumed = {
            key
            for key, member in (shape.members.items() if shape else ())
            if member.serialization.get("location") == "statusCode"
            or (member.type_name == "blob" and key == shape.serialization.get("payload"))
        }
        for number in range(DRAWS):
            given = {}
            if shape is not None:
                draw = Draw(
                    f"{service}.{name}.{number}",
                    query=False,
                    millis=form(service, protocol).startswith(("json", "rpc")),
                )
                given = {
                    key: value if shape.members[key].serialization.get("location") != "statusCode" else 202
                    for key, value in draw.structure(shape, 0).items()
                }
            route = routed(service, name, protocol)
            read = received(service, name, wire.answer(route, operation, given, "the-request-id"), protocol)
            metadata = read.pop("ResponseMetadata")
            # Of RPC v2 CBOR botocore reads it from refusals only.
            told = metadata.get("RequestId") or metadata["HTTPHeaders"]["x-amzn-requestid"]
            assert "the-request-id" == told
            # botocore fills in what the status says, and a payload that is empty.
            assert given == {key: value for key, value in read.items() if key in given or key not in assumed}


def _shapes(output: Any) -> list[Any]:
    return [member.shape for member in output.members.values()]


@pytest.mark.parametrize(("service", "protocol"), WIRES)
def test_every_modelled_error_reaches_botocore_with_code_message_and_status(service: str, protocol: str) -> None:
    model = CATALOGUE.service(service)
    base = type("Base", (ServiceError,), {}, service=service)
    for shape in model.shapes.values():
        if not shape.exception:
            continue
        error = type(shape.name, (base,), {})("why & how <it> was refused")
        route = routed(service, None, protocol)
        reply = wire.refuse(route, error, "the-request-id")
        read = received(service, next(iter(model.operations)), reply, protocol)
        assert shape.error_code or shape.name == read["Error"]["Code"]
        assert "why & how <it> was refused" == read["Error"]["Message"]
        assert (shape.error_status or (500 if shape.fault else 400)) == read["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(("service", "protocol"), WIRES)
@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_every_common_refusal_reaches_botocore_with_code_and_message(service: str, protocol: str, kind: Kind) -> None:
    model = CATALOGUE.service(service)
    route = routed(service, None, protocol)
    refusal = Refusal(kind, "the text", detail="never sent")
    reply = wire.refuse(route, refusal, "the-request-id")
    read = received(service, next(iter(model.operations)), reply, protocol)
    assert wire.code_of(refusal, service, CATALOGUE) == read["Error"]["Code"]
    assert "the text" == read["Error"]["Message"]
    assert "the-request-id" == read["ResponseMetadata"]["RequestId"]
    assert b"never sent" not in reply.body


@pytest.mark.parametrize("service", SERVICES)
def test_a_validator_made_for_each_input_refuses_or_passes_but_never_breaks(service: str) -> None:
    """Drawn parameters break limits at random: the walker has an opinion about each of them."""
    refused = 0
    for name, operation in CATALOGUE.service(service).operations.items():
        shape = oracle(service).operation_model(name).input_shape
        if shape is None:
            continue
        params = Draw(f"{service}.{name}.0", query=False, millis=True).structure(shape, 0)
        try:
            validate(operation.input, params)
        except Refusal as refusal:
            assert Kind.VALIDATION is refusal.kind
            assert refusal.message is not None
            refused += 1
    assert refused > 0
