"""Managed policies: the account's own, and AWS's, which cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, managed, targets
from strongroom.services.iam.errors import DeleteConflictException
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import documents, paging, quotas, tagging
from strongroom.services.iam.rules.names import GROUP, POLICY, ROLE, USER, Entity, Kind, folded
from strongroom.services.iam.store import entities, holdings, policies, tags
from strongroom.services.iam.store.policies import Policy
from strongroom.services.iam.versions import own, shown_number

AnyPolicy = Policy | AWSPolicy
_FIRST = 1
_AT_ONCE = 200


@operation(
    "CreatePolicy",
    mode=Mode.WRITE,
    locate=targets.to_be_made(POLICY),
    keys=targets.tags_asked,
    shown=("Policy",),
)
def create_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new managed policy with version v1. Source: API reference, CreatePolicy."""
    text = call["PolicyDocument"]
    documents.checked(text, DocumentKind.IDENTITY, call["PolicyName"])
    quotas.refuse_above(quotas.MANAGED_CHARACTERS, quotas.characters(text))
    entity = making.make(call, tx, POLICY, description=call.get("Description"))
    policy = Policy(entity, call.now, _FIRST, _FIRST)
    policies.add(tx, policy, text)
    making.tag_new(call, tx, entity)
    tx.raise_generation(call.account, GENERATION)
    return {"Policy": form(call, tx, policy, full=True)}


@operation("GetPolicy", mode=Mode.READ, locate=targets.at_policy)
def get_policy(call: Call, policy: AnyPolicy, tx: Transaction) -> Answer:
    """A managed policy without its document. Source: API reference, GetPolicy."""
    return {"Policy": form(call, tx, policy, full=True)}


@operation("ListPolicies", mode=Mode.READ, locate=targets.listing_of(POLICY))
def list_policies(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Managed policies by name, without description and tags. Source: API reference, ListPolicies."""
    page = paging.asked_page(call)
    scope, wanted = call.get("Scope", "All"), _Wanted(call, tx)
    shown: list[AnyPolicy] = []
    if scope != "AWS":
        shown += _first(page.more, (one for one in _local(call, tx, page.after) if wanted.has(_arn(one))))
    if scope != "Local":
        prefix = call.get("PathPrefix", "/")
        shown += [one for one in managed.policies().values() if one.path.startswith(prefix) and wanted.has(one.arn)]
    return paging.answer_page(
        call,
        page,
        "Policies",
        paging.cut(page, shown, _listed_by),
        _listed_by,
        lambda one: form(call, tx, one),
    )


@operation("DeletePolicy", mode=Mode.WRITE, locate=targets.at_policy)
def delete_policy(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """Delete a policy that is attached nowhere and has one version. Source: API reference, DeletePolicy."""
    policy = own(found)
    arn = policy.entity.arn
    if holdings.count_attached(tx, call.account, arn) or entities.count_bounded(tx, call.account, arn):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policies.versions_of(tx, policy.entity.id)) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
    tags.remove_all(tx, policy.entity.id)
    policies.remove(tx, policy)
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("ListEntitiesForPolicy", mode=Mode.READ, locate=targets.at_policy)
def list_entities_for_policy(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:  # noqa: ARG001
    """Who has a policy, as permissions or as boundary. Source: API reference, ListEntitiesForPolicy."""
    page, arn = paging.asked_page(call), call["PolicyArn"]
    usage, prefix, only = call.get("PolicyUsageFilter"), call.get("PathPrefix", "/"), call.get("EntityFilter")
    holders: list[Entity] = []
    if usage != "PermissionsBoundary":
        holders += holdings.holders_of(tx, call.account, arn)
    if usage != "PermissionsPolicy":
        holders += entities.bounded(tx, call.account, arn)
    wanted = {one.id: one for one in holders if one.path.startswith(prefix) and only in (None, one.kind.noun)}
    paged = paging.cut(page, wanted.values(), _by_kind)
    answer = paging.answer_page(call, page, "Listed", paged, _by_kind, lambda one: one)
    listed: list[Entity] = answer.pop("Listed")
    return answer | {f"Policy{kind.noun}s": _holders(kind, listed) for kind in (GROUP, USER, ROLE)}


class _Wanted:
    """Which policies the filters of ListPolicies let through."""

    def __init__(self, call: Call, tx: Transaction) -> None:
        self._call, self._tx = call, tx
        self._usage = call.get("PolicyUsageFilter")
        self._attached_only = bool(call.get("OnlyAttached"))

    def has(self, arn: str) -> bool:
        """Whether a policy is listed."""
        if not self._attached_only and self._usage is None:
            return True
        attached = holdings.count_attached(self._tx, self._call.account, arn)
        bounding = entities.count_bounded(self._tx, self._call.account, arn)
        counted = {"PermissionsPolicy": attached, "PermissionsBoundary": bounding}
        return bool(attached + bounding if self._usage is None else counted[self._usage])


def _local(call: Call, tx: Transaction, after: str) -> Iterator[Policy]:
    """The account's own policies under the path, by name, read in blocks."""
    prefix = call.get("PathPrefix", "/")
    after = after.partition(" ")[0]
    while True:
        block = policies.page(tx, call.account, prefix=prefix, after=after, most=_AT_ONCE)
        yield from block
        if len(block) < _AT_ONCE:
            return
        after = folded(block[-1].entity.name)


def _first(count: int, policies_found: Iterator[Policy]) -> list[Policy]:
    return [one for one, _ in zip(policies_found, range(count), strict=False)]


def _holders(kind: Kind, listed: list[Entity]) -> list[dict[str, Any]]:
    return [{kind.member: one.name, f"{kind.noun}Id": one.id} for one in listed if one.kind is kind]


def _by_kind(one: Entity) -> str:
    return f"{one.kind.word} {folded(one.name)}"


def _arn(one: AnyPolicy) -> str:
    return one.arn if isinstance(one, AWSPolicy) else one.entity.arn


def _listed_by(one: AnyPolicy) -> str:
    """By name; of two with one name, the account's own first."""
    return f"{folded(one.name)} aws" if isinstance(one, AWSPolicy) else folded(one.entity.name)


def form(call: Call, tx: Transaction, one: AnyPolicy, *, full: bool = False) -> dict[str, Any]:
    """A managed policy as answers show it. Source: API reference, data type Policy."""
    arn = _arn(one)
    about: AWSPolicy | Entity = one if isinstance(one, AWSPolicy) else one.entity
    shown: dict[str, Any] = {
        "PolicyName": about.name,
        "PolicyId": about.id,
        "Arn": arn,
        "Path": about.path,
        "DefaultVersionId": shown_number(one.version if isinstance(one, AWSPolicy) else one.default_version),
        "AttachmentCount": holdings.count_attached(tx, call.account, arn),
        "PermissionsBoundaryUsageCount": entities.count_bounded(tx, call.account, arn),
        "IsAttachable": True,
        "CreateDate": about.created,
        "UpdateDate": one.updated,
    }
    if full:
        if about.description:
            shown["Description"] = about.description
        held = {} if isinstance(one, AWSPolicy) else tags.of(tx, about.id)
        if held:
            shown["Tags"] = tagging.wire_form(held)
    return shown
