"""Amazon Resource Names: split once, compared part by part."""

from __future__ import annotations

import re

from strongroom.base.classes import dataclass

PARTITION = "aws"
_ACCOUNT = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class ARN:
    """One resource name in its six parts; ``resource`` keeps its own colons and slashes.

    Source: IAM User Guide, "Identify AWS resources with Amazon Resource Names".
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse_arn(text: str) -> ARN | None:
    """The parts of an ARN, or None where the text has fewer than six."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return ARN(*parts[1:])


def role_session_arn(account: str, role_name: str, session_name: str) -> str:
    """The ARN of a role session, which leaves the role's path out.

    Source: IAM User Guide, "IAM identifiers".
    """
    return f"arn:{PARTITION}:sts::{account}:assumed-role/{role_name}/{session_name}"


def federated_user_arn(account: str, name: str) -> str:
    """The ARN of a federated user's session. Source: as role_session_arn."""
    return f"arn:{PARTITION}:sts::{account}:federated-user/{name}"


def is_account_id(text: str) -> bool:
    """Whether the text is a 12-digit account id."""
    return _ACCOUNT.fullmatch(text) is not None
