"""Every operation, asked by somebody who may nothing, and by somebody who is denied: AWS's text, and in the journal
the kind of policy that is the cause and the statement that decided.

The list of operations is what the rooms declare, so an operation that is new is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.test_isolation import House
from tests.wire.test_sts import World, policy

from strongroom.app import Facts
from strongroom.kernel.registry import Operation
from strongroom.kernel.sealing.keyring import Keyring

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
}
ALSO = ("CiphertextBlob",)
"""What the model calls optional and the service does not."""


def declared(strongroom: InProcess) -> Iterator[Operation]:
    """Every operation of AWS's services that needs a permission and is signed."""
    rooms = strongroom.product.registry(Facts("", dev_clock=False), Keyring(bytes(32))).rooms
    for service, room in sorted(rooms.items()):
        if service != "strongroom":
            yield from (
                one for _, one in sorted(room.operations.items()) if one.action is not None and not one.unsigned
            )


def parameters(client: Any, operation: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Values for what is required: known names first, then what the shape allows."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    if shape is None:
        return {}
    wanted = [*shape.required_members, *(name for name in ALSO if name in shape.members)]
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


def _filled(value: Any, account: str) -> Any:
    return value.replace("{account}", account) if isinstance(value, str) else value


def journal(strongroom: InProcess, request_id: str) -> dict[str, Any]:
    """The line of a request."""
    (line,) = [
        orjson.loads(line)
        for path in (strongroom.settings.data / "journal").glob("*.jsonl")
        for line in path.read_bytes().splitlines()
        if b'"requestID":"%b"' % request_id.encode() in line
    ]
    found: dict[str, Any] = line
    return found


def refusals(
    strongroom: InProcess, account: Account, keys: dict[str, str]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(action, refusal, decision in the journal) of every operation."""
    known = dict(House(account).by_name)
    sealed = account.client("kms").encrypt(KeyId=known["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    known |= {name: _filled(value, account.id) for name, value in VALUES.items()}
    known |= {"TargetKeyId": known["KeyId"], "DestinationKeyId": known["KeyId"], "CiphertextBlob": sealed}
    for one in declared(strongroom):
        client = account.client(one.service, **keys)
        try:
            getattr(client, xform_name(one.name))(**parameters(client, one.name, known))
        except ClientError as error:
            answer: Any = error.response
            line = journal(strongroom, answer["ResponseMetadata"]["RequestId"])
            yield f"{one.service}:{one.name}", answer["Error"], line.get("decision") or {}
        else:
            yield f"{one.service}:{one.name}", {"Code": "", "Message": "was done"}, {}


def test_who_may_nothing_is_told_which_kind_of_policy_lacks_and_so_is_the_journal(
    strongroom: InProcess, account: Account
) -> None:
    wrong = []
    for name, error, decision in refusals(strongroom, account, World(account).user("nobody")):
        said = "is not authorized to perform: " in error["Message"] and (
            " because no " in error["Message"] or name == "sts:AssumeRole"
        )
        recorded = decision.get("outcome") == "implicitDeny" and decision.get("lacking")
        if not (said and recorded and "AccessDenied" in error["Code"]):
            wrong.append((name, error, decision))
    assert [] == wrong, "\n".join(map(str, wrong))


def test_who_is_denied_is_told_so_and_the_journal_names_the_statement(strongroom: InProcess, account: Account) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    keys = World(account).user("ann", everything, {**everything, "Effect": "Deny", "Sid": "Nothing"})
    wrong = []
    for name, error, decision in refusals(strongroom, account, keys):
        said = (
            error["Message"].endswith("with an explicit deny in an identity-based policy") or name == "sts:AssumeRole"
        )
        named = [(one["label"], one["index"], one["sid"]) for one in decision.get("matches", ())]
        if not (said and [("inline:p", 1, "Nothing")] == named and decision["outcome"] == "explicitDeny"):
            wrong.append((name, error, decision))
    assert [] == wrong, "\n".join(map(str, wrong))
