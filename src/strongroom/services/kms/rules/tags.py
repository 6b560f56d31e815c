"""Tags of keys. Source: KMS Developer Guide, "Tags in AWS KMS" (facts: kms, section 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.services.kms import errors

TAGS_AT_MOST = 50


def read_tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags of a request by key, in its order. Raises TagException for a key twice or a reserved one."""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in given}
    if len(tags) != len(given):
        raise errors.TagException(errors.DUPLICATE_TAGS)
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.TagException(errors.RESERVED_TAGS)
    return merged({}, tags)


def merged(present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The tags after adding some: known keys get the new value. Raises TagException beyond 50."""
    tags = {**present, **added}
    if len(tags) > TAGS_AT_MOST:
        raise errors.TagException(errors.TOO_MANY_TAGS)
    return tags
