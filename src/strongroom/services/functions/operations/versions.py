"""Versions and aliases.

Source: API reference, PublishVersion, ListVersionsByFunction, CreateAlias and its like.
"""

from __future__ import annotations

import re
from typing import Any

from strongroom.base.entropy import uuid4
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.operations.functions import LISTED_AT_ONCE, RESOURCE_TYPE, SHOWN, refuse_revision
from strongroom.services.functions.publishing import publish
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.shown import configuration
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Alias, Function
from strongroom.services.functions.targets import POLICY_KIND, Found, function_at, version_of

_NAME = re.compile(r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)")


@ROOM.operation("PublishVersion", mode=Mode.WRITE, locate=function_at, shown=SHOWN, resource_type=RESOURCE_TYPE)
def publish_version(call: Call, found: Found, tx: Transaction) -> Answer:
    """Publish $LATEST, if it is still what the caller means."""
    refuse_revision(call, found.version)
    if call.get("CodeSha256") not in (None, "", found.version.code_sha256):
        raise errors.invalid(
            f"CodeSHA256 ({call['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
            f"({found.version.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    made = publish(call, tx, found.function, description=call.get("Description"))
    return configuration(call, found.function, made, qualified=True)


@ROOM.operation("ListVersionsByFunction", mode=Mode.READ, locate=function_at)
def list_versions(call: Call, found: Found, tx: Transaction) -> Answer:
    """$LATEST and the published versions, by number, without environments (as in ListFunctions)."""
    most = min(call.get("MaxItems", LISTED_AT_ONCE), LISTED_AT_ONCE)
    after = _number(call.get("Marker"))
    listed = store.versions(tx, found.function.pk, after=after, most=most + 1)
    answer: dict[str, Any] = {
        "Versions": [
            configuration(call, found.function, one._replace(environment=None), qualified=True) for one in listed[:most]
        ]
    }
    if len(listed) > most:
        answer["NextMarker"] = str(listed[most - 1].number)
    return answer


def _number(marker: str | None) -> int:
    if marker is None or marker == "":
        return -1
    if not marker.isascii() or not marker.isdigit() or len(marker) > 9:
        raise errors.invalid("Invalid Marker.")  # our choice of words
    return int(marker)


# ---------------------------------------------------------------------- aliases


@ROOM.operation(
    "CreateAlias", mode=Mode.WRITE, locate=function_at, shown=("AliasArn", "Name"), resource_type=RESOURCE_TYPE
)
def create_alias(call: Call, found: Found, tx: Transaction) -> Answer:
    """Name a version."""
    function, name = found.function, call["Name"]
    if _NAME.fullmatch(name) is None:
        raise errors.invalid(f"{name} is not a valid alias name.")  # the model says so too; our choice of words
    _refuse_routing(call)
    if store.alias_at(tx, function.pk, name) is not None:
        raise errors.ResourceConflictException(f"Alias already exists: {function.arn}:{name}")
    made = Alias(
        function.pk,
        name,
        _existing(tx, function, call["FunctionVersion"]),
        call.get("Description", ""),
        uuid4(call.kernel.entropy),
    )
    store.put_alias(tx, made)
    return alias_shown(function, made)


@ROOM.operation("GetAlias", mode=Mode.READ, locate=function_at)
def get_alias(call: Call, found: Found, tx: Transaction) -> Answer:
    """One alias."""
    return alias_shown(found.function, _alias(call, tx, found.function))


@ROOM.operation("ListAliases", mode=Mode.READ, locate=function_at)
def list_aliases(call: Call, found: Found, tx: Transaction) -> Answer:
    """Aliases by name; those of one version where FunctionVersion says which."""
    most = min(call.get("MaxItems", LISTED_AT_ONCE), LISTED_AT_ONCE)
    listed = store.aliases(tx, found.function.pk, after=call.get("Marker", ""), most=most + 1)
    wanted = call.get("FunctionVersion")
    shown = [alias_shown(found.function, one) for one in listed[:most]]
    answer: dict[str, Any] = {"Aliases": [one for one in shown if wanted in (None, one["FunctionVersion"])]}
    if len(listed) > most:
        answer["NextMarker"] = listed[most - 1].name
    return answer


@ROOM.operation(
    "UpdateAlias", mode=Mode.WRITE, locate=function_at, shown=("AliasArn", "Name"), resource_type=RESOURCE_TYPE
)
def update_alias(call: Call, found: Found, tx: Transaction) -> Answer:
    """Have an alias name another version."""
    function = found.function
    one = _alias(call, tx, function)
    _refuse_routing(call)
    if call.get("RevisionId") not in (None, one.revision):
        raise errors.PreconditionFailedException(errors.REVISION_DIFFERS)
    changed = one._replace(
        number=_existing(tx, function, call["FunctionVersion"]) if "FunctionVersion" in call.params else one.number,
        description=call.get("Description", one.description),
        revision=uuid4(call.kernel.entropy),
    )
    store.put_alias(tx, changed)
    return alias_shown(function, changed)


@ROOM.operation("DeleteAlias", mode=Mode.WRITE, locate=function_at, resource_type=RESOURCE_TYPE)
def delete_alias(call: Call, found: Found, tx: Transaction) -> Answer:
    """Delete an alias and its policy. One that is not there is no error."""
    store.drop_alias(tx, found.function.pk, call["Name"])
    store.put_policy(tx, found.function.pk, call["Name"], None, "")
    tx.raise_generation(found.function.account, POLICY_KIND)
    return {}


def alias_shown(function: Function, one: Alias) -> dict[str, Any]:
    """An alias as it is answered."""
    return {
        "AliasArn": f"{function.arn}:{one.name}",
        "Name": one.name,
        "FunctionVersion": str(one.number) if one.number else "$LATEST",
        "Description": one.description,
        "RevisionId": one.revision,
    }


def _alias(call: Call, tx: Transaction, function: Function) -> Alias:
    found = store.alias_at(tx, function.pk, call["Name"])
    if found is None:
        raise errors.ResourceNotFoundException(f"Cannot find alias arn: {function.arn}:{call['Name']}")
    return found


def _existing(tx: Transaction, function: Function, label: str) -> int:
    found = version_of(tx, function, label) if label == "$LATEST" or label.isdigit() else None
    if found is None:
        raise errors.no_such_function(f"{function.arn}:{label}")
    return found.number


def _refuse_routing(call: Call) -> None:
    if call.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        raise errors.invalid("RoutingConfig: weighted aliases are not offered by Strongroom.")
