"""The condition keys that a request brings, as one table: which operation fills which from what.

Source: facts secretsmanager section 11.2 (the 24 keys and the table of actions). The keys of the secret
itself are in ``targets.facts_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from strongroom.kernel.authz.model import ContextValue, by_name
from strongroom.kernel.call import Call, Target
from strongroom.kernel.registry import Keys
from strongroom.services.secretsmanager.rules.keys import key_arn


def _text(value: Any) -> ContextValue:
    return str(value)


def _bool(value: Any) -> ContextValue:
    return "true" if value else "false"


def _regions(value: Any) -> ContextValue:
    return tuple(one["Region"] for one in value if "Region" in one)


def _given(value: Any) -> ContextValue:  # noqa: ARG001  that it is given is the whole of it
    return "true"


# condition key -> (member of the request, how its value reads)
_READERS: Mapping[str, tuple[str, Callable[[Any], ContextValue]]] = {
    "AddReplicaRegions": ("AddReplicaRegions", _regions),
    "BlockPublicPolicy": ("BlockPublicPolicy", _bool),
    "Description": ("Description", _text),
    "ExternalSecretRotationRoleArn": ("ExternalSecretRotationRoleArn", _text),
    "ForceDeleteWithoutRecovery": ("ForceDeleteWithoutRecovery", _bool),
    "ForceOverwriteReplicaSecret": ("ForceOverwriteReplicaSecret", _bool),
    "KmsKeyId": ("KmsKeyId", _text),
    "ModifyRotationRules": ("RotationRules", _given),
    "Name": ("Name", _text),
    "RecoveryWindowInDays": ("RecoveryWindowInDays", _text),
    "RotateImmediately": ("RotateImmediately", _bool),
    "RotationLambdaARN": ("RotationLambdaARN", _text),
    "Type": ("Type", _text),
    "VersionId": ("VersionId", _text),
    "VersionStage": ("VersionStage", _text),
}

# The keys of each action beside those of the secret; KmsKeyArn goes with KmsKeyId, tags are named
# "tags"/"tag-keys".
REQUEST_KEYS: Mapping[str, tuple[str, ...]] = {
    "CreateSecret": (
        "Name",
        "Description",
        "KmsKeyId",
        "AddReplicaRegions",
        "ForceOverwriteReplicaSecret",
        "Type",
        "tags",
    ),
    "DeleteSecret": ("RecoveryWindowInDays", "ForceDeleteWithoutRecovery"),
    "GetSecretValue": ("VersionId", "VersionStage"),
    "PutResourcePolicy": ("BlockPublicPolicy",),
    "ReplicateSecretToRegions": ("AddReplicaRegions", "ForceOverwriteReplicaSecret"),
    "RotateSecret": (
        "RotationLambdaARN",
        "ModifyRotationRules",
        "RotateImmediately",
        "ExternalSecretRotationRoleArn",
    ),
    "TagResource": ("tags",),
    "UntagResource": ("tag-keys",),
    "UpdateSecret": ("Description", "KmsKeyId", "Type"),
    "UpdateSecretVersionStage": ("VersionStage",),
}


def request_keys(operation: str) -> Keys:
    """What fills the condition keys of one operation's request."""
    plan = [
        (f"secretsmanager:{name.lower()}", *_READERS[name])
        for name in REQUEST_KEYS.get(operation, ())
        if name in _READERS
    ]
    with_tags = "tags" in REQUEST_KEYS.get(operation, ())
    with_tag_keys = "tag-keys" in REQUEST_KEYS.get(operation, ())
    with_key = "KmsKeyId" in REQUEST_KEYS.get(operation, ())

    def keys(call: Call, target: Target) -> Mapping[str, ContextValue]:
        params = call.params
        found = {key: read(params[member]) for key, member, read in plan if member in params}
        if with_tags and "Tags" in params:
            found.update(request_tags(params["Tags"]))
        if with_tag_keys:
            found["aws:tagkeys"] = tuple(params["TagKeys"])
        if with_key and params.get("KmsKeyId"):
            arn = key_arn(params["KmsKeyId"], account=target.account, region=call.region)
            if arn is not None:
                found["secretsmanager:kmskeyarn"] = arn
        return found

    return keys


def request_tags(tags: list[dict[str, str]]) -> dict[str, ContextValue]:
    """aws:RequestTag of each tag of a request, and aws:TagKeys."""
    named = [one for one in tags if one.get("Key")]
    found = by_name("aws:requesttag/", ((one["Key"], one.get("Value", "")) for one in named))
    found["aws:tagkeys"] = tuple(one["Key"] for one in named)
    return found
