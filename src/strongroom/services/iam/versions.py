"""Version ids of managed policies, and whose policies may be changed."""

from __future__ import annotations

from strongroom.base.refusals import Refusal
from strongroom.services.iam.errors import NoSuchEntityException, invalid
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.store.policies import Policy, Version


def shown_number(number: int) -> str:
    """``v1``. Source: API reference, PolicyVersion."""
    return f"v{number}"


def own(found: Policy | AWSPolicy) -> Policy:
    """A policy that its account may change. Raises ValidationError for AWS's. Our choice of words."""
    if isinstance(found, AWSPolicy):
        raise _outside()
    return found


def _outside() -> Refusal:
    return invalid("Policy is outside your own account.")


def find_version(versions: list[Version], arn: str, version_id: str) -> Version:
    """The version of this id. Raises NoSuchEntity; facts, iam, section 10."""
    for version in versions:
        if shown_number(version.number) == version_id:
            return version
    raise NoSuchEntityException(f"Policy {arn} version {version_id} does not exist or is not attachable.")
