"""Resource policies: who besides the account's own principals may invoke a function.

Source: API reference, AddPermission, GetPolicy, RemovePermission; facts lambda-and-others, section 1.4.
"""

from __future__ import annotations

from typing import Any

import orjson

from strongroom.base.entropy import uuid4
from strongroom.kernel import people
from strongroom.kernel.authz import binding
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.operations.functions import RESOURCE_TYPE
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.rules.identifiers import LATEST
from strongroom.services.functions.rules.statements import MOST_BYTES, statement_of
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.targets import POLICY_KIND, Found, function_at


def principal_key(call: Call, target: Target) -> dict[str, ContextValue]:  # noqa: ARG001
    """lambda:Principal. Source: Service Authorization Reference, AWS Lambda."""
    return {"lambda:principal": call["Principal"]}


def _qualifier(found: Found) -> str:
    if found.ref.qualifier == LATEST:
        raise errors.invalid(errors.NO_POLICY_FOR_LATEST)
    return found.ref.qualifier or ""


@ROOM.operation(
    "AddPermission",
    mode=Mode.WRITE,
    locate=function_at,
    keys=principal_key,
    shown=("Statement",),
    resource_type=RESOURCE_TYPE,
)
def add_permission(call: Call, found: Found, tx: Transaction) -> Answer:
    """Add one statement."""
    qualifier = _qualifier(found)
    if call.get("FunctionUrlAuthType") or call.get("InvokedViaFunctionUrl"):
        raise errors.invalid("Function URLs are not offered by Strongroom.")
    made = statement_of(call.params, found.ref.arn)
    kept = _bound(call, tx, made)
    statements, revision = _statements(tx, found, qualifier)
    if call.get("RevisionId") not in (None, revision):
        raise errors.PreconditionFailedException(errors.POLICY_REVISION_DIFFERS)
    if any(one["Sid"] == made["Sid"] for one in statements):
        raise errors.ResourceConflictException(
            f"The statement id ({made['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    _store(call, tx, found, qualifier, [*statements, kept])
    return {"Statement": orjson.dumps(made).decode()}


@ROOM.operation("GetPolicy", mode=Mode.READ, locate=function_at)
def get_policy(call: Call, found: Found, tx: Transaction) -> Answer:
    """The policy of exactly what was named, its users and roles by their names of today."""
    stored = store.policy_of(tx, found.function.pk, found.ref.qualifier or "")
    if stored is None:
        raise errors.ResourceNotFoundException(errors.NO_RESOURCE)
    return {"Policy": people.shown(call, tx, stored[0]), "RevisionId": stored[1]}


@ROOM.operation("RemovePermission", mode=Mode.WRITE, locate=function_at, resource_type=RESOURCE_TYPE)
def remove_permission(call: Call, found: Found, tx: Transaction) -> Answer:
    """Remove one statement; with the last one the policy is gone."""
    qualifier = found.ref.qualifier or ""
    statements, revision = _statements(tx, found, qualifier)
    if not statements:
        raise errors.ResourceNotFoundException(errors.NO_POLICY)
    if call.get("RevisionId") not in (None, revision):
        raise errors.PreconditionFailedException(errors.POLICY_REVISION_DIFFERS)
    left = [one for one in statements if one["Sid"] != call["StatementId"]]
    if len(left) == len(statements):
        raise errors.ResourceNotFoundException(f"Statement {call['StatementId']} is not found in resource policy.")
    _store(call, tx, found, qualifier, left)
    return {}


def _bound(call: Call, tx: Transaction, made: dict[str, Any]) -> dict[str, Any]:
    """The statement as it is stored: a user or role by unique id, so that no successor of the name is meant.

    Statements of one policy may name one name for two bearers, one after the other: so each has its own id in place.
    """
    name = made["Principal"].get("AWS", "")
    if not binding.is_person(name):
        return made
    unique_id = call.kernel.roles.person_named(tx, name)
    if unique_id is None:
        raise errors.invalid(errors.BAD_PRINCIPAL)
    return made | {"Principal": {"AWS": unique_id}}


def _statements(tx: Transaction, found: Found, qualifier: str) -> tuple[list[dict[str, Any]], str]:
    stored = store.policy_of(tx, found.function.pk, qualifier)
    return ([], "") if stored is None else (list(orjson.loads(binding.meant(stored[0]))["Statement"]), stored[1])


def _store(call: Call, tx: Transaction, found: Found, qualifier: str, statements: list[dict[str, Any]]) -> None:
    text = None
    if statements:
        text = orjson.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements}).decode()
        if len(text) > MOST_BYTES:
            raise errors.PolicyLengthExceededException(
                f"The final policy size ({len(text)}) is bigger than the limit ({MOST_BYTES})."
            )
        text = binding.stored(text, {one: one for one in binding.people(text)})
    store.put_policy(tx, found.function.pk, qualifier, text, uuid4(call.kernel.entropy))
    tx.raise_generation(found.function.account, POLICY_KIND)
