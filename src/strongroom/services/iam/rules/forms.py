"""Entities in the form of answers. Source: API reference, data types User, Group, Role, Policy, AccessKey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.services.iam.rules import tagging
from strongroom.services.iam.rules.names import Entity, folded

Form = dict[str, Any]


def name_key(one: Entity) -> str:
    """By what entities are listed, and what markers hold."""
    return folded(one.name)


def common(one: Entity) -> Form:
    """What every entity shows: path, name, id, ARN, date."""
    noun = one.kind.noun
    return {
        "Path": one.path,
        f"{noun}Name": one.name,
        f"{noun}Id": one.id,
        "Arn": one.arn,
        "CreateDate": one.created,
    }


def _with_tags(form: Form, tags: Mapping[str, str]) -> Form:
    if tags:
        form["Tags"] = tagging.wire_form(tags)
    return form


def _with_boundary(form: Form, boundary: str | None) -> Form:
    if boundary is not None:
        form["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": boundary,
        }
    return form


def listed_user(user: Entity) -> Form:
    """A user as lists show it."""
    return common(user)


def user(user: Entity, tags: Mapping[str, str]) -> Form:
    """A user in full. No members for tags and boundary where there are none."""
    return _with_tags(_with_boundary(common(user), user.boundary), tags)


def group(group: Entity) -> Form:
    """A group."""
    return common(group)


def listed_role(role: Entity, trust: str, max_session_s: int) -> Form:
    """A role as lists show it. ``trust``: the policy percent-encoded; ``max_session_s``: seconds."""
    form = common(role) | {"AssumeRolePolicyDocument": trust, "MaxSessionDuration": max_session_s}
    if role.description:
        form["Description"] = role.description
    return form


def role(role: Entity, trust: str, max_session_s: int, tags: Mapping[str, str], last_used: Form) -> Form:
    """A role in full."""
    form = listed_role(role, trust, max_session_s) | {"RoleLastUsed": last_used}
    return _with_tags(_with_boundary(form, role.boundary), tags)
