"""What nobody uses, and what is about to go wrong: findings about an account's access. Source: issue 7, point 4.

Action: strongroom:ReportRead. Rooms are asked as by WhoCan, not with the caller's rights in them: names, descriptions
and dates are told, never values. Our choice: docs/decisions/0050-report-of-access.md.

    secrets      UnusedSecret: no version read for so long
    principals   UnusedPrincipal: no call for so long; else UnusedPermissions, service by service
    rotations    OverdueRotation: the next one should have been
    keys         KeyNearDeletion: scheduled, with what could not be read any more
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms
from strongroom.base.refusals import Answerable
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Operation, PrincipalSource, Registry, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail.find import NoIndex
from strongroom.kernel.trail.lookup import Trail
from strongroom.kernel.trail.uses import ANYTHING
from strongroom.services.local import errors, permissions

PAGE = 50
UNUSED_SECONDS = 90 * 86400
"""As IAM Access Analyzer's usual. Source: IAM User Guide, "Findings for unused access"."""
_NEAR_DELETION = ("PendingDeletion", "PendingReplicaDeletion")


@dataclass(frozen=True, slots=True)
class _Page:
    """``looked_at``: how many things it is about. ``after``: where the next one begins; None at the end."""

    findings: Sequence[Mapping[str, Any]]
    looked_at: int
    after: str | None
    more: Mapping[str, Any]


def declare(room: Room, registry: Registry, trail: Trail) -> None:
    """Declare the operation."""
    parts: Mapping[str, Callable[[Call, Transaction, datetime], _Page]] = {
        "secrets": lambda call, tx, before: _secrets(registry, call, tx, before),
        "principals": lambda call, tx, before: _Principals(registry, trail, call, tx).page(before),
        "rotations": lambda call, tx, _: _rotations(registry, call, tx),
        "keys": lambda call, tx, _: _keys(registry, call, tx),
    }

    @room.operation("AccessReport", mode=Mode.SLOW, action="strongroom:ReportRead")
    def access_report(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """A page of one part of the report."""
        before = call.now - timedelta(seconds=call.get("UnusedForSeconds", UNUSED_SECONDS))
        try:
            page = parts[call["Part"]](call, tx, before)
        except NoIndex:
            raise errors.IndexNotReadyException("The index of events is being made. Please try again.") from None
        answer = {
            "Account": call.account,
            "Now": call.now,
            "Findings": list(page.findings),
            "LookedAt": page.looked_at,
            **page.more,
        }
        return answer if page.after is None else {**answer, "After": page.after}


def _asked(registry: Registry, call: Call, tx: Transaction, service: str, name: str, **params: Any) -> Answer:
    """What a room's reading operation answers for the account; a page's mark is the room's own, and sealed."""
    operation: Operation = registry.rooms[service].operations[name]
    asked = replace(call, service=service, name=name, params={k: v for k, v in params.items() if v is not None})
    try:
        return operation.handle(asked, operation.locate(asked, tx).found, tx)
    except Answerable as refusal:
        raise errors.CannotTellException(refusal.message) from None


def _secrets(registry: Registry, call: Call, tx: Transaction, before: datetime) -> _Page:
    listed = _asked(registry, call, tx, "secretsmanager", "ListSecrets", MaxResults=PAGE, NextToken=call.get("After"))
    findings = []
    for one in listed["SecretList"]:
        # The date of a read has no hour: its whole day counts as use.
        last = one.get("LastAccessedDate")
        used = one["CreatedDate"] if last is None else last + timedelta(days=1)
        if used < before:
            findings.append(
                _told("UnusedSecret", one["ARN"], one["Name"], one.get("Description"), one["CreatedDate"], last)
            )
    return _Page(findings, len(listed["SecretList"]), listed.get("NextToken"), {})


def _rotations(registry: Registry, call: Call, tx: Transaction) -> _Page:
    if registry.rotations is None:
        raise errors.CannotTellException("No room here has rotations.")
    page = registry.rotations.page(call, tx, call.get("After", ""), PAGE)
    findings = [
        {
            **_told("OverdueRotation", one.arn, one.name, None, None, one.last),
            "Due": one.next,
            "State": one.state or "never begun",
        }
        for one in page
        if one.enabled and one.next is not None and one.next < call.now
    ]
    return _Page(findings, len(page), page[-1].name if len(page) == PAGE else None, {})


def _keys(registry: Registry, call: Call, tx: Transaction) -> _Page:
    listed = _asked(registry, call, tx, "kms", "ListKeys", Limit=PAGE, Marker=call.get("After"))
    findings = []
    for one in listed["Keys"]:
        key = _asked(registry, call, tx, "kms", "DescribeKey", KeyId=one["KeyArn"])["KeyMetadata"]
        if key["KeyState"] not in _NEAR_DELETION:
            continue
        lost = registry.dependents_of(tx, call.account, key["Arn"], 1)
        told = _told("KeyNearDeletion", key["Arn"], key["KeyId"], key.get("Description"), key["CreationDate"], None)
        told |= {"State": key["KeyState"], "Dependents": lost.count + lost.elsewhere}
        findings.append(told | ({"Due": key["DeletionDate"]} if "DeletionDate" in key else {}))
    return _Page(findings, len(listed["Keys"]), listed.get("NextMarker"), {})


class _Principals:
    """Users and roles of one account, and what of their permissions nobody has used."""

    def __init__(self, registry: Registry, trail: Trail, call: Call, tx: Transaction) -> None:
        if registry.principals is None:
            raise RuntimeError("no room knows principals")
        self.source: PrincipalSource = registry.principals
        self.known = permissions.known(registry)
        self.trail, self.call, self.tx = trail, call, tx

    def page(self, before: datetime) -> _Page:
        """The principals that come after an ARN, in the order of their ARNs."""
        after, account = self.call.get("After", ""), self.call.account
        # Asked once a page, so that a page is whole even while principals come and go.
        behind = not self.trail.caught_up()
        everyone = sorted(self.source.everyone(self.tx, account), key=lambda one: one.entity_arn)
        rest = [one for one in everyone if one.entity_arn > after]
        page = rest[:PAGE]
        uses = self.source.last_uses(self.tx, page)
        findings = [
            found for one in page if one.unique_id in uses for found in self._of(one, uses[one.unique_id], before)
        ]
        oldest = self.trail.oldest_ms(account)
        more: dict[str, Any] = {"RecordsBehind": behind}
        if oldest is not None:
            more["RecordsSince"] = from_ms(oldest)
        return _Page(findings, len(page), page[-1].entity_arn if len(rest) > PAGE else None, more)

    def _of(
        self, one: Principal, life: tuple[datetime, datetime | None], before: datetime
    ) -> Iterator[Mapping[str, Any]]:
        created, last = life
        if created >= before:
            return
        seen = self.trail.uses(self.call.account, one.unique_id)
        if ANYTHING in seen:
            last = max(from_ms(seen[ANYTHING]), last or created)
        told = _told("UnusedPrincipal", one.entity_arn, one.name, None, created, last)
        if last is None or last < before:
            yield told
            return
        policies = self.source.policies(self.tx, one)
        for service, granted in permissions.granted(policies, self.known).items():
            never = [action for action in granted.actions if not self.known[action].intersection(seen)]
            if never:
                yield {
                    **told,
                    "Kind": "UnusedPermissions",
                    "Service": service,
                    "Permissions": never,
                    "Used": len(granted.actions) - len(never),
                    "Policies": granted.policies,
                }


def _told(
    kind: str, resource: str, name: str, description: str | None, created: datetime | None, last: datetime | None
) -> dict[str, Any]:
    given = {
        "Kind": kind,
        "Resource": resource,
        "Name": name,
        "Description": description,
        "Created": created,
        "LastUsed": last,
    }
    return {member: value for member, value in given.items() if value is not None}
