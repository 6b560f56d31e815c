"""Log groups: made, listed, tagged, deleted, and how long they keep their events.

Source: CloudWatch Logs API reference; facts lambda-and-others, part 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.base.clock import to_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.logs import errors, store
from strongroom.services.logs.retention import JOB
from strongroom.services.logs.room import ROOM
from strongroom.services.logs.store import Group
from strongroom.services.logs.targets import all_groups, group_at, group_name, tagged_at

LISTED_AT_ONCE = 50
TAGS_AT_MOST = 50
DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")


def tag_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """aws:RequestTag and aws:TagKeys."""
    given = call.get("tags", {})
    keys: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in given.items()}
    names = tuple(given) or tuple(call.get("tagKeys", ()))
    return keys | ({"aws:tagkeys": names} if names else {})


@ROOM.operation("CreateLogGroup", mode=Mode.WRITE, locate=group_at(must_exist=False), keys=tag_keys)
def create_log_group(call: Call, found: Group | None, tx: Transaction) -> Answer:
    """Make a group."""
    name = group_name(call)
    if found is not None:
        raise errors.ResourceAlreadyExistsException(errors.GROUP_EXISTS)
    if _NAME.fullmatch(name) is None:
        raise errors.InvalidParameterException("The log group's name has characters that no name has.")
    if call.get("kmsKeyId"):
        raise errors.InvalidParameterException(
            "kmsKeyId is not offered: events are sealed under Strongroom's own root key."
        )
    if call.get("logGroupClass", "STANDARD") != "STANDARD":
        raise errors.InvalidParameterException("Only log groups of class STANDARD are offered.")
    store.add_group(
        tx,
        {
            "account": call.account,
            "region": call.region,
            "name": name,
            "created_ms": to_ms(call.now),
            "retention_days": None,
            "tags": orjson.dumps(call.get("tags", {})).decode(),
        },
    )
    return {}


@ROOM.operation("DeleteLogGroup", mode=Mode.WRITE, locate=group_at())
def delete_log_group(call: Call, one: Group, tx: Transaction) -> Answer:  # noqa: ARG001
    """Delete a group with its events."""
    store.drop_group(tx, one.pk)
    due.cancel(tx, JOB, str(one.pk))
    return {}


@ROOM.operation("DescribeLogGroups", mode=Mode.SLOW, locate=all_groups)
def describe_log_groups(call: Call, _: Any, tx: Transaction) -> Answer:
    """Groups by name, of those that begin with a prefix."""
    if call.get("logGroupNamePattern") or call.get("accountIdentifiers") or call.get("includeLinkedAccounts"):
        raise errors.InvalidParameterException("Only logGroupNamePrefix is offered to choose groups.")
    most = min(call.get("limit", LISTED_AT_ONCE), LISTED_AT_ONCE)
    found = store.groups(
        tx,
        call.account,
        call.region,
        prefix=call.get("logGroupNamePrefix", ""),
        after=call.get("nextToken", ""),
        most=most + 1,
    )
    answer: dict[str, Any] = {"logGroups": [_shown(tx, one) for one in found[:most]]}
    if len(found) > most:
        answer["nextToken"] = found[most - 1].name
    return answer


def _shown(tx: Transaction, one: Group) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logGroupName": one.name,
        "creationTime": one.created_ms,
        "metricFilterCount": 0,
        "arn": f"{one.arn}:*",
        "logGroupArn": one.arn,
        "storedBytes": store.stored_bytes(tx, one.pk),
        "logGroupClass": "STANDARD",
    }
    return shown if one.retention_days is None else {**shown, "retentionInDays": one.retention_days}


@ROOM.operation("PutRetentionPolicy", mode=Mode.WRITE, locate=group_at())
def put_retention_policy(call: Call, one: Group, tx: Transaction) -> Answer:
    """Keep events for so many days; what is older goes at once and then every day."""
    if call["retentionInDays"] not in DAYS:
        raise errors.InvalidParameterException("The retention is not one of the days that AWS offers.")
    store.retain(tx, one.pk, call["retentionInDays"])
    due.schedule(tx, kind=JOB, key=str(one.pk), due=call.now)
    return {}


@ROOM.operation("DeleteRetentionPolicy", mode=Mode.WRITE, locate=group_at())
def delete_retention_policy(call: Call, one: Group, tx: Transaction) -> Answer:  # noqa: ARG001
    """Keep events for ever."""
    store.retain(tx, one.pk, None)
    due.cancel(tx, JOB, str(one.pk))
    return {}


@ROOM.operation("ListTagsForResource", mode=Mode.READ, locate=tagged_at)
def list_tags_for_resource(call: Call, one: Group, tx: Transaction) -> Answer:  # noqa: ARG001
    """A group's tags."""
    return {"tags": one.tag_map}


@ROOM.operation("TagResource", mode=Mode.WRITE, locate=tagged_at, keys=tag_keys)
def tag_resource(call: Call, one: Group, tx: Transaction) -> Answer:
    """Add tags, or change their values."""
    tags = one.tag_map | call["tags"]
    if len(tags) > TAGS_AT_MOST:
        raise errors.InvalidParameterException(f"A log group can have at most {TAGS_AT_MOST} tags.")
    store.write_tags(tx, one.pk, tags)
    return {}


@ROOM.operation("UntagResource", mode=Mode.WRITE, locate=tagged_at, keys=tag_keys)
def untag_resource(call: Call, one: Group, tx: Transaction) -> Answer:
    """Take tags away."""
    gone = set(call["tagKeys"])
    store.write_tags(tx, one.pk, {key: value for key, value in one.tag_map.items() if key not in gone})
    return {}
