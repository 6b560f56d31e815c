"""What value a request brings: one string or some bytes, never both.

Source: facts secretsmanager sections 3, 6.1 and 6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.services.secretsmanager import errors

STRING, BINARY = "SecretString", "SecretBinary"
VALUE_BYTES_MAX = 65_536


def value_of(params: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """The value as (form, bytes); None where the request brings none."""
    text = params.get(STRING)
    if text is not None:
        return STRING, text.encode()
    data = params.get(BINARY)
    return None if data is None else (BINARY, data)


def value_problem(params: Mapping[str, Any], *, required: bool) -> Answerable | None:
    """What is wrong with the value of a request, if anything is.

    The model bounds characters, the quota bytes: a long text outside ASCII is refused here.
    """
    value = value_of(params)
    if value is None:
        return errors.InvalidRequestException(errors.NO_VALUE_GIVEN) if required else None
    if STRING in params and BINARY in params:
        return errors.InvalidParameterException(errors.BOTH_VALUES_GIVEN)
    if len(value[1]) > VALUE_BYTES_MAX:
        return errors.InvalidParameterException(f"The secret value can't be larger than {VALUE_BYTES_MAX} bytes.")
    return None


def answered(form: str, value: bytes) -> dict[str, Any]:
    """The value as the member of an answer that it came in."""
    return {STRING: value.decode()} if form == STRING else {BINARY: value}


def token_problem(params: Mapping[str, Any]) -> Answerable | None:
    """What a request without ClientRequestToken is told; SDKs always send one."""
    if params.get("ClientRequestToken"):
        return None
    return errors.InvalidRequestException(errors.NO_TOKEN)
