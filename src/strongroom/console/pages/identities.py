"""Users, roles and policies of the account: lists, one of each, and the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from strongroom.console.visit import Refused, Reply, Stop, Visit
from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.authz.lint import lint

A_PAGE = 50
VERSIONS_AT_MOST = 5
KINDS = {"users": "Users", "roles": "Roles", "policies": "Policies"}
_LISTS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "users": ("ListUsers", "Users", {}),
    "roles": ("ListRoles", "Roles", {}),
    "policies": ("ListPolicies", "Policies", {"Scope": "Local"}),
}


def listed(visit: Visit) -> Reply:
    """One page of users, roles or policies."""
    kind = visit.asked("kind") if visit.asked("kind") in _LISTS else "users"
    operation, member, more = _LISTS[kind]
    answer = visit.ask("iam", operation, MaxItems=A_PAGE, Marker=visit.asked("marker") or None, **more)
    return visit.page(
        "identities.html",
        kind=kind,
        kinds=KINDS,
        found=answer[member],
        next=answer.get("Marker") if answer.get("IsTruncated") else None,
        said=visit.asked("said"),
    )


def _page(visit: Visit, kind: str, name: str, *, status: int = 200, **more: Any) -> Reply:
    told: dict[str, Any] = {"refusal": None, "result": None, "asked": ("", "")} | more
    page = {"users": _user, "roles": _role, "policies": _policy}[kind]
    said = visit.asked("said") if visit.request.method == "GET" else ""
    return visit.page("identity.html", status=status, kind=kind, kinds=KINDS, said=said, **page(visit, name), **told)


def looked_at(visit: Visit) -> Reply:
    """One user, role or policy."""
    kind = visit.asked("kind")
    if kind not in _LISTS:
        return visit.page("missing.html", status=404)
    return _page(visit, kind, visit.asked("name"))


def _user(visit: Visit, name: str) -> dict[str, Any]:
    one = visit.ask("iam", "GetUser", UserName=name)["User"]
    return {
        "one": one,
        "name": one["UserName"],
        "attached": _part(visit, "ListAttachedUserPolicies", "AttachedPolicies", UserName=name),
        "inline": _inline(visit, "User", name),
        "groups": _part(visit, "ListGroupsForUser", "Groups", UserName=name),
        "keys": _part(visit, "ListAccessKeys", "AccessKeyMetadata", UserName=name),
        "devices": _part(visit, "ListMFADevices", "MFADevices", UserName=name),
        "password": visit.attempt("iam", "GetLoginProfile", UserName=name),
        "document": None,
    }


def _role(visit: Visit, name: str) -> dict[str, Any]:
    one = visit.ask("iam", "GetRole", RoleName=name)["Role"]
    return _nobody() | {
        "one": one,
        "name": one["RoleName"],
        "attached": _part(visit, "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name),
        "inline": _inline(visit, "Role", name),
        "document": unquote(one["AssumeRolePolicyDocument"]),
    }


def _policy(visit: Visit, arn: str) -> dict[str, Any]:
    one = visit.ask("iam", "GetPolicy", PolicyArn=arn)["Policy"]
    version = visit.ask("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=one["DefaultVersionId"])["PolicyVersion"]
    return _nobody() | {"one": one, "name": one["PolicyName"], "document": unquote(version["Document"])}


def _nobody() -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(("attached", "inline", "groups", "keys", "devices"), ())
    return empty | {"password": None}


def _part(visit: Visit, operation: str, member: str, **asked: str) -> Sequence[Any]:
    """One part of a page; nothing where it is refused, which the record tells."""
    answer = visit.attempt("iam", operation, **asked)
    return () if isinstance(answer, Refused) else answer[member]


def _inline(visit: Visit, noun: str, name: str) -> list[tuple[str, str]]:
    named = {f"{noun}Name": name}
    found = []
    for policy in _part(visit, f"List{noun}Policies", "PolicyNames", **named):
        answer = visit.attempt("iam", f"Get{noun}Policy", PolicyName=policy, **named)
        found.append((policy, "" if isinstance(answer, Refused) else unquote(answer["PolicyDocument"])))
    return found


# ---------------------------------------------------------------------- changes


def changed(visit: Visit) -> Reply:
    """One of the changes; then the page of whom it was about."""
    act, kind, name = visit.path["act"], visit.field("of"), visit.field("name")
    change = _ACTS.get((kind, act))
    if change is None:
        return visit.page("missing.html", status=404)
    try:
        change(visit, name)
    except Refused as refusal:
        if act in ("create", "delete"):
            raise
        return _page(visit, kind, name, status=400, refusal=refusal)
    if act == "delete":
        return visit.go(visit.url("identities", kind=kind, said="removed"))
    return visit.go(visit.url("identity", kind=kind, name=name, said="saved"))


def _create_user(visit: Visit, name: str) -> None:
    visit.ask("iam", "CreateUser", UserName=name)


def _delete_user(visit: Visit, name: str) -> None:
    visit.ask("iam", "DeleteUser", UserName=name)


def _set_password(visit: Visit, name: str) -> None:
    there = visit.attempt("iam", "GetLoginProfile", UserName=name)
    operation = "CreateLoginProfile" if isinstance(there, Refused) else "UpdateLoginProfile"
    reset = bool(visit.field("reset"))
    visit.ask("iam", operation, UserName=name, Password=visit.raw("password"), PasswordResetRequired=reset)


def _drop_password(visit: Visit, name: str) -> None:
    visit.ask("iam", "DeleteLoginProfile", UserName=name)


def _key_status(visit: Visit, name: str) -> None:
    status = "Active" if visit.field("status") == "Active" else "Inactive"
    visit.ask("iam", "UpdateAccessKey", UserName=name, AccessKeyId=visit.field("key"), Status=status)


def _attach(visit: Visit, name: str) -> None:
    noun = _noun(visit)
    visit.ask("iam", f"Attach{noun}Policy", PolicyArn=visit.field("policy_arn"), **{f"{noun}Name": name})


def _detach(visit: Visit, name: str) -> None:
    noun = _noun(visit)
    visit.ask("iam", f"Detach{noun}Policy", PolicyArn=visit.field("policy_arn"), **{f"{noun}Name": name})


def _put_inline(visit: Visit, name: str) -> None:
    noun = _noun(visit)
    given = {f"{noun}Name": name, "PolicyName": visit.field("policy_name"), "PolicyDocument": visit.raw("policy")}
    visit.ask("iam", f"Put{noun}Policy", **given)


def _create_role(visit: Visit, name: str) -> None:
    visit.ask("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=visit.raw("policy"))


def _set_trust(visit: Visit, name: str) -> None:
    visit.ask("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=visit.raw("policy"))


def _create_policy(visit: Visit, name: str) -> None:
    """A managed policy; then its own page, whose address has its ARN."""
    made = visit.ask("iam", "CreatePolicy", PolicyName=name, PolicyDocument=visit.raw("policy"))
    raise Stop(visit.go(visit.url("identity", kind="policies", name=made["Policy"]["Arn"], said="saved")))


def _new_version(visit: Visit, arn: str) -> None:
    """Another default version. AWS keeps five, so the oldest that is not the default makes room, unless for nothing."""
    _, faults = lint(visit.raw("policy"), {}, DocumentKind.IDENTITY)
    sound = not any(one.level == "error" for one in faults)
    versions = visit.ask("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]
    if sound and len(versions) >= VERSIONS_AT_MOST:
        oldest = min((one for one in versions if not one["IsDefaultVersion"]), key=lambda one: one["CreateDate"])
        visit.ask("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=oldest["VersionId"])
    visit.ask("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=visit.raw("policy"), SetAsDefault=True)


def _simulate(visit: Visit, name: str) -> None:
    """Whether a user or role may do something, and which statements say so."""
    noun = _noun(visit)
    arn = visit.ask("iam", f"Get{noun}", **{f"{noun}Name": name})[noun]["Arn"]
    action, resource = visit.field("action"), visit.field("resource") or "*"
    answer = visit.ask(
        "iam", "SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource]
    )
    kind = visit.field("of")
    raise Stop(_page(visit, kind, name, result=answer["EvaluationResults"], asked=(action, resource)))


def _noun(visit: Visit) -> str:
    return "User" if visit.field("of") == "users" else "Role"


_OF_BOTH = {"attach": _attach, "detach": _detach, "inline": _put_inline, "simulate": _simulate}
_ACTS = {
    ("users", "create"): _create_user,
    ("users", "delete"): _delete_user,
    ("roles", "create"): _create_role,
    ("roles", "trust"): _set_trust,
    ("policies", "create"): _create_policy,
    ("policies", "version"): _new_version,
    ("users", "password"): _set_password,
    ("users", "password-drop"): _drop_password,
    ("users", "key"): _key_status,
    **{(kind, act): change for kind in ("users", "roles") for act, change in _OF_BOTH.items()},
}

PAGES = (
    ("GET", "/console/{region}/identities", listed),
    ("GET", "/console/{region}/identity", looked_at),
    ("POST", "/console/{region}/identity/{act}", changed),
)
