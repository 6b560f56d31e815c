"""Layers as functions name them.

Source: facts lambda-and-others, sections 1.2 and 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.rules.code import UNZIPPED_BYTES
from strongroom.services.functions.store import layers
from strongroom.services.functions.store.tables import Layer

LAYERS_AT_MOST = 5
_ARN = re.compile(
    r"arn:aws:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):layer:(?P<name>[a-zA-Z0-9-_]{1,64}):(?P<number>[0-9]{1,9})"
)


def find_layer(tx: Transaction, arn: str) -> Layer | None:
    """The version of a layer that an ARN names."""
    found = _ARN.fullmatch(arn)
    if found is None:
        return None
    return layers.at(tx, found["account"], found["region"], found["name"], int(found["number"]))


def layers_named(call: Call, tx: Transaction, arns: Sequence[str]) -> list[Layer]:
    """The layers of a function, in order. Raises InvalidParameterValueException.

    Our choice: layers of the function's own account and Region only; there are no layer permissions here.
    """
    if len(arns) > LAYERS_AT_MOST:
        raise errors.invalid(errors.TOO_MANY_LAYERS)
    found: list[Layer] = []
    for arn in arns:
        one = find_layer(tx, arn)
        if one is None or (one.account, one.region) != (call.account, call.region):
            raise errors.invalid(f"Layer version {arn} does not exist.")
        for other in found:
            if other.arn == one.arn:
                raise errors.invalid(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. "
                    f"{other.version_arn} and {one.version_arn} are versions of the same layer."
                )
        found.append(one)
    if sum(one.settings.get("unpacked", 0) for one in found) >= UNZIPPED_BYTES:
        raise errors.invalid(errors.UNZIPPED_TOO_LARGE)
    return found
