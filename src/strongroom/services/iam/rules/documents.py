"""Policy documents on their way in and out: judged by ``authz``, kept as given, shown percent-encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from strongroom.kernel.authz.document import Document, DocumentKind, PolicyError, parse_document
from strongroom.services.iam.errors import MalformedPolicyDocumentException
from strongroom.services.iam.rules.names import ROLE, USER, parse_entity_arn


def checked(text: str, kind: DocumentKind, label: str) -> Document:
    """The compiled document. Raises MalformedPolicyDocumentException in AWS's words."""
    try:
        return parse_document(text, kind, label)
    except PolicyError as fault:
        raise MalformedPolicyDocumentException(str(fault)) from None


def encoded(text: str) -> str:
    """A stored document as IAM answers it. Source: API reference, GetUserPolicy: URL-encoded, RFC 3986."""
    return quote(text, safe="")


def named_principals(text: str) -> list[str]:
    """The users and roles that a (checked) trust policy names by ARN, each once."""
    named: dict[str, None] = {}
    _principals_replaced(orjson.loads(text), lambda arn: named.setdefault(arn) or arn)
    return [arn for arn in named if _is_person(arn)]


def bound(text: str, ids: Mapping[str, str]) -> str:
    """A trust policy whose users and roles are named by unique id, so that a successor of the same name is
    not meant.

    Source: IAM User Guide, "AWS JSON policy elements: Principal", "IAM user principals".
    """
    return orjson.dumps(_principals_replaced(orjson.loads(text), lambda arn: ids.get(arn, arn))).decode()


def shown(text: str, current: Mapping[str, str]) -> str:
    """A trust policy as it is answered: as given, but for principals that have another name now or are gone.

    ``current``: each ARN that was given, and what stands there now: the ARN of today, or the raw unique id
    where the entity is gone. Source: as ``bound``.
    """
    changed = {arn: now for arn, now in current.items() if arn != now}
    return bound(text, changed) if changed else text


def _is_person(arn: str) -> bool:
    name = parse_entity_arn(arn)
    return name is not None and name.kind in (USER, ROLE)


def _principals_replaced(policy: dict[str, Any], replace: Callable[[str], str]) -> dict[str, Any]:
    """The policy with each ``AWS`` principal exchanged; changed in place."""
    for statement in _listed(policy["Statement"]):
        principals = statement.get("Principal")
        if isinstance(principals, dict) and "AWS" in principals:
            given = principals["AWS"]
            principals["AWS"] = replace(given) if isinstance(given, str) else [replace(arn) for arn in given]
    return policy


def _listed(statements: Any) -> Iterator[dict[str, Any]]:
    yield from statements if isinstance(statements, list) else [statements]
