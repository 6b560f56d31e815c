"""Which keys can be made: symmetric ones with material of our own, until the others are offered.

Source: KMS API reference, CreateKey (facts: kms, sections 3 and 4; aws-observed, "KMS: error shape").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.kernel.authz.model import ContextValue
from strongroom.services.kms import errors
from strongroom.services.kms.rules.context import SYMMETRIC

USAGE = "ENCRYPT_DECRYPT"
ORIGIN = "AWS_KMS"
KEY_FACTS: Mapping[str, ContextValue] = {
    "kms:keyspec": SYMMETRIC,
    "kms:keyusage": USAGE,
    "kms:keyorigin": ORIGIN,
    "kms:multiregion": "false",
}
"""The condition keys of every key that can be made now."""

_NOT_OFFERED = "{} is not offered yet: keys are symmetric, single-Region, with material made here."
_BESIDES = {
    "CustomKeyStoreId": "A custom key store",
    "XksKeyId": "An external key store",
    "MultiRegion": "MultiRegion",
}


def check_offered(params: Mapping[str, Any]) -> None:
    """Refuse what AWS refuses, then what is not offered yet (our choice: UnsupportedOperationException)."""
    spec = params.get("KeySpec") or params.get("CustomerMasterKeySpec") or SYMMETRIC
    usage = params.get("KeyUsage")
    if params.get("KeySpec") and params.get("CustomerMasterKeySpec"):
        raise errors.invalid(errors.TWO_SPECS)
    if spec != SYMMETRIC and usage is None:
        raise errors.invalid(errors.NO_USAGE)
    if spec == SYMMETRIC and usage not in (None, USAGE):
        raise errors.invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if spec != SYMMETRIC:
        raise errors.UnsupportedOperationException(_NOT_OFFERED.format(f"KeySpec {spec}"))
    origin = params.get("Origin") or ORIGIN
    if origin != ORIGIN:
        raise errors.UnsupportedOperationException(_NOT_OFFERED.format(f"Origin {origin}"))
    for member, what in _BESIDES.items():
        if params.get(member):
            raise errors.UnsupportedOperationException(_NOT_OFFERED.format(what))
