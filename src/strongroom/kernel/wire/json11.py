"""AWS JSON 1.1: the operation in a header, parameters and answer as one JSON object each.

Source: Smithy specification, "AWS JSON 1.1 protocol"; what it leaves open was measured on json 1.1 services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.wire.json_values import read_body, writer
from strongroom.kernel.wire.scalars import AnswerMismatch

CONTENT_TYPE: Final = "application/x-amz-json-1.1"
CONTENT_TYPE_10: Final = "application/x-amz-json-1.0"
"""Of JSON 1.0, which differs in this and in nothing else that is sent here."""


def read(operation: OperationModel, body: bytes) -> dict[str, Any]:
    """The parameters in a request's body, by AWS's member names; unknown members and nulls are left out.

    Raises the SERIALIZATION refusal. A body must be a JSON object even where the operation takes nothing.
    """
    params: dict[str, Any] = read_body(operation.input, body)
    return params


def write(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """The body of a success; empty for operations without an output shape. Raises AnswerMismatch."""
    if operation.output is None:
        if answer:
            raise AnswerMismatch(f"{operation.name} has no output, but was given {', '.join(sorted(answer))}")
        return b""
    return orjson.dumps(writer(operation.output)(answer))
