"""Layers: zips that several functions unpack under /opt.

Source: API reference, PublishLayerVersion and its like; facts lambda-and-others, section 1.5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors, sealed
from strongroom.services.functions.layers import find_layer
from strongroom.services.functions.operations.functions import LISTED_AT_ONCE
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.rules.code import check_zip, fingerprint
from strongroom.services.functions.store import functions as codes
from strongroom.services.functions.store import layers as store
from strongroom.services.functions.store.tables import Layer
from strongroom.services.functions.targets import layer_arn

NO_SUCH_LAYER = "The resource you requested does not exist."


def _name(call: Call) -> str:
    """The layer's name, of a name or an ARN."""
    return str(call["LayerName"]).rpartition(":")[2]


def layer_at(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The locator of operations on a layer as such."""
    arn = layer_arn(call, _name(call))
    return Target(arn=arn, account=call.account, named=arn)


def layer_version_at(call: Call, tx: Transaction) -> Target:
    """The locator of operations on one version; ``found`` is the Layer."""
    arn = call.get("Arn") or f"{layer_arn(call, _name(call))}:{call['VersionNumber']}"
    found = find_layer(tx, arn)
    if found is not None and found.region != call.region:
        found = None
    missing = errors.ResourceNotFoundException(NO_SUCH_LAYER)
    account = call.account if found is None else found.account
    return Target(arn=arn, account=account, found=found, named=arn, missing=missing)


@ROOM.operation(
    "PublishLayerVersion", mode=Mode.SLOW_WRITE, locate=layer_at, shown=("LayerArn", "LayerVersionArn", "Version")
)
def publish_layer_version(call: Call, _: Any, tx: Transaction) -> Answer:
    """Store the next version of a layer."""
    packed = call["Content"].get("ZipFile")
    if packed is None:
        raise errors.invalid("Please provide the content as ZipFile: S3 is not offered.")
    unpacked = call.once("checked", lambda: check_zip(packed))
    sha256 = call.once("sha256", lambda: fingerprint(packed))
    keyring = call.kernel.keyring
    # Named by the root: one that replaces it meanwhile must find the code under itself.
    ciphertext = call.once(("sealed code", keyring.newest_id), lambda: sealed.seal_code(keyring, bytes(packed), sha256))
    kept = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
    settings = {"Description": ""} | {name: call[name] for name in kept if name in call.params}
    made = store.add(
        tx,
        {
            "account": call.account,
            "region": call.region,
            "name": _name(call),
            "created_ms": to_ms(call.now),
            "config": orjson.dumps(settings | {"unpacked": unpacked}).decode(),
            "code_pk": codes.add_code(tx, ciphertext),
            "code_sha256": sha256,
            "code_size": len(packed),
        },
    )
    return _whole(made)


@ROOM.operation("GetLayerVersion", mode=Mode.READ, locate=layer_version_at)
def get_layer_version(call: Call, layer: Layer, tx: Transaction) -> Answer:  # noqa: ARG001
    """One version. Its content has no place to fetch it from here (README)."""
    return _whole(layer)


@ROOM.operation("GetLayerVersionByArn", mode=Mode.READ, action="lambda:GetLayerVersion", locate=layer_version_at)
def get_layer_version_by_arn(call: Call, layer: Layer, tx: Transaction) -> Answer:  # noqa: ARG001
    """The same, by its ARN."""
    return _whole(layer)


@ROOM.operation("ListLayerVersions", mode=Mode.READ, locate=layer_at)
def list_layer_versions(call: Call, _: Any, tx: Transaction) -> Answer:
    """Versions of a layer, the newest first."""
    most = min(call.get("MaxItems", LISTED_AT_ONCE), LISTED_AT_ONCE)
    marker = call.get("Marker", "")
    before = int(marker) if marker.isascii() and marker.isdigit() and len(marker) < 10 else 1 << 30
    found = store.versions(tx, call.account, call.region, _name(call), before=before, most=most + 1)
    answer: dict[str, Any] = {"LayerVersions": [_listed(one) for one in found[:most] if _fits(call, one)]}
    if len(found) > most:
        answer["NextMarker"] = str(found[most - 1].number)
    return answer


@ROOM.operation("ListLayers", mode=Mode.READ)
def list_layers(call: Call, _: Any, tx: Transaction) -> Answer:
    """Layers by name, each with its newest version."""
    most = min(call.get("MaxItems", LISTED_AT_ONCE), LISTED_AT_ONCE)
    found = store.newest(tx, call.account, call.region, after=call.get("Marker", ""), most=most + 1)
    answer: dict[str, Any] = {
        "Layers": [
            {"LayerName": one.name, "LayerArn": one.arn, "LatestMatchingVersion": _listed(one)}
            for one in found[:most]
            if _fits(call, one)
        ]
    }
    if len(found) > most:
        answer["NextMarker"] = found[most - 1].name
    return answer


@ROOM.operation("DeleteLayerVersion", mode=Mode.WRITE, locate=layer_version_at)
def delete_layer_version(call: Call, layer: Layer, tx: Transaction) -> Answer:  # noqa: ARG001
    """Delete one version. Our choice: functions that use it can then start no new process (AWS keeps a copy)."""
    store.drop(tx, layer.pk)
    codes.drop_unused_code(tx, layer.code_pk)
    return {}


def _fits(call: Call, one: Layer) -> bool:
    runtime, machine = call.get("CompatibleRuntime"), call.get("CompatibleArchitecture")
    settings = one.settings
    return (runtime is None or runtime in settings.get("CompatibleRuntimes", ())) and (
        machine is None or machine in settings.get("CompatibleArchitectures", ())
    )


def _created(one: Layer) -> str:
    when: datetime = from_ms(one.created_ms)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{one.created_ms % 1000:03d}+0000"


def _listed(one: Layer) -> dict[str, Any]:
    shown = {name: value for name, value in one.settings.items() if name != "unpacked"}
    return {"LayerVersionArn": one.version_arn, "Version": one.number, "CreatedDate": _created(one), **shown}


def _whole(one: Layer) -> dict[str, Any]:
    content = {"CodeSha256": one.code_sha256, "CodeSize": one.code_size}
    return {"Content": content, "LayerArn": one.arn, **_listed(one)}
