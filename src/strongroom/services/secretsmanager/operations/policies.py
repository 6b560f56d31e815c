"""Resource policies: Get, Put, Delete and ValidateResourcePolicy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import people
from strongroom.kernel.authz.document import Document, DocumentKind, PolicyError, parse_document
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, store
from strongroom.services.secretsmanager.conditions import request_keys
from strongroom.services.secretsmanager.room import change_ms, on_secret
from strongroom.services.secretsmanager.rules.public import BROAD_ACCESS, allows_everybody
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import POLICY_KIND, present, secret_at

LOCKED_OUT = "Your requested changes will not allow you to manage this secret in the future."
SYNTAX = "This resource policy contains a syntax error."
BAD_PRINCIPAL = "This resource policy contains an unsupported principal."
DEFAULT_NAME = "default"


def _name_problem(params: Any) -> Answerable | None:
    """A secret has the default policy and no other. Our choice of text."""
    # DIFFERS: named resource policies.
    if params.get("PolicyName", DEFAULT_NAME) == DEFAULT_NAME:
        return None
    return errors.InvalidParameterException("You can only use the resource policy named default.")


@on_secret("GetResourcePolicy", mode=Mode.READ, check=_name_problem)
def get_resource_policy(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Answer with the resource policy as it was put, with today's names; without ResourcePolicy where there is none.

    Source: API reference, GetResourcePolicy; facts secretsmanager section 6.15.
    """
    answer = {"ARN": one.arn, "Name": one.name}
    text = store.secrets.policy_text(tx, one.pk) if one.has_policy else None
    return answer if text is None else {**answer, "ResourcePolicy": people.shown(call, tx, text)}


@on_secret("PutResourcePolicy", mode=Mode.WRITE, check=_name_problem)
def put_resource_policy(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Attach a resource policy in place of the one there is, unless it locks its author out.

    Source: API reference, PutResourcePolicy; facts secretsmanager section 11.3.
    """
    text = call["ResourcePolicy"]
    document = _parsed(text, one.arn)
    if call.get("BlockPublicPolicy") and allows_everybody(orjson.loads(text)):
        raise errors.PublicPolicyException(BROAD_ACCESS)
    if _locks_out(call, tx, one, document):
        raise errors.MalformedPolicyDocumentException(LOCKED_OUT)
    kept = _bound(call, tx, text)
    store.secrets.write_policy(tx, one.pk, kept, changed_ms=change_ms(call, one))
    tx.raise_generation(one.account, POLICY_KIND)
    return {"ARN": one.arn, "Name": one.name}


@on_secret("DeleteResourcePolicy", mode=Mode.WRITE, check=_name_problem)
def delete_resource_policy(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Remove the resource policy; where there is none, nothing changes.

    Source: API reference, DeleteResourcePolicy; facts secretsmanager section 6.16.
    """
    if one.has_policy:
        store.secrets.write_policy(tx, one.pk, None, changed_ms=change_ms(call, one))
        tx.raise_generation(one.account, POLICY_KIND)
    return {"ARN": one.arn, "Name": one.name}


def validated_at(call: Call, tx: Transaction) -> Target:
    """The locator of ValidateResourcePolicy, whose SecretId may be left out."""
    if "SecretId" in call.params:
        return secret_at(_name_problem)(call, tx)
    return Target(arn="*", account=call.account)


@on_secret("ValidateResourcePolicy", mode=Mode.READ, locate=validated_at)
def validate_resource_policy(call: Call, one: Secret | None, tx: Transaction) -> Answer:
    """Answer whether a policy could be put: its syntax, that it is not public, that it keeps its author in.

    A text that is no policy at all, or names somebody who is not there, raises MalformedPolicyDocumentException.
    Our choice of CheckName values.
    Source: API reference, ValidateResourcePolicy; facts secretsmanager section 11.3.
    """
    if call.target is None:
        raise RuntimeError("a call without a target")
    call.authorise(
        tx,
        "secretsmanager:PutResourcePolicy",
        call.target,
        request_keys("PutResourcePolicy")(call, call.target),
    )
    text = call["ResourcePolicy"]
    document = _parsed(text, one.arn if one is not None else "resource policy")
    _bound(call, tx, text)
    found = []
    if allows_everybody(orjson.loads(text)):
        found.append({"CheckName": "PUBLIC_POLICY", "ErrorMessage": BROAD_ACCESS})
    if one is not None and _locks_out(call, tx, one, document):
        found.append({"CheckName": "LOCKOUT", "ErrorMessage": LOCKED_OUT})
    return {"PolicyValidationPassed": not found, "ValidationErrors": found}


def _parsed(text: str, label: str) -> Document:
    try:
        return parse_document(text, DocumentKind.RESOURCE, label)
    except PolicyError as fault:
        raise errors.MalformedPolicyDocumentException(SYNTAX, detail=str(fault)) from None


def _bound(call: Call, tx: Transaction, text: str) -> str:
    """What would be stored of a policy: bound to who is named in it."""
    try:
        return people.bound(call, tx, text)
    except people.NoSuchPrincipal:
        raise errors.MalformedPolicyDocumentException(BAD_PRINCIPAL) from None


def _locks_out(call: Call, tx: Transaction, one: Secret, document: Document) -> bool:
    """Whether the caller could no longer put a policy under this one."""
    # A copy: what is asked here is not the decision about the call.
    later = replace(call, decision=None)
    target = replace(present(tx, one, one, None), policy=document)
    try:
        later.authorise(tx, "secretsmanager:PutResourcePolicy", target)
    except Refusal as refusal:
        if refusal.kind is not Kind.ACCESS_DENIED:
            raise
        return True
    return False
