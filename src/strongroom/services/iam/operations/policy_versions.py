"""The versions of managed policies: five at once, ids never used again, one of them in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import targets
from strongroom.services.iam.errors import DeleteConflictException
from strongroom.services.iam.managed import AWSPolicy
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import documents, paging, quotas
from strongroom.services.iam.store import policies
from strongroom.services.iam.store.policies import Policy, Version
from strongroom.services.iam.versions import find_version, own, shown_number

AnyPolicy = Policy | AWSPolicy


@operation("CreatePolicyVersion", mode=Mode.WRITE, locate=targets.at_policy, shown=("PolicyVersion",))
def create_policy_version(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """One more version, in force at once if asked. Source: API reference, CreatePolicyVersion."""
    policy, text = own(found), call["PolicyDocument"]
    documents.checked(text, DocumentKind.IDENTITY, policy.entity.arn)
    quotas.refuse_above(quotas.MANAGED_CHARACTERS, quotas.characters(text))
    quotas.refuse_sixth_version(len(policies.versions_of(tx, policy.entity.id)))
    number = policy.last_version + 1
    version = Version(number, text, call.now)
    policies.add_version(tx, policy.entity.id, version)
    default = number if call.get("SetAsDefault") else policy.default_version
    policies.save(tx, replace(policy, last_version=number, default_version=default, updated=call.now))
    tx.raise_generation(call.account, GENERATION)
    return {"PolicyVersion": _form(version, default)}


@operation("GetPolicyVersion", mode=Mode.READ, locate=targets.at_policy)
def get_policy_version(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """One version with its document, percent-encoded. Source: API reference, GetPolicyVersion."""
    versions, default = _versions(found, tx)
    version = find_version(versions, call["PolicyArn"], call["VersionId"])
    return {"PolicyVersion": _form(version, default) | {"Document": documents.encoded(version.document)}}


@operation("ListPolicyVersions", mode=Mode.READ, locate=targets.at_policy)
def list_policy_versions(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """The versions without documents, newest first. Source: API reference, ListPolicyVersions."""
    page, (versions, default) = paging.asked_page(call), _versions(found, tx)
    shown = paging.cut(page, versions, _newest_first)
    return paging.answer_page(call, page, "Versions", shown, _newest_first, lambda one: _form(one, default))


@operation("SetDefaultPolicyVersion", mode=Mode.WRITE, locate=targets.at_policy)
def set_default_policy_version(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """Put another version into force. Source: API reference, SetDefaultPolicyVersion."""
    policy = own(found)
    version = find_version(policies.versions_of(tx, policy.entity.id), call["PolicyArn"], call["VersionId"])
    policies.save(tx, replace(policy, default_version=version.number, updated=call.now))
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("DeletePolicyVersion", mode=Mode.WRITE, locate=targets.at_policy)
def delete_policy_version(call: Call, found: AnyPolicy, tx: Transaction) -> Answer:
    """Delete a version that is not in force. Source: API reference, DeletePolicyVersion."""
    policy = own(found)
    version = find_version(policies.versions_of(tx, policy.entity.id), call["PolicyArn"], call["VersionId"])
    if version.number == policy.default_version:
        raise DeleteConflictException("Cannot delete the default version of a policy.")
    policies.remove_version(tx, policy.entity.id, version.number)
    policies.save(tx, replace(policy, updated=call.now))
    tx.raise_generation(call.account, GENERATION)
    return {}


def _versions(found: AnyPolicy, tx: Transaction) -> tuple[list[Version], int]:
    """All versions, and the number of the one in force."""
    if isinstance(found, AWSPolicy):
        return [Version(found.version, found.document, found.updated)], found.version
    return policies.versions_of(tx, found.entity.id), found.default_version


def _newest_first(version: Version) -> str:
    return f"{1_000_000_000 - version.number:010d}"


def _form(version: Version, default: int) -> dict[str, Any]:
    return {
        "VersionId": shown_number(version.number),
        "IsDefaultVersion": version.number == default,
        "CreateDate": version.created,
    }
