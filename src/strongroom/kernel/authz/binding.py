"""Principals of stored policies, bound to unique ids: a successor of the same name is never meant.

A policy is stored as given, with which unique id each user and role in it stood for. Decisions are made of it with
the ids in place; answers show it as given, but for who has another name now, and for the raw id of who is gone.
Source: IAM User Guide, "AWS JSON policy elements: Principal", "IAM user principals", "IAM role principals"
(facts: iam, section 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

_MARK = "bound:"  # no JSON begins so
_PERSON = re.compile(
    r"arn:aws:iam::[0-9]{12}:(?:user|role)/.+|A(?:IDA|ROA)[A-Z0-9]{12,124}"
    r"|arn:aws:sts::[0-9]{12}:assumed-role/[^/]+/[^/]+|AROA[A-Z0-9]{12,124}:[^:]+"
)


def people(text: str) -> list[str]:
    """The users, roles and sessions of roles that a (checked) policy names as principals, each once."""
    named: dict[str, None] = {}
    _replaced(orjson.loads(text), lambda name: named.setdefault(name) or name)
    return [name for name in named if is_person(name)]


def is_person(name: str) -> bool:
    """Whether a principal is a user, a role, or a session of a role (``AROA...:SESSION``), by ARN or unique id."""
    return _PERSON.fullmatch(name) is not None


def stored(text: str, ids: Mapping[str, str]) -> str:
    """What goes into the store: the policy as given, and the unique id of each person in it."""
    return f"{_MARK}{orjson.dumps(dict(ids)).decode()}\n{text}" if ids else text


def given(kept: str) -> tuple[str, dict[str, str]]:
    """A stored policy's text as it was given, and its ids."""
    if not kept.startswith(_MARK):
        return kept, {}
    ids, _, text = kept.removeprefix(_MARK).partition("\n")
    return text, orjson.loads(ids)


def meant(kept: str) -> str:
    """A stored policy as decisions are made of it: every person by unique id."""
    text, ids = given(kept)
    return with_names(text, ids)


def shown(kept: str, current: Mapping[str, str]) -> str:
    """A stored policy as it is answered. ``current``: the ARN of today of each unique id that still is somebody."""
    text, ids = given(kept)
    now = {name: current.get(unique_id, unique_id) for name, unique_id in ids.items()}
    return with_names(text, {name: one for name, one in now.items() if one != name})


def with_names(text: str, names: Mapping[str, str]) -> str:
    """A policy with other names for some of its principals; as it was where there are none."""
    if not names:
        return text
    return orjson.dumps(_replaced(orjson.loads(text), lambda name: names.get(name, name))).decode()


def _replaced(policy: dict[str, Any], replace: Callable[[str], str]) -> dict[str, Any]:
    """The policy with each ``AWS`` principal exchanged; changed in place."""
    for statement in _statements(policy):
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if isinstance(principals, dict) and "AWS" in principals:
                named = principals["AWS"]
                principals["AWS"] = replace(named) if isinstance(named, str) else [replace(one) for one in named]
    return policy


def _statements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    statements = policy["Statement"]
    yield from statements if isinstance(statements, list) else [statements]
