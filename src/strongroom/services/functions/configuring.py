"""A function's configuration: what is kept of a request, what is made of it, and what is refused.

Source: facts lambda-and-others, section 1.2; API reference, CreateFunction.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from strongroom.base.running import Offer
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.layers import layers_named

MEMORY_MB = 10_240
TIMEOUT_SECONDS = 900
KEPT = (
    "Description",
    "Role",
    "Handler",
    "Runtime",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "TracingConfig",
    "Layers",
    "Architectures",
    "EphemeralStorage",
    "LoggingConfig",
)
_ELSEWHERE = {
    "FileSystemConfigs": "file systems are not offered",
    "ImageConfig": "container images are not offered",
    "CodeSigningConfigArn": "code signing is not offered",
    "CapacityProviderConfig": "capacity providers are not offered",
    "DurableConfig": "durable executions are not offered",
    "TenancyConfig": "tenancy is not offered",
    "RuntimeConfig": "this member is not offered",
    "AcceleratorConfig": "accelerators are not offered",
    "PublishTo": "this member is not offered",
}
_ENDED = frozenset({"python2.7", "python3.6", "python3.7"})
_MACHINE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(
    platform.machine().lower(), "x86_64"
)


def defaults(name: str) -> dict[str, Any]:
    """What a function has where its maker says nothing."""
    return {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": [_MACHINE],
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }


def settled(params: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a request that a configuration keeps."""
    return {name: params[name] for name in KEPT if name in params}


def checked_settings(call: Call, tx: Transaction, settings: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it will be kept. Raises InvalidParameterValueException for what cannot be."""
    _refuse_elsewhere(call.params)
    functions = call.kernel.functions
    _check_runtime(settings, functions.offer())
    if settings["MemorySize"] > MEMORY_MB:
        raise errors.invalid(f"'MemorySize' value failed to satisfy constraint: Member must be at most {MEMORY_MB}")
    if settings["Timeout"] > TIMEOUT_SECONDS:
        raise errors.invalid(f"'Timeout' value failed to satisfy constraint: Member must be at most {TIMEOUT_SECONDS}")
    if settings["EphemeralStorage"]["Size"] > functions.scratch_mb:
        raise errors.invalid(
            f"EphemeralStorage is memory here, and at most {functions.scratch_mb} MB (setting function_scratch_mb)."
        )
    if settings["Architectures"] != [_MACHINE]:
        raise errors.invalid(f"This machine runs functions of architecture {_MACHINE} only.")
    given = settings.get("Layers", [])
    named = [one["Arn"] if isinstance(one, Mapping) else one for one in given]
    settings["Layers"] = [{"Arn": one.version_arn, "CodeSize": one.code_size} for one in layers_named(call, tx, named)]
    if not settings["Layers"]:
        del settings["Layers"]
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{_name(call)}"} | settings["LoggingConfig"]
    settings["LoggingConfig"] = logging
    if logging["LogFormat"] != "Text":
        raise errors.invalid("LogFormat JSON is not offered; Text is.")
    if "VpcConfig" in settings:  # kept and shown; it has no effect here (README)
        settings["VpcConfig"] = {"VpcId": ""} | settings["VpcConfig"]
    return settings


def _name(call: Call) -> str:
    return str(call["FunctionName"]).rpartition("function:")[2].partition(":")[0]


def _refuse_elsewhere(params: Mapping[str, Any]) -> None:
    for member, reason in _ELSEWHERE.items():
        if params.get(member):
            raise errors.invalid(f"{member}: {reason} by Strongroom.")
    if params.get("KMSKeyArn"):
        raise errors.invalid("KMSKeyArn is not offered: environments are sealed under Strongroom's own root key.")
    if params.get("PackageType", "Zip") != "Zip":
        raise errors.invalid("PackageType: container images are not offered by Strongroom.")
    if params.get("DeadLetterConfig", {}).get("TargetArn"):
        raise errors.invalid("DeadLetterConfig: queues and topics are not offered by Strongroom.")
    if params.get("TracingConfig", {}).get("Mode", "PassThrough") != "PassThrough":
        raise errors.invalid("TracingConfig: X-Ray is not offered by Strongroom.")
    if params.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise errors.invalid("SnapStart is not offered by Strongroom.")


def _check_runtime(settings: Mapping[str, Any], offer: Offer) -> None:
    runtime, handler = settings.get("Runtime"), settings.get("Handler")
    if runtime is None or handler is None:
        raise errors.invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if runtime in _ENDED:
        raise errors.invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if offer.refused:
        raise errors.invalid(f"Functions cannot run here: {offer.refused}.")
    if runtime not in offer.runtimes:
        here = ", ".join(offer.runtimes)
        raise errors.invalid(f"The runtime {runtime} is not offered here. Runtimes offered: {here}.")
