"""Every operation, asked by somebody who may nothing, and by somebody who is denied: AWS's text, and in the journal
the kind of policy that is the cause and the statement that decided.

The list of operations is what the rooms declare, so an operation that is new is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.parameters import known_values, parameters
from tests.wire.test_isolation import House
from tests.wire.test_sts import World

from strongroom.app import Facts
from strongroom.kernel.registry import Operation
from strongroom.kernel.sealing.keyring import Keyring


def declared(strongroom: InProcess) -> Iterator[Operation]:
    """Every operation of AWS's services that needs a permission and is signed."""
    rooms = strongroom.product.registry(Facts("", dev_clock=False), Keyring(bytes(32))).rooms
    for service, room in sorted(rooms.items()):
        if service != "strongroom":
            yield from (
                one for _, one in sorted(room.operations.items()) if one.action is not None and not one.unsigned
            )


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
    known |= known_values(account.id)
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
