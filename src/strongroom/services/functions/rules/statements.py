"""Statements of a function's resource policy, as AddPermission makes them.

Source: facts lambda-and-others, section 1.4 (captured).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from strongroom.services.functions import errors

MOST_BYTES = 20_480
_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|user/.+|role/.+|assumed-role/.+)")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")


def statement_of(asked: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """The statement that AddPermission's parameters mean. Raises InvalidParameterValueException."""
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in asked:
        conditions.setdefault("ArnLike", {})["AWS:SourceArn"] = asked["SourceArn"]
    for member, key in (
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ):
        if member in asked:
            conditions.setdefault("StringEquals", {})[key] = asked[member]
    made: dict[str, Any] = {
        "Sid": asked["StatementId"],
        "Effect": "Allow",
        "Principal": principal_of(asked["Principal"]),
        "Action": asked["Action"],
        "Resource": arn,
    }
    return made | ({"Condition": conditions} if conditions else {})


def principal_of(given: str) -> str | dict[str, str]:
    """The Principal element: a service, an account, a user or role, or everybody."""
    if given == "*":
        return "*"
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if _ARN.fullmatch(given):
        return {"AWS": given}
    if _SERVICE.fullmatch(given):
        return {"Service": given}
    raise errors.invalid(errors.BAD_PRINCIPAL)
