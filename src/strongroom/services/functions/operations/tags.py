"""Tags of functions, and how many invocations of one may run at once.

Source: API reference, TagResource, ListTags, UntagResource, PutFunctionConcurrency; facts lambda-and-others, 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.operations.functions import RESOURCE_TYPE
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.rules.identifiers import read_function
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Function
from strongroom.services.functions.targets import Found, function_at, tag_facts

TAGS_AT_MOST = 50


def tagged_at(call: Call, tx: Transaction) -> Target:
    """The locator of tag operations: a function by its ARN. ``found`` is the Function."""
    ref = read_function(call["Resource"], None, account=call.account, region=call.region)
    function = store.find(tx, ref.account, ref.region, ref.name)
    if function is None:
        return Target(arn=ref.arn, account=ref.account, named=ref.arn, missing=errors.no_such_function(ref.arn))
    return Target(
        arn=function.arn,
        account=function.account,
        found=function,
        named=function.arn,
        facts=tag_facts(function.tag_map),
    )


def tag_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """aws:RequestTag and aws:TagKeys."""
    given = call.get("Tags", {})
    keys: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in given.items()}
    keys["aws:tagkeys"] = tuple(given) or tuple(call.get("TagKeys", ()))
    return keys


@ROOM.operation("TagResource", mode=Mode.WRITE, locate=tagged_at, keys=tag_keys, resource_type=RESOURCE_TYPE)
def tag_resource(call: Call, function: Function, tx: Transaction) -> Answer:
    """Add tags, or change their values."""
    tags = function.tag_map | call["Tags"]
    if len(tags) > TAGS_AT_MOST:
        raise errors.invalid(f"A function can have at most {TAGS_AT_MOST} tags.")  # our choice of words
    store.write_tags(tx, function.pk, tags)
    return {}


@ROOM.operation("UntagResource", mode=Mode.WRITE, locate=tagged_at, keys=tag_keys, resource_type=RESOURCE_TYPE)
def untag_resource(call: Call, function: Function, tx: Transaction) -> Answer:
    """Take tags away; those that are not there do not matter."""
    gone = set(call["TagKeys"])
    store.write_tags(tx, function.pk, {key: value for key, value in function.tag_map.items() if key not in gone})
    return {}


@ROOM.operation("ListTags", mode=Mode.READ, locate=tagged_at)
def list_tags(call: Call, function: Function, tx: Transaction) -> Answer:  # noqa: ARG001
    """A function's tags."""
    return {"Tags": function.tag_map}


# ---------------------------------------------------------------------- reserved concurrency


@ROOM.operation(
    "PutFunctionConcurrency",
    mode=Mode.WRITE,
    locate=function_at,
    shown=("ReservedConcurrentExecutions",),
    resource_type=RESOURCE_TYPE,
)
def put_function_concurrency(call: Call, found: Found, tx: Transaction) -> Answer:
    """Bound how many invocations run at once, on each node; 0 stops the function."""
    store.reserve(tx, found.function.pk, call["ReservedConcurrentExecutions"])
    return {"ReservedConcurrentExecutions": call["ReservedConcurrentExecutions"]}


@ROOM.operation("GetFunctionConcurrency", mode=Mode.READ, locate=function_at)
def get_function_concurrency(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """The bound; empty where there is none."""
    reserved = found.function.reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@ROOM.operation("DeleteFunctionConcurrency", mode=Mode.WRITE, locate=function_at, resource_type=RESOURCE_TYPE)
def delete_function_concurrency(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """Take the bound away."""
    store.reserve(tx, found.function.pk, None)
    return {}
