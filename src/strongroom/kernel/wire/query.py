"""The query protocol: a flat form with dotted names in, XML out.

Source: Smithy specification, "AWS query protocol"; facts of IAM and STS (section 10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from strongroom.kernel.model.shapes import OperationModel, Shape
from strongroom.kernel.wire.scalars import TEXT_READERS, AnswerMismatch, malformed, misfit, written

CONTENT_TYPE: Final = "text/xml"
MAX_DEPTH: Final = 24  # names of one dotted field; the deepest of IAM's has seven
_OWN: Final = frozenset({"Action", "Version"})

Tree = dict[str, Any]  # names to texts or further trees


# ---------------------------------------------------------------------- reading


def read(operation: OperationModel, form: Mapping[str, str]) -> dict[str, Any]:
    """The parameters in a form's fields, by AWS's member names; unknown fields are left out.

    Raises the SERIALIZATION refusal.
    """
    if operation.input is None:
        return {}
    return _structure(operation.input, _tree(form))


def _tree(form: Mapping[str, str]) -> Tree:
    root: Tree = {}
    for name, text in form.items():
        if name in _OWN:
            continue
        steps = name.split(".", MAX_DEPTH)
        if len(steps) > MAX_DEPTH:
            raise malformed(f"The parameter name {name[:64]}... has too many parts.")
        node = root
        for step in steps[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise misfit({}, "string")
        if isinstance(node.setdefault(steps[-1], text), dict):
            raise misfit(text, "structure")
    return root


def _value(shape: Shape, node: str | Tree) -> Any:
    if shape.flattened:
        raise ValueError(f"{shape.service} has the flattened shape {shape.name}, which no service had so far")
    match shape.type_name:
        case "structure":
            if not isinstance(node, dict):
                raise misfit(node, "structure")
            return _structure(shape, node)
        case "list":
            return _list(shape, node)
        case "map":
            return _map(shape, node)
    if not isinstance(node, str):
        raise misfit(node, shape.type_name)
    return TEXT_READERS[shape.type_name](node)


def _structure(shape: Shape, node: Tree) -> dict[str, Any]:
    return {
        member.name: _value(member.shape, node[member.wire_name])
        for member in shape.members.values()
        if member.wire_name in node
    }


def _list(shape: Shape, node: str | Tree) -> list[Any]:
    """``Tags.member.1.Key``; an empty list is ``Tags=``."""
    if node == "" or shape.member is None:
        return []
    if not isinstance(node, dict):
        raise misfit(node, "list")
    element = shape.member
    wire_name = element.wire_name if element.named else "member"
    return [_value(element.shape, part) for part in _numbered(node.get(wire_name, {}))]


def _map(shape: Shape, node: str | Tree) -> dict[str, Any]:
    """``Properties.entry.1.key=a&Properties.entry.1.value=b``."""
    if node == "" or shape.key is None or shape.value is None:
        return {}
    if not isinstance(node, dict):
        raise misfit(node, "map")
    key_name, value_name = shape.key.wire_name, shape.value.wire_name
    found: dict[str, Any] = {}
    for entry in _numbered(node.get("entry", {})):
        if not isinstance(entry, dict) or key_name not in entry or value_name not in entry:
            raise malformed(f"An entry of a map needs {key_name} and {value_name}.")
        key = _value(shape.key.shape, entry[key_name])
        if key in found:
            raise malformed("A map has the same key more than once.")
        found[key] = _value(shape.value.shape, entry[value_name])
    return found


def _numbered(node: str | Tree) -> list[Any]:
    """The elements in the order of their numbers, which need not be dense."""
    if not isinstance(node, dict):
        raise misfit(node, "list")
    for number in node:
        if not (number.isascii() and number.isdigit() and len(number) <= 6 and number[0] != "0"):
            raise malformed("The elements of a list are numbered 1, 2, 3 and so on.")
    return [node[number] for number in sorted(node, key=int)]


# ---------------------------------------------------------------------- writing


def write(operation: OperationModel, xml_namespace: str, answer: Mapping[str, Any], request_id: str) -> bytes:
    """The XML of a success; without an output shape there is no result in it. Raises AnswerMismatch."""
    parts = [f'<{operation.name}Response xmlns="{xml_namespace}">']
    if operation.output is not None:
        wrapper = operation.result_wrapper or f"{operation.name}Result"
        _element(parts, wrapper, operation.output, answer)
    elif answer:
        raise AnswerMismatch(f"{operation.name} has no output, but was given {', '.join(sorted(answer))}")
    parts.append(f"<ResponseMetadata><RequestId>{escaped(request_id)}</RequestId></ResponseMetadata>")
    parts.append(f"</{operation.name}Response>")
    return "".join(parts).encode("utf-8")


def write_error(xml_namespace: str, code: str, message: str | None, request_id: str, *, receiver: bool) -> bytes:
    """The XML of a refusal. ``receiver`` where the fault is ours."""
    text = "" if message is None else f"<Message>{escaped(message)}</Message>"
    return (
        f'<ErrorResponse xmlns="{xml_namespace}"><Error><Type>{"Receiver" if receiver else "Sender"}</Type>'
        f"<Code>{escaped(code)}</Code>{text}</Error><RequestId>{escaped(request_id)}</RequestId></ErrorResponse>"
    ).encode()


# What XML 1.0 cannot hold, not even escaped (section 2.2, "Char").
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    """Text as the content of an XML element.

    A carriage return is written as a reference: parsers turn a bare one into a line feed (XML 1.0, 2.11).
    Our choice: what XML cannot hold becomes U+FFFD; AWS's patterns keep it out of everything that is stored.
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return text if text.isprintable() else _NOT_XML.sub("\ufffd", text)


def _element(parts: list[str], name: str, shape: Shape, value: Any) -> None:
    parts.append(f"<{name}>")
    match shape.type_name:
        case "structure":
            _members(parts, shape, value)
        case "list":
            _elements(parts, shape, value)
        case "map":
            _entries(parts, shape, value)
        case _:
            parts.append(escaped(written(value, shape.type_name, shape.timestamp_format or "iso8601")))
    parts.append(f"</{name}>")


def _members(parts: list[str], shape: Shape, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise AnswerMismatch(f"{shape.name} is a structure, not a {type(value).__name__}")
    for name, part in value.items():
        if name not in shape.members:
            raise AnswerMismatch(f"{shape.name} has no member {name}")
        if part is not None:
            member = shape.members[name]
            _element(parts, member.wire_name, member.shape, part)


def _elements(parts: list[str], shape: Shape, value: Any) -> None:
    if not isinstance(value, (list, tuple)) or shape.member is None:
        raise AnswerMismatch(f"{shape.name} is a list, not a {type(value).__name__}")
    name = shape.member.wire_name if shape.member.named else "member"
    for part in value:
        _element(parts, name, shape.member.shape, part)


def _entries(parts: list[str], shape: Shape, value: Any) -> None:
    if not isinstance(value, Mapping) or shape.key is None or shape.value is None:
        raise AnswerMismatch(f"{shape.name} is a map, not a {type(value).__name__}")
    for key, part in value.items():
        parts.append("<entry>")
        _element(parts, shape.key.wire_name, shape.key.shape, key)
        _element(parts, shape.value.wire_name, shape.value.shape, part)
        parts.append("</entry>")
