"""Parameters that an operation takes, made from its shape: known names first, then what the shape allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.wire.test_sts import policy

VALUES: dict[str, Any] = {
    "Policy": policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
    "NewName": "n",
    "Url": "https://issuer.example",
    "OpenIDConnectProviderArn": "arn:aws:iam::{account}:oidc-provider/issuer.example",
    "PermissionsBoundary": "arn:aws:iam::aws:policy/IAMFullAccess",
    "RoleArn": "arn:aws:iam::{account}:role/r",
    "RoleSessionName": "session",
    "AuthenticationCode1": "123456",
    "AuthenticationCode2": "654321",
    "AliasName": "alias/a",
    "VersionStage": "AWSCURRENT",
    "ClientRequestToken": "0" * 32,
    "RemoveReplicaRegions": ["eu-west-1"],
    "TagKeys": ["k"],
    "Name": "name",
    "TagKey": "k",
    "Key": "k",
    "Region": "eu-west-1",
    "AWSServiceName": "elasticbeanstalk.amazonaws.com",
    "ThumbprintList": ["0" * 40],
    "ReplicaRegion": "eu-west-1",
    "PrimaryRegion": "eu-west-1",
    "GrantId": "0" * 64,
    "FunctionVersion": "$LATEST",
    "Role": "arn:aws:iam::{account}:role/r",
    "Arn": "arn:aws:lambda:us-east-1:{account}:layer:shared:1",
    "Resource": "arn:aws:lambda:us-east-1:{account}:function:shared",
    "Action": "lambda:InvokeFunction",
    "logGroupName": "group",
}
ALSO: Mapping[str, tuple[str, ...]] = {
    "": ("CiphertextBlob",),
    "RetireGrant": ("KeyId", "GrantId"),
    "DescribeLogStreams": ("logGroupName",),
    "FilterLogEvents": ("logGroupName",),
    "GetLogEvents": ("logGroupName",),
}
"""What the model calls optional and the service does not, in every operation and in some."""


def known_values(account: str) -> dict[str, Any]:
    """Values by their members' names, for an account."""
    return {
        name: value.replace("{account}", account) if isinstance(value, str) else value for name, value in VALUES.items()
    }


def parameters(client: Any, operation: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Values for what is required: known names first, then what the shape allows."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    if shape is None:
        return {}
    also = (*ALSO[""], *ALSO.get(operation, ()))
    wanted = [*shape.required_members, *(name for name in also if name in shape.members)]
    return {name: value_of(name, shape.members[name], known) for name in wanted}


def value_of(name: str, shape: Any, known: Mapping[str, Any]) -> Any:
    """One value of a shape; a known one only where it is of the shape's kind."""
    found = known.get(name)
    if found is not None and isinstance(found, str | bytes) == (shape.type_name in ("string", "blob")):
        return found
    if shape.type_name == "structure":
        return {one: value_of(one, shape.members[one], known) for one in shape.required_members}
    if shape.type_name == "list":
        return [value_of("", shape.member, known)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 0))
    least = max(1, shape.metadata.get("min", 0))
    plain = {"map": {"a": "b"}, "blob": b"x" * least, "boolean": True, "timestamp": 0}
    return plain.get(shape.type_name, least)
