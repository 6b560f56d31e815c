"""Tags as parameters and as condition keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from strongroom.kernel.authz.model import ContextValue
from strongroom.services.iam.errors import InvalidInputException, LimitExceededException
from strongroom.services.iam.rules.names import folded
from strongroom.services.iam.rules.quotas import TAGS_MAX


class Tagged(Protocol):
    """What may have tags: they are kept by ``id``; operations and quotas call it ``noun``."""

    @property
    def id(self) -> str:
        """What its tags are kept by: never given to another thing while they are there."""
        ...

    @property
    def account(self) -> str:
        """Whose it is."""
        ...

    @property
    def arn(self) -> str:
        """Its ARN."""
        ...

    @property
    def noun(self) -> str:
        """As in operation names: ``TagUser``."""
        ...


def asked_tags(given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """The ``Tags`` parameter as a map. Raises InvalidInput for keys that differ in case only.

    Source: facts, iam, section 10, InvalidInput.
    """
    tags = {tag["Key"]: tag["Value"] for tag in given or ()}
    if len({folded(key) for key in tags}) != len(given or ()):
        raise InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags


def refuse_too_many(noun: str, present: Mapping[str, str], added: Mapping[str, str]) -> None:
    """Refuse a fifty-first tag. Our choice of words, in the form of the other quotas."""
    if len({folded(key) for key in (*present, *added)}) > TAGS_MAX:
        raise LimitExceededException(f"Cannot exceed quota for TagsPer{noun}: {TAGS_MAX}")


def wire_form(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """A map of tags as answers list it."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def request_keys(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """aws:RequestTag/... and aws:TagKeys of a request that passes tags; nothing where it passes none."""
    if not tags:
        return {}
    keys: dict[str, ContextValue] = {f"aws:requesttag/{folded(key)}": value for key, value in tags.items()}
    keys["aws:tagkeys"] = tuple(tags)
    return keys


def resource_keys(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """aws:ResourceTag/... and iam:ResourceTag/... of an entity."""
    return {f"{service}:resourcetag/{folded(key)}": value for service in ("aws", "iam") for key, value in tags.items()}
