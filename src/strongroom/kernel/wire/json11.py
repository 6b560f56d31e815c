"""AWS JSON 1.1: the operation in a header, parameters and answer as one JSON object each.

Source: Smithy specification, "AWS JSON 1.1 protocol"; what it leaves open was measured on json 1.1 services.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson

from strongroom.kernel.model.shapes import OperationModel
from strongroom.kernel.wire.json_values import EXACT_WRITTEN, Writer, body_members, read_body, writer
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


Gap = tuple[str, type | None, Writer]
"""A member, the type whose values pass as they are, and how all others are written."""


class Frame:
    """The body of an answer but for some of its members, for answers that are the same in all others."""

    __slots__ = ("_first", "_gaps")

    def __init__(self, parts: tuple[bytes, ...], gaps: tuple[Gap, ...]) -> None:
        self._first = parts[0]
        self._gaps = tuple(zip(gaps, parts[1:], strict=True))

    def filled(self, answer: Mapping[str, Any]) -> bytes:
        """The body with the members of one answer in its gaps. Raises AnswerMismatch where they do not fit."""
        filled = self._first
        for (name, exact, write_one), part in self._gaps:
            value = answer[name]
            filled += orjson.dumps(value if type(value) is exact else write_one(value)) + part
        return filled


def frame(operation: OperationModel, answer: Mapping[str, Any], gaps: Collection[str], unlike: str) -> Frame:
    """The frame of an answer with a gap for each of these top-level members; ``unlike`` stands in no answer.

    Raises AnswerMismatch where the answer does not fit its shape.
    """
    shape = operation.output
    if shape is None:
        raise AnswerMismatch(f"{operation.name} has no output")
    members = {member.name: member for member in body_members(shape)}
    whole = writer(shape)(answer)
    names = [name for name in answer if name in gaps]
    for number, name in enumerate(names):
        whole[members[name].wire_name] = f"{unlike}{number}"
    rest, parts = orjson.dumps(whole), []
    # A mapping keeps its order, so the gaps stand in that of the answer.
    for number in range(len(names)):
        before, found, rest = rest.partition(b'"%b%d"' % (unlike.encode(), number))
        if not found:
            raise AnswerMismatch(f"{operation.name} has an answer that cannot be framed")
        parts.append(before)
    shapes = [(name, members[name].shape) for name in names]
    return Frame((*parts, rest), tuple((name, EXACT_WRITTEN.get(of.type_name), writer(of)) for name, of in shapes))
