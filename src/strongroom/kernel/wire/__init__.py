"""The wire: bytes to parameters and back, nothing else. The chain uses these names and no others.

route        which service and operation a request means
parse        its parameters
answer       the reply to a success; frame and framed, where all but some members stays the same; so of a structure
             within it: Mould, Moulded
refuse       the reply to a refusal; throttled, the refusal of one call too many
"""

from __future__ import annotations

from typing import Any

from strongroom.base.http import HTTPRequest
from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.wire import json11, query, restjson, rpccbor
from strongroom.kernel.wire.json11 import Frame
from strongroom.kernel.wire.json_values import Mould, Moulded
from strongroom.kernel.wire.refusals import answer, code_of, frame, framed, refuse, throttled
from strongroom.kernel.wire.route import Form, Route, Router, not_offered, route
from strongroom.kernel.wire.scalars import AnswerMismatch


def parse(found: Route, request: HTTPRequest, operation: OperationModel) -> dict[str, Any]:
    """The parameters of a routed request, by AWS's member names, not yet validated.

    Blobs are bytes, timestamps aware datetimes. Raises the SERIALIZATION refusal for what cannot be read.
    """
    if found.protocol in ("json", "json-1.0"):
        return json11.read(operation, request.body)
    if found.protocol == "query":
        return query.read(operation, found.fields)
    if found.protocol == "rpc-cbor":
        return rpccbor.read(operation, request.body)
    return restjson.read(operation, request, found.labels)


__all__ = [
    "AnswerMismatch",
    "Form",
    "Frame",
    "Mould",
    "Moulded",
    "Route",
    "Router",
    "answer",
    "code_of",
    "frame",
    "framed",
    "not_offered",
    "parse",
    "refuse",
    "route",
    "throttled",
]
