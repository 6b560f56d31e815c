"""RPC v2 CBOR: the operation in the path, parameters and answer as one CBOR map each.

Source: Smithy specification, "Smithy RPC v2 CBOR protocol". What is not modelled is passed over, as in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from strongroom.kernel.model.shapes import OperationModel, Shape
from strongroom.kernel.wire import cbor
from strongroom.kernel.wire.scalars import AnswerMismatch, malformed, misfit, moment, whole

CONTENT_TYPE: Final = "application/cbor"
PROTOCOL: Final = "rpc-v2-cbor"
"""The value of the header ``smithy-protocol``, in both directions."""


def read(operation: OperationModel, body: bytes) -> dict[str, Any]:
    """The parameters in a request's body, by AWS's member names. Raises the SERIALIZATION refusal."""
    if operation.input is None:
        return {}
    if not body:  # an operation whose input has no members sends nothing
        return {}
    try:
        value = cbor.loads(body)
    except cbor.NotCBOR:
        raise malformed() from None
    if type(value) is not dict:
        raise malformed()
    return _structure(operation.input, value)


def _structure(shape: Shape, value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise misfit(_plain(value), "structure")
    return {
        member.name: _value(member.shape, value[member.wire_name])
        for member in shape.members.values()
        if value.get(member.wire_name) is not None
    }


def _value(shape: Shape, value: Any) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, value)
    if shape.member is not None:
        if type(value) is not list:
            raise misfit(_plain(value), "list")
        inner = shape.member.shape
        return [None if one is None else _value(inner, one) for one in value]
    if shape.value is not None:
        if type(value) is not dict:
            raise misfit(_plain(value), "map")
        inner = shape.value.shape
        return {key: None if one is None else _value(inner, one) for key, one in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(type_name: str, value: Any) -> Any:
    match type_name:
        case "timestamp" if isinstance(value, cbor.Epoch):
            return moment(value.seconds)
        case "blob" if type(value) is bytes:
            return value
        case "string" if type(value) is str:
            return value
        case "boolean" if type(value) is bool:
            return value
        case "integer" | "long" if type(value) is int:
            return whole(value, type_name)
        case "float" | "double" if cbor.is_finite(value):
            return float(value)
    raise misfit(_plain(value), type_name)


def _plain(value: Any) -> Any:
    """A value as the words for misfits know it."""
    if isinstance(value, cbor.Epoch):
        return value.seconds
    return "" if isinstance(value, bytes) else value


def write(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """The body of a success; empty for operations without an output shape. Raises AnswerMismatch."""
    if operation.output is None:
        if answer:
            raise AnswerMismatch(f"{operation.name} has no output, but was given {', '.join(sorted(answer))}")
        return b""
    return cbor.dumps(written(operation.output, answer))


def written(shape: Shape, value: Any) -> Any:
    """A value as CBOR carries it, held against its shape. Raises AnswerMismatch."""
    if shape.type_name == "structure":
        if not isinstance(value, Mapping):
            raise AnswerMismatch(f"{shape.name} is a structure, not a {type(value).__name__}")
        return _members(shape, value)
    if shape.member is not None:
        if not isinstance(value, list | tuple):
            raise AnswerMismatch(f"{shape.name} is a list, not a {type(value).__name__}")
        inner = shape.member.shape
        return [written(inner, one) for one in value]
    if shape.value is not None:
        if not isinstance(value, Mapping):
            raise AnswerMismatch(f"{shape.name} is a map, not a {type(value).__name__}")
        inner = shape.value.shape
        return {key: written(inner, one) for key, one in value.items()}
    return _written_scalar(shape.type_name, value)


def _members(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    for name in value:
        if name not in shape.members:
            raise AnswerMismatch(f"{shape.name} has no member {name}")
    members = {shape.members[name]: part for name, part in value.items() if part is not None}
    return {member.wire_name: written(member.shape, part) for member, part in members.items()}


def _written_scalar(type_name: str, value: Any) -> Any:
    kinds = _KINDS[type_name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise AnswerMismatch(f"a {type(value).__name__} was given for a {type_name}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise AnswerMismatch("an aware datetime was wanted for a timestamp")
    if isinstance(value, int | float) and type_name in ("float", "double"):
        return float(value)
    return value


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "blob": (bytes,),
    "timestamp": (datetime,),
}
