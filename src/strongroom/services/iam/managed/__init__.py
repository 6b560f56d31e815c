"""AWS managed policies: data, the same for every account, never in the store.

Source: AWS Managed Policy Reference Guide; what differs stands in the room's README.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources

from strongroom.base.classes import dataclass
from strongroom.kernel.authz.document import Document, DocumentKind, parse_document
from strongroom.services.iam.rules.names import AWS, POLICY, arn_of


@dataclass(frozen=True, slots=True)
class AWSPolicy:
    """One policy that AWS wrote. It has one version and cannot be changed."""

    arn: str
    id: str
    name: str
    path: str
    description: str
    created: datetime
    updated: datetime
    version: int
    document: str


@cache
def policies() -> Mapping[str, AWSPolicy]:
    """All of them by ARN, in the order of ARNs."""
    data = tomllib.loads(resources.files(__package__).joinpath("policies.toml").read_text(encoding="utf-8"))
    made = [_policy(name, entry) for name, entry in data.items()]
    return {one.arn: one for one in sorted(made, key=lambda one: one.arn)}


def policy(arn: str) -> AWSPolicy | None:
    """The policy of exactly this ARN."""
    return policies().get(arn)


@cache
def document(arn: str) -> Document | None:
    """The compiled document of a policy; compiled once a process."""
    found = policy(arn)
    return None if found is None else parse_document(found.document, DocumentKind.IDENTITY, arn)


def _policy(name: str, entry: Mapping[str, str]) -> AWSPolicy:
    path = entry.get("path", "/")
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode("ascii")
    return AWSPolicy(
        arn=arn_of(AWS, POLICY, path, name),
        id=POLICY.prefix + digest[:17],
        name=name,
        path=path,
        description=entry["description"],
        created=datetime.fromisoformat(entry["created"]),
        updated=datetime.fromisoformat(entry.get("updated", entry["created"])),
        version=1,
        document=entry["document"].strip(),
    )
