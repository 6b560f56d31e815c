"""What AWS refuses when a document is stored, beyond its grammar: the rules for each kind of document.

Source: recorded MalformedPolicyDocument texts (facts: iam, sections 1 and 10). Where
no recording covers a check, its text is our choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from strongroom.kernel.authz.conditions import is_operator
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.grammar import Clause, fault
from strongroom.kernel.authz.naming import is_principal
from strongroom.kernel.authz.variables import parse_template

_SID = re.compile(r"[A-Za-z0-9]*")
_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")
_VENDOR = re.compile(r"[A-Za-z0-9-]+")
_PARTITION = re.compile(r"aws(?:-[a-z]+)*")
_PARTITION_PATTERN = re.compile(r"[a-z*?-]+")
_STS = "sts:"


def check_identity(text: str, version: str | None, name: str | None, clauses: Sequence[Clause]) -> None:
    """The rules for identity policies, boundaries and session policies."""
    if not _CHARACTERS.fullmatch(text) or name is not None:
        fault()
    if version != "2012-10-17":
        fault("version", "Policy document must be version 2012-10-17 or greater.")
    for clause in clauses:
        if clause.principals is not None or clause.not_principals is not None:
            fault("principal", "Policy document should not specify a principal.")
        if not (clause.actions or clause.not_actions):
            fault("action", "Policy statement must contain actions.")
        if not (clause.resources or clause.not_resources):
            fault("resource", "Policy statement must contain resources.")
        _check_actions(clause)
        for resource in (clause.resources or ()) + (clause.not_resources or ()):
            _check_resource(resource)
        _check_conditions(clause, clause.resources or clause.not_resources or ())
    _check_sids(clauses)


def check_resource(_text: str, _version: str | None, _name: str | None, clauses: Sequence[Clause]) -> None:
    """The rules for resource and key policies. Rooms that keep them pick texts of their own by ``code``."""
    for clause in clauses:
        _need(clause.principals or clause.not_principals, "principal", "Missing required field Principal")
        _need(clause.actions or clause.not_actions, "action", "Missing required field Action")
        _need(clause.resources or clause.not_resources, "resource", "Missing required field Resource")
        _check_actions(clause)
        _check_principals(clause)
        _check_conditions(clause, clause.resources or clause.not_resources or ())


def check_trust(text: str, _version: str | None, _name: str | None, clauses: Sequence[Clause]) -> None:
    """The rules for role trust policies."""
    if not _CHARACTERS.fullmatch(text):
        fault()
    for clause in clauses:
        for element, value in (
            ("Resource", clause.resources),
            ("NotResource", clause.not_resources),
            ("NotPrincipal", clause.not_principals),
        ):
            if value is not None:
                fault("field", f"Has prohibited field {element}")
        _need(clause.principals, "field", "Missing required field Principal")
        _need(clause.actions or clause.not_actions, "field", "Missing required field Action")
        _check_actions(clause)
        if not all(action.lower().startswith(_STS) for action in clause.actions or ("",)):
            fault("action", "AssumeRole policy may only specify STS AssumeRole actions.")
        _check_principals(clause)
        _check_conditions(clause, ())
    _check_sids(clauses)


def _need(element: object, code: str, message: str) -> None:
    if not element:
        fault(code, message)


def _check_sids(clauses: Sequence[Clause]) -> None:
    """IAM's statement ids: letters and digits, each once (an empty one is none).

    Other services ask neither: KMS's own managed key policies repeat a Sid of several words.
    """
    sids = [clause.sid for clause in clauses if clause.sid]
    if not all(_SID.fullmatch(sid) for sid in sids):
        fault("sid")
    if len(set(sids)) != len(sids):
        fault("sid", "Statement IDs (SID) in a single policy must be unique.")


def _check_actions(clause: Clause) -> None:
    for action in (clause.actions or ()) + (clause.not_actions or ()):
        if action == "*":
            continue
        vendor, colon, name = action.partition(":")
        if not colon:
            fault("action", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in name:
            fault("action", "Actions/Condition can contain only one colon.")
        if not _VENDOR.fullmatch(vendor):
            fault("action", f"Vendor {vendor} is not valid")
        if not name or not name.replace("*", "a").replace("?", "a").isalnum() or not name.isascii():
            fault("action")  # our choice: an action that no service could have


def _check_resource(resource: str) -> None:
    """The form of one Resource in an identity policy.

    Our choice: an ARN of fewer than six parts gets the text ``The policy failed legacy parsing``,
    the one recorded text that no other cause is known for.
    """
    if resource == "*":
        return
    parts = resource.split(":", 5)
    if parts[0] != "arn":
        fault("resource", f'Resource {resource} must be in ARN format or "*".')
    if len(parts) > 1 and not _is_partition(parts[1]):
        fault("resource", f'Partition "{parts[1]}" is not valid for resource "{resource}".')
    if len(parts) != 6 or not parts[5]:
        fault("resource", "The policy failed legacy parsing")
    if "*" in parts[2] or "?" in parts[2]:
        fault("resource", "Resource vendor must be fully qualified and cannot contain regexes.")
    if parts[2] == "iam" and parts[3] not in ("", "*"):
        fault("resource", f"IAM resource {resource} cannot contain region information.")


def _is_partition(text: str) -> bool:
    if "*" in text or "?" in text:
        return _PARTITION_PATTERN.fullmatch(text) is not None
    return _PARTITION.fullmatch(text) is not None


def _check_principals(clause: Clause) -> None:
    for kind, value in (clause.principals or ()) + (clause.not_principals or ()):
        if not is_principal(kind, value):
            shown = kind if kind == "AWS" else kind.upper()
            fault("principal", f'Invalid principal in policy: "{shown}":"{value}"')


def _check_conditions(clause: Clause, resources: Sequence[str]) -> None:
    for operator, key, values in clause.conditions:
        if not is_operator(operator):
            fault()
        if ":" not in key:
            fault("action", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if operator == "Null" and not all(value.lower() in ("true", "false") for value in values):
            fault()
        _check_variables(values)
    _check_variables(resources)


def _check_variables(texts: Sequence[str]) -> None:
    try:
        for text in texts:
            parse_template(text, variables=True, wild=False)
    except NotUnderstoodError:
        fault()
