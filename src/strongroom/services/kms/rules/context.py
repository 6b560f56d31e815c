"""Condition keys of KMS that a request brings, and the limits of an encryption context.

Source: KMS Developer Guide, "AWS KMS condition keys", "Encryption context" (facts: kms, sections 5 and 15).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from strongroom.kernel.authz.model import ContextValue, by_name
from strongroom.kernel.call import Call, Target
from strongroom.services.kms import errors
from strongroom.services.kms.rules.specs import SYMMETRIC

CONTEXT_BYTES_AT_MOST = 8192


@lru_cache(maxsize=256)
def via_service(principal: str, region: str) -> str:
    """``secretsmanager.us-east-1.amazonaws.com`` from a service principal and a Region."""
    return f"{principal.removesuffix('.amazonaws.com')}.{region}.amazonaws.com"


def caller_keys(call: Call, target: Target) -> dict[str, ContextValue]:  # noqa: ARG001
    """kms:CallerAccount, and kms:ViaService where a service calls with the caller's credentials."""
    keys: dict[str, ContextValue] = {"kms:calleraccount": call.account}
    if call.invoked_by is not None:
        keys["kms:viaservice"] = via_service(call.invoked_by, call.region)
    return keys


def cryptographic_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """Those of Encrypt, Decrypt and the data key operations."""
    keys = caller_keys(call, target)
    keys["kms:encryptionalgorithm"] = call.get("EncryptionAlgorithm", SYMMETRIC)
    return with_context(keys, call.get("EncryptionContext"))


def with_context(keys: dict[str, ContextValue], context: Mapping[str, str] | None) -> dict[str, ContextValue]:
    """The same keys and those of an encryption context.

    Condition keys have no case, contexts do: see Spellings.
    """
    if context:
        keys["kms:encryptioncontextkeys"] = tuple(context)
        keys |= by_name("kms:encryptioncontext:", context.items())
    return keys


def tag_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """Those of operations that carry tags: aws:RequestTag/k and aws:TagKeys."""
    keys = caller_keys(call, target)
    tags = call.get("Tags") or ()
    keys |= by_name("aws:requesttag/", ((tag["TagKey"], tag["TagValue"]) for tag in tags))
    names = tuple(call.get("TagKeys") or (tag["TagKey"] for tag in tags))
    if names:
        keys["aws:tagkeys"] = names
    return keys


def check_context(context: Mapping[str, str] | None) -> Mapping[str, str]:
    """The context, within bounds. Raises ValidationException."""
    if not context:
        return {}
    if 4 * sum(map(len, (*context, *context.values()))) <= CONTEXT_BYTES_AT_MOST:  # no character has more bytes
        return context
    if sum(len(key.encode()) + len(value.encode()) for key, value in context.items()) > CONTEXT_BYTES_AT_MOST:
        raise errors.invalid(errors.LONG_CONTEXT)
    return context
