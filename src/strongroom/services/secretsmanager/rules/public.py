"""Whether a resource policy opens a secret to everybody, for BlockPublicPolicy and ValidateResourcePolicy.

Public is an Allow for ``*`` that no condition narrows to fixed values.

Source: facts secretsmanager section 11.3 ("What counts as public"): AWS's own rules are not published, so
this is
Our choice, on the strict side: a condition that is not surely narrowing leaves the statement public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# DIFFERS: broad access.
BROAD_ACCESS = "You can't attach a resource-based policy that allows broad access to the secret."

NARROWING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpcsourceip",
    }
)
NARROWING_OPERATORS = frozenset(
    {
        "arnequals",
        "arnlike",
        "stringequals",
        "stringequalsignorecase",
        "stringlike",
        "ipaddress",
    }
)


def allows_everybody(policy: Mapping[str, Any]) -> bool:
    """Whether some Allow statement of a parsed policy is public."""
    statements = policy.get("Statement", ())
    if isinstance(statements, Mapping):
        statements = (statements,)
    return any(_is_public(statement) for statement in statements)


def _is_public(statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    # NotPrincipal in an Allow means everybody but a few.
    if "NotPrincipal" not in statement and not _names_everybody(statement.get("Principal")):
        return False
    return not _is_narrowed(statement.get("Condition") or {})


def _names_everybody(principal: object) -> bool:
    if isinstance(principal, Mapping):
        return any(_names_everybody(value) for value in principal.values())
    if isinstance(principal, list):
        return "*" in principal
    return principal == "*"


def _is_narrowed(conditions: Mapping[str, Any]) -> bool:
    for operator, tests in conditions.items():
        if operator.lower() not in NARROWING_OPERATORS or not isinstance(tests, Mapping):
            continue
        for key, values in tests.items():
            listed = values if isinstance(values, list) else [values]
            if key.lower() in NARROWING_KEYS and listed and not any(_is_open(str(value)) for value in listed):
                return True
    return False


def _is_open(value: str) -> bool:
    """Whether a value pins nothing: a lone wildcard, a variable of the caller's, an ARN of any account."""
    if "${" in value or not value.strip("*?"):
        return True
    if value.startswith("arn:"):
        parts = value.split(":", 5)
        return len(parts) < 6 or (not parts[4].strip("*?") and not parts[5].strip("*?"))
    return value in {"0.0.0.0/0", "::/0"}
