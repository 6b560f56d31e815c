"""Everything of an account at once. Source: API reference, GetAccountAuthorizationDetails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed, targets
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.operations import instance_profiles as profile_operations
from strongroom.services.iam.operations import policies as policy_operations
from strongroom.services.iam.operations import roles as role_operations
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import documents, forms, paging
from strongroom.services.iam.rules.names import GROUP, ROLE, USER, Entity, Kind, folded
from strongroom.services.iam.store import entities, holdings, instance_profiles, members, policies, tags
from strongroom.services.iam.store.policies import Policy, Version
from strongroom.services.iam.versions import shown_number

_AT_ONCE = 200
# Filter -> member of the answer, in the order in which pages go on.
_LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}
_PLACES = {name: str(at) for at, name in enumerate(_LISTS)}
_Item = tuple[str, str, Any]


@operation("GetAccountAuthorizationDetails", mode=Mode.READ, locate=everything)
def get_account_authorization_details(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Users, groups, roles and managed policies with all that they hold, in pages over all of them.

    AWS's own policies are listed where they are attached to somebody, as AWS does.
    """
    page = paging.asked_page(call)
    wanted = call.get("Filter") or list(_LISTS)
    items = (
        item
        for name in _LISTS
        if name in wanted and _PLACES[name] >= page.after[:1]
        for item in _items(call, tx, name, page.after)
    )
    shown = list(islice((item for item in items if _marked(item) > page.after), page.more))
    answer = paging.answer_page(call, page, "Items", shown, _marked, lambda item: item)
    listed: dict[str, list[Any]] = {member: [] for member in _LISTS.values()}
    for name, _, one in answer.pop("Items"):
        listed[_LISTS[name]].append(_DETAILS[name](call, tx, one))
    return answer | listed


def _marked(item: _Item) -> str:
    return f"{_PLACES[item[0]]}{item[1]}"


def _items(call: Call, tx: Transaction, name: str, after: str) -> Iterator[_Item]:
    """All of one list in order, from the marker on where it lies in this list."""
    start = after[1:] if after[:1] == _PLACES[name] else ""
    if name == "AWSManagedPolicy":
        for aws in managed.policies().values():
            if holdings.count_attached(tx, call.account, aws.arn) or entities.count_bounded(tx, call.account, aws.arn):
                yield name, aws.arn, aws
    elif name == "LocalManagedPolicy":
        while block := policies.page(tx, call.account, prefix="/", after=start, most=_AT_ONCE):
            yield from ((name, folded(one.entity.name), one) for one in block)
            start = folded(block[-1].entity.name)
    else:
        kind = {"User": USER, "Group": GROUP, "Role": ROLE}[name]
        while found := entities.page(tx, call.account, kind, prefix="/", after=start, most=_AT_ONCE):
            yield from ((name, folded(one.name), one) for one in found)
            start = folded(found[-1].name)


def _held(tx: Transaction, kind: Kind, one: Entity) -> dict[str, Any]:
    return {
        f"{kind.noun}PolicyList": [
            {"PolicyName": name, "PolicyDocument": documents.encoded(text)}
            for name, text in holdings.inline_of(tx, one.id).items()
        ],
        "AttachedManagedPolicies": [
            {"PolicyName": targets.policy_name(arn).name, "PolicyArn": arn} for arn in holdings.attached_to(tx, one.id)
        ],
    }


def _user(call: Call, tx: Transaction, one: Entity) -> dict[str, Any]:  # noqa: ARG001
    groups = [group.name for group in members.groups_of(tx, one.id)]
    return forms.user(one, tags.of(tx, one.id)) | _held(tx, USER, one) | {"GroupList": groups}


def _group(call: Call, tx: Transaction, one: Entity) -> dict[str, Any]:  # noqa: ARG001
    return forms.group(one) | _held(tx, GROUP, one)


def _role(call: Call, tx: Transaction, one: Entity) -> dict[str, Any]:  # noqa: ARG001
    form = role_operations.in_full(tx, one)
    for member in ("MaxSessionDuration", "Description"):
        form.pop(member, None)
    profiles = [profile_operations.form(tx, profile) for profile in instance_profiles.of_role(tx, one)]
    return form | _held(tx, ROLE, one) | {"InstanceProfileList": profiles}


def _policy(call: Call, tx: Transaction, one: Policy | AWSPolicy) -> dict[str, Any]:
    form = policy_operations.form(call, tx, one, full=True)
    form.pop("Tags", None)
    if isinstance(one, AWSPolicy):
        versions, default = [Version(one.version, one.document, one.updated)], one.version
    else:
        versions, default = policies.versions_of(tx, one.entity.id), one.default_version
    listed = [
        {
            "Document": documents.encoded(version.document),
            "VersionId": shown_number(version.number),
            "IsDefaultVersion": version.number == default,
            "CreateDate": version.created,
        }
        for version in versions
    ]
    return form | {"PolicyVersionList": listed}


_DETAILS: dict[str, Callable[[Call, Transaction, Any], dict[str, Any]]] = {
    "User": _user,
    "Group": _group,
    "Role": _role,
    "LocalManagedPolicy": _policy,
    "AWSManagedPolicy": _policy,
}
