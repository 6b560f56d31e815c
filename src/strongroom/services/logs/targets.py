"""What a call is about: a group, or a stream in it.

Our choice, since AWS's pages leave it open: decisions name a group as ``log-group:NAME:log-stream:`` and a stream
with its name behind that, as AWS's refusals print them, so that ``log-group:NAME:*`` covers both.
"""

from __future__ import annotations

from collections.abc import Callable

from strongroom.base.names import PARTITION
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Call, Target
from strongroom.kernel.storage.port import Transaction
from strongroom.services.logs import errors, store
from strongroom.services.logs.store import Group


def group_name(call: Call) -> str:
    """The name of the group that a request means, by name or by ARN."""
    given = call.get("logGroupName") or call.get("logGroupIdentifier") or ""
    if given.startswith("arn:"):
        given = given.partition(":log-group:")[2].removesuffix(":*")
    if not given:
        raise errors.InvalidParameterException("A log group must be named.")  # our choice of words
    return str(given)


def _arn(call: Call, name: str, stream: str) -> str:
    return f"arn:{PARTITION}:logs:{call.region}:{call.account}:log-group:{name}:log-stream:{stream}"


def tag_facts(found: Group) -> dict[str, ContextValue]:
    """aws:ResourceTag of each tag."""
    return {f"aws:resourcetag/{key.lower()}": value for key, value in found.tag_map.items()}


def group_at(*, must_exist: bool = True) -> Callable[[Call, Transaction], Target]:
    """The locator of operations on a group, or on one stream of it; ``found`` is the Group."""

    def locate(call: Call, tx: Transaction) -> Target:
        name = group_name(call)
        found = store.find_group(tx, call.account, call.region, name)
        return Target(
            arn=_arn(call, name, call.get("logStreamName", "")),
            account=call.account,
            found=found,
            missing=errors.no_group() if must_exist else None,
            facts={} if found is None else tag_facts(found),
        )

    return locate


def all_groups(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The locator of DescribeLogGroups."""
    return Target(arn=_arn(call, "", ""), account=call.account)


def tagged_at(call: Call, tx: Transaction) -> Target:
    """The locator of tag operations: a group by its ARN."""
    arn = str(call["resourceArn"])
    name = arn.partition(":log-group:")[2].removesuffix(":*")
    own = arn.startswith(f"arn:{PARTITION}:logs:{call.region}:{call.account}:log-group:")
    found = store.find_group(tx, call.account, call.region, name) if own else None
    return Target(
        arn=arn,
        account=call.account,
        found=found,
        missing=errors.no_group(),
        facts={} if found is None else tag_facts(found),
    )
