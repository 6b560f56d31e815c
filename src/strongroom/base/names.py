"""Amazon Resource Names: split once, compared part by part."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


def is_account_id(text: str) -> bool:
    """Whether the text is a 12-digit account id."""
    return _ACCOUNT.fullmatch(text) is not None
