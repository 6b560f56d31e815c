"""Tags of a secret: what a request may set, and what a secret's tags are afterwards.

Source: facts secretsmanager sections 2 (reserved keys), 3 (quota) and 6.18; aws-observed, "exact answer
members".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from strongroom.services.secretsmanager import errors

TAGS_MAX = 50
OWNING_SERVICE = "aws:secretsmanager:owningService"
"""The reserved tag of a secret that a service manages (facts: secretsmanager section 2)."""
Tags = Sequence[Mapping[str, str]]


def check_tags(given: Tags, *, by_service: bool = False) -> list[dict[str, str]]:
    """The tags of a request in full form. Raises InvalidParameterException; texts are Our choice.

    ``by_service``: reserved keys are allowed, for a service tags what it manages.
    """
    tags = []
    seen = set()
    for one in given:
        key = one.get("Key")
        if not key:
            raise errors.InvalidParameterException("You must provide a key for each tag.")
        if key.lower().startswith("aws:") and not by_service:
            raise errors.InvalidParameterException("Tag keys that begin with aws: are reserved for AWS use.")
        if key in seen:
            raise errors.InvalidParameterException(f"You can't use the tag key {key} more than once.")
        seen.add(key)
        tags.append({"Key": key, "Value": one.get("Value", "")})
    return bounded(tags)


def owner_of(tags: Tags, invoked_by: str | None) -> str | None:
    """The service that a new secret's tags say it is managed by; None for a secret of the user's own.

    Raises InvalidParameterException where they name another than the service that asks (Our choice).
    """
    owner = next((one["Value"] for one in tags if one["Key"] == OWNING_SERVICE), None)
    if owner is not None and f"{owner}.amazonaws.com" != invoked_by:
        raise errors.InvalidParameterException(f"The tag {OWNING_SERVICE} must name the service that asks.")
    return owner


def check_keys(keys: Iterable[str]) -> frozenset[str]:
    """The tag keys to remove. The reserved ones are the owning service's."""
    wanted = frozenset(keys)
    if any(key.lower().startswith("aws:") for key in wanted):
        raise errors.InvalidParameterException("Tag keys that begin with aws: are reserved for AWS use.")
    return wanted


def bounded(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same tags; raises InvalidParameterException above 50."""
    if len(tags) > TAGS_MAX:
        raise errors.InvalidParameterException(f"You can't attach more than {TAGS_MAX} tags to a secret.")
    return tags


def tagged(have: Tags, given: Tags) -> list[dict[str, str]]:
    """The tags after TagResource: known keys keep their place and get the new value, new ones come last."""
    values = {one["Key"]: one["Value"] for one in have} | {one["Key"]: one["Value"] for one in given}
    return bounded([{"Key": key, "Value": value} for key, value in values.items()])


def untagged(have: Tags, keys: frozenset[str]) -> list[dict[str, str]]:
    """The tags after UntagResource; keys that are not there do not matter."""
    return [dict(one) for one in have if one["Key"] not in keys]
