"""How functions are shown: FunctionConfiguration and what stands around it.

Source: facts lambda-and-others, section 1.2 (captured).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from strongroom.base.clock import from_ms
from strongroom.kernel.call import Call
from strongroom.services.functions import sealed
from strongroom.services.functions.store.tables import Function, Version


def configuration(call: Call, function: Function, version: Version, *, qualified: bool) -> dict[str, Any]:
    """One version as FunctionConfiguration. ``qualified``: the ARN names the version."""
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": f"{function.arn}:{version.label}" if qualified else function.arn,
        **version.settings,
        "CodeSize": version.code_size,
        "CodeSha256": version.code_sha256,
        "LastModified": modified(version.changed_ms),
        "Version": version.label,
        "RevisionId": version.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": _runtime_arn(call.region, version.settings["Runtime"])},
    }
    if version.environment is not None:
        variables = sealed.open_environment(call.kernel.keyring, version.environment, function.arn)
        shown["Environment"] = {"Variables": variables}
    if version.number:
        shown["FunctionArn"] = f"{function.arn}:{version.label}"
    return shown


def modified(changed_ms: int) -> str:
    """LastModified: ``2026-01-02T03:04:05.123+0000``."""
    when = from_ms(changed_ms)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{changed_ms % 1000:03d}+0000"


def kept_settings(given: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The members of a request that a configuration repeats."""
    return {name: given[name] for name in names if name in given}


def _runtime_arn(region: str, runtime: str) -> str:
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"
