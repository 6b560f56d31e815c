"""Which keys can be made.

Source: KMS API reference, CreateKey (facts: kms, sections 3 and 4; aws-observed, "KMS: error shape").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.crypto.keypairs import is_offered
from strongroom.services.kms import errors
from strongroom.services.kms.rules.specs import ENCRYPT, SPECS, SYMMETRIC, is_pair

OURS, EXTERNAL = "AWS_KMS", "EXTERNAL"
PRIMARY, REPLICA = "PRIMARY", "REPLICA"

_STORES = {
    "CustomKeyStoreId": "A custom key store is not offered: keys are kept here.",
    "XksKeyId": "An external key store is not offered: keys are kept here.",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of key is wanted."""

    spec: str = SYMMETRIC
    usage: str = ENCRYPT
    origin: str = OURS
    multi_region: str | None = None

    def facts(self) -> dict[str, ContextValue]:
        """The condition keys that say so. Source: facts, kms, section 15."""
        facts: dict[str, ContextValue] = {
            "kms:keyspec": self.spec,
            "kms:keyusage": self.usage,
            "kms:keyorigin": self.origin,
            "kms:multiregion": "false" if self.multi_region is None else "true",
        }
        if self.multi_region is not None:
            facts["kms:multiregionkeytype"] = self.multi_region
        return facts


def asked(params: Mapping[str, Any]) -> Kind:
    """What CreateKey asks for, allowed or not: for condition keys."""
    spec = params.get("KeySpec") or params.get("CustomerMasterKeySpec") or SYMMETRIC
    return Kind(
        spec,
        params.get("KeyUsage") or ENCRYPT,
        params.get("Origin") or OURS,
        PRIMARY if params.get("MultiRegion") else None,
    )


def wanted(params: Mapping[str, Any]) -> Kind:
    """The same, refused where AWS refuses it, or where it is not offered (UnsupportedOperationException)."""
    if params.get("KeySpec") and params.get("CustomerMasterKeySpec"):
        raise errors.invalid(errors.TWO_SPECS)
    kind = asked(params)
    if kind.spec != SYMMETRIC and params.get("KeyUsage") is None:
        raise errors.invalid(errors.NO_USAGE)
    usages = SPECS.get(kind.spec)
    if usages is None or (is_pair(kind.spec) and not is_offered(kind.spec)):
        raise errors.UnsupportedOperationException(f"KeySpec {kind.spec} is not offered.")  # our choice
    if kind.usage not in usages:
        raise errors.invalid(f"KeyUsage {kind.usage} is not compatible with KeySpec {kind.spec}")
    if kind.origin not in (OURS, EXTERNAL):
        raise errors.UnsupportedOperationException(f"Origin {kind.origin} is not offered.")  # our choice
    for member, why in _STORES.items():
        if params.get(member):
            raise errors.UnsupportedOperationException(why)  # our choice
    return kind
