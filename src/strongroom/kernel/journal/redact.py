"""What of a call's parameters and answer its record may repeat. Total over shapes, compiled per operation.

Left out altogether, as CloudTrail does: every member that the model marks sensitive, every blob, every free
document, and whatever ``FLOOR`` names, because models forget. A value inside a list or map that must not be
shown is replaced by ``HIDDEN``, so that the count stays true.

INVARIANT: what is not understood is not shown. A member that a model gains is covered on the day it appears.
Source: CloudTrail User Guide, "CloudTrail record contents": requestParameters, responseElements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from strongroom.kernel.model.shapes import Member, OperationModel, Shape

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
MAX_STRING_CHARS = 24_576
"""More than any policy document has (20,480), which auditors want to read whole."""
MAX_DEPTH = 12

FLOOR: Mapping[str, frozenset[str]] = {
    "": frozenset({
        "SecretString", "SecretBinary", "SecretAccessKey", "SessionToken", "Password", "PrivateKey",
        "Plaintext", "CiphertextBlob",
    }),
    "secretsmanager": frozenset({"RotationToken", "RandomPassword"}),
    "kms": frozenset({
        "PrivateKeyPlaintext", "PrivateKeyCiphertextBlob", "CiphertextForRecipient",
        "EncryptedKeyMaterial", "ImportToken", "SharedSecret", "SharedSecretCiphertextBlob", "Message",
        "Mac", "Signature", "GrantToken", "GrantTokens", "KeyStorePassword", "RawSecretAccessKey",
    }),
    "iam": frozenset({
        "OldPassword", "NewPassword", "ServicePassword", "ServiceCredentialSecret", "Base32StringSeed",
        "QRCodePNG", "AuthenticationCode1", "AuthenticationCode2", "AddPrivateKey",
    }),
    "sts": frozenset({"TokenCode", "WebIdentityToken", "SAMLAssertion", "DecodedMessage", "TradeInToken"}),
    "lambda": frozenset({"Variables", "ZipFile", "Payload", "ClientContext", "LogResult"}),
    "logs": frozenset({"logEvents", "filterPattern", "message"}),
    "ssm": frozenset({"Value"}),
}  # fmt: skip
"""Members that are never shown, by service; ``""`` is every service."""

Show = Callable[[Any], Any]
Plan = Mapping[str, tuple[str, Show]]


def parameters_shown(model: OperationModel) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """As ``request_parameters``, of one operation again and again."""
    plan = _input_plan(model)
    return lambda params: (_shown(params, plan) or None) if params else None


def request_parameters(params: Mapping[str, Any], model: OperationModel | None) -> dict[str, Any] | None:
    """The ``requestParameters`` of a record; None where there are none, or none that a model explains."""
    if not params or model is None:
        return None
    return _shown(params, _input_plan(model)) or None


def response_elements(
    answer: Mapping[str, Any] | None, model: OperationModel | None, shown: tuple[str, ...]
) -> dict[str, Any] | None:
    """The ``responseElements`` of a record: of the members that the room shows, what may be shown."""
    if not answer or not shown or model is None:
        return None
    return _shown(answer, _output_plan(model, shown)) or None


def spelling(member: str) -> str:
    """A member's name as records spell it: the first letter small; ``ARN`` is ``arn`` since February 2024."""
    return "arn" if member == "ARN" else member[:1].lower() + member[1:]


@lru_cache(maxsize=2048)
def _input_plan(model: OperationModel) -> Plan:
    return {} if model.input is None else _plan(model.input, {}, 0)


@lru_cache(maxsize=2048)
def _output_plan(model: OperationModel, shown: tuple[str, ...]) -> Plan:
    whole = {} if model.output is None else _plan(model.output, {}, 0)
    return {name: whole[name] for name in shown if name in whole}


def _plan(shape: Shape, made: dict[Shape, dict[str, tuple[str, Show]]], depth: int) -> Plan:
    """One entry for each member that may be shown; known before it is full, as shapes may be recursive."""
    if shape in made:
        return made[shape]
    plan = made[shape] = {}
    for name, member in shape.members.items():
        show = None if _forbidden(member, name) else _show(member.shape, made, depth + 1)
        if show is not None:
            plan[name] = (spelling(name), show)
    return plan


def _forbidden(member: Member, name: str) -> bool:
    return member.shape.sensitive or name in FLOOR[""] or name in FLOOR.get(member.shape.service, ())


def _show(shape: Shape, made: dict[Shape, dict[str, tuple[str, Show]]], depth: int) -> Show | None:
    """How values of a shape are shown; None where they are not."""
    if shape.document or depth > MAX_DEPTH:
        return None
    if shape.type_name == "structure":
        plan = _plan(shape, made, depth)
        return lambda value: _shown(value, plan)
    if shape.member is not None:
        each = _inner(shape.member, made, depth)
        return lambda value: [each(part) for part in value]
    if shape.value is not None:
        each = _inner(shape.value, made, depth)
        if _show(shape.value.shape, made, depth + 1) is _text and not shape.value.shape.sensitive:
            return _texts
        return lambda value: {_text(key): each(part) for key, part in value.items()}
    return _SCALARS.get(shape.type_name)


def _inner(member: Member, made: dict[Shape, dict[str, tuple[str, Show]]], depth: int) -> Show:
    show = None if member.shape.sensitive else _show(member.shape, made, depth + 1)
    if show is None:
        return _hidden
    # The parameters of a refused call are not valid: JSON has nulls in lists and maps, which validation refuses.
    return lambda part: None if part is None else show(part)


def _shown(value: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    told = {}
    for name, part in value.items():
        if name in plan and part is not None:
            key, show = plan[name]
            # Most are short texts: spare them the call.
            plain = show is _text and type(part) is str and len(part) <= MAX_STRING_CHARS
            told[key] = part if plain else show(part)
    return told


def _hidden(_value: object) -> str:
    return HIDDEN


def _text(value: object) -> str:
    if not isinstance(value, str):
        return HIDDEN
    if len(value) <= MAX_STRING_CHARS:
        return value
    return f"{value[:MAX_STRING_CHARS]}... (cut: {len(value)} characters)"


def _texts(value: Mapping[Any, Any]) -> dict[str, str | None]:
    """A map of texts, whose values may be null where they are not valid."""
    return {
        key if type(key) is str and len(key) <= MAX_STRING_CHARS else _text(key): part
        if part is None or (type(part) is str and len(part) <= MAX_STRING_CHARS)
        else _text(part)
        for key, part in value.items()
    }


def _number(value: object) -> object:
    return value if isinstance(value, int | float) else HIDDEN


def _moment(value: object) -> object:
    """``May 3, 2018 5:51:02 PM``. Source: Secrets Manager User Guide, the DeleteSecret record."""
    if not isinstance(value, datetime):
        return _number(value)
    return f"{value:%b} {value.day}, {value.year} {value.hour % 12 or 12}:{value:%M:%S} {value:%p}"


_SCALARS: Mapping[str, Show] = {
    "string": _text, "timestamp": _moment,
    "integer": _number, "long": _number, "boolean": _number, "float": _number, "double": _number,
}  # fmt: skip
"""Blobs are not among them: no record needs their bytes."""
