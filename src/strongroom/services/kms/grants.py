"""Grants: a third source of permission beside key policies and identity policies.

A grant is read as an Allow in the key's policy whose principal is the grantee: what such a statement is worth to a
user, a role, a session or an account, a grant is worth too (decision 0023). Constraints become its conditions.
Source: KMS Developer Guide, "Grants in AWS KMS" (facts: kms, section 11).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.names import PARTITION, is_account_id
from strongroom.kernel.authz.binding import is_person
from strongroom.kernel.authz.document import Document, DocumentKind, joined, read_document
from strongroom.kernel.authz.memory import Memory
from strongroom.kernel.authz.naming import Naming, forms, is_principal
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.call import Call
from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, store
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.store import GrantRow
from strongroom.services.kms.store.grant_rows import NAMES_OF_A_CALLER

_TOKEN = "kms-grant-token"  # noqa: S105  a purpose
_TOKEN_BOUND = b"kms grant token v1"
_UNCONSTRAINED = frozenset({"CreateGrant", "RetireGrant"})
"""Operations that encryption context and source constraints are not for."""
_NO_CONTEXT = frozenset(
    {"DescribeKey", "GetPublicKey", "Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret"}
)

_GRANT_CHARACTERS = 256
"""What a grant has in ids and names."""
COMPILED: Memory[Document] = Memory(4 << 20)
"""Grants by what their rows say."""


@dataclass(frozen=True, slots=True)
class GrantName:
    """Which grant, on which key."""

    key: KeyName
    grant_id: str


def written(principal: str | None, service: str | None) -> str | None:
    """A principal as rows have it. Raises InvalidArnException for what can be none. None where none is given."""
    if service is not None:
        if not is_principal("Service", service):
            raise errors.InvalidArnException(f"{service} is not a service principal.")  # our choice
        return f"Service {service}"
    if principal is None:
        return None
    account = principal.removeprefix(f"arn:{PARTITION}:iam::").removesuffix(":root")
    if is_account_id(account):
        return f"AWS {account}"
    if principal == "*" or not principal.startswith("arn:") or not is_principal("AWS", principal):
        raise errors.InvalidArnException(f"{principal} is not the ARN of a principal.")  # our choice
    return f"AWS {principal}"


def bound(call: Call, tx: Transaction, principal: str | None) -> str | None:
    """A written principal as it is stored: users and roles by unique id, so that no successor is meant.

    Raises InvalidArnException for one that is not there. Source: facts, iam, section 1.
    """
    name = (principal or "").removeprefix("AWS ")
    if principal is None or not is_person(name):
        return principal
    unique_id = call.kernel.roles.person_named(tx, name)
    if unique_id is None:
        raise errors.InvalidArnException(f"{name} is not the ARN of a principal.")  # our choice
    return f"AWS {unique_id}"


def unbound(call: Call, tx: Transaction, principal: str) -> str:
    """A stored principal by its name of today; who is gone by unique id."""
    name = principal.removeprefix("AWS ")
    arn = call.kernel.roles.person_of(tx, name) if is_person(name) else None
    return principal if arn is None else f"AWS {arn}"


def shown(principal: str, member: str) -> dict[str, str]:
    """A stored principal as GrantListEntry tells it; ``member`` is Grantee or Retiring."""
    kind, _, value = principal.partition(" ")
    if kind == "Service":
        return {f"{member}ServicePrincipal": value}
    return {f"{member}Principal": f"arn:{PARTITION}:iam::{value}:root" if is_account_id(value) else value}


def names_of(principal: Principal) -> list[str]:
    """Every way in which a row may name a caller."""
    found: list[str] = []
    for naming, spellings in forms(principal):
        found += [f"AWS {one}" for one in spellings] if naming is Naming.ACCOUNT else spellings
    return found[:NAMES_OF_A_CALLER]


def grants_for(account: str, key_pk: int, arn: str, tx: Transaction, principal: Principal) -> Document | None:
    """The grants on a key that name this caller, as a document of Allows. Kept until a grant of the account changes."""
    if not tx.cached(account, store.GRANTS, ("any", key_pk), lambda: store.has_grants(tx, key_pk)):
        return None
    names = tuple(names_of(principal))
    if not names:
        return None
    return tx.cached(
        account, store.GRANTS, ("to", key_pk, names), lambda: document(arn, store.grants_to(tx, key_pk, names))
    )


def document(arn: str, granted: Sequence[GrantRow]) -> Document | None:
    """Grants on one key as a document; the Sid of each statement is its grant's id.

    RetireGrant is left out: who may retire is the grant's own affair, not that of another grant.
    """
    found = [one for one in (_one(arn, row) for row in granted) if one.statements]
    return joined(found, DocumentKind.GRANT, arn) if found else None


def _one(arn: str, row: GrantRow) -> Document:
    """One grant as a document. A grant never changes, so that one more is all there is to compile beside a thousand."""
    weight = len(arn) + len(row.constraints) + len(row.operations) + _GRANT_CHARACTERS
    return COMPILED.of((arn, row), weight, lambda: _compiled(arn, row))


def _compiled(arn: str, row: GrantRow) -> Document:
    statements = _statements(row)
    # The older version of the language has no variables: a context value stays what it is.
    text = json.dumps({"Version": "2008-10-17", "Statement": statements})
    if not statements:
        return Document(DocumentKind.GRANT, "2008-10-17", None, (), arn, text)
    return read_document(text, DocumentKind.GRANT, arn)


def _statements(one: GrantRow) -> list[dict[str, Any]]:
    kind, _, value = one.grantee.partition(" ")
    constraints = json.loads(one.constraints)
    base = {"Sid": one.grant_id, "Effect": "Allow", "Principal": {kind: value}, "Resource": "*"}
    conditions: dict[tuple[str, ...], list[str]] = {}
    for operation in one.operations.split(","):
        if operation == "RetireGrant":
            continue
        which: tuple[str, ...] = ("source", "context")
        if operation in _UNCONSTRAINED:
            which = ()
        elif operation in _NO_CONTEXT:
            which = ("source",)
        conditions.setdefault(which, []).append(f"kms:{operation}")
    made = []
    for which, actions in conditions.items():
        statement = base | {"Action": actions}
        condition: dict[str, dict[str, Any]] = {}
        if "source" in which and "SourceArn" in constraints:
            condition["StringEquals"] = {"aws:SourceArn": constraints["SourceArn"]}
        if "context" in which:
            _constrain(condition, constraints)
        made.append(statement | ({"Condition": condition} if condition else {}))
    return made


def _constrain(condition: dict[str, dict[str, Any]], constraints: Mapping[str, Any]) -> None:
    """Conditions for an encryption context: the pairs that must be there, and, for Equals, that no other is.

    Keys of a constraint have no case, values have. Source: KMS API reference, GrantConstraints.
    """
    equals, subset = constraints.get("EncryptionContextEquals"), constraints.get("EncryptionContextSubset")
    for pairs in (equals, subset):
        for key, value in (pairs or {}).items():
            condition.setdefault("StringEquals", {})[f"kms:EncryptionContext:{key}"] = value
    if equals is None:
        return
    if not equals:
        condition["Null"] = {"kms:EncryptionContextKeys": "true"}
        return
    condition["ForAllValues:StringEqualsIgnoreCase"] = {"kms:EncryptionContextKeys": list(equals)}
    condition["ForAllValues:StringEquals"] = {f"kms:EncryptionContext:{key}": value for key, value in equals.items()}


def is_narrower(operations: Sequence[str], constraints: Mapping[str, Any], parent: GrantRow) -> bool:
    """Whether a grant gives no more than another: its operations all, and constraints as strict or stricter.

    Source: KMS Developer Guide, "Granting CreateGrant permission".
    """
    if not set(operations) <= set(parent.operations.split(",")):
        return False
    theirs = json.loads(parent.constraints)
    if "SourceArn" in theirs and theirs["SourceArn"] != constraints.get("SourceArn"):
        return False
    equals, subset = theirs.get("EncryptionContextEquals"), theirs.get("EncryptionContextSubset")
    ours = constraints.get("EncryptionContextEquals")
    if equals is not None:
        return bool(ours == equals)
    if subset is not None:
        mine = ours if ours is not None else constraints.get("EncryptionContextSubset")
        return mine is not None and subset.items() <= mine.items()
    return True


def token(keyring: Keyring, name: GrantName) -> str:
    """A grant token: it says which grant, and is no permission by itself. Each is unlike every other."""
    told = f"{name.key.account}\n{name.key.region}\n{name.key.id}\n{name.grant_id}".encode()
    return base64.b64encode(keyring.tokens.seal(_TOKEN, told, _TOKEN_BOUND)).decode("ascii")


def read_token(keyring: Keyring, text: str) -> GrantName:
    """Which grant a token speaks of. Raises InvalidGrantTokenException for a text that is none of ours."""
    try:
        opened = keyring.tokens.open(_TOKEN, base64.b64decode(text, validate=True), _TOKEN_BOUND)
        account, region, key_id, grant_id = opened.decode().split("\n")
    except (SealBroken, binascii.Error, ValueError):
        raise errors.InvalidGrantTokenException(errors.BAD_TOKEN) from None
    return GrantName(KeyName(account, region, key_id), grant_id)


def check_tokens(keyring: Keyring, tx: Transaction, given: Sequence[str] | None, key_pk: int | None) -> None:
    """Refuse tokens that are none of ours, or whose grant on this key is gone.

    Tokens of grants on other keys are passed over: one request may name two keys (ReEncrypt). Grants are in force
    at once here, so a token opens no door that is shut. Source: KMS Developer Guide, "Grant tokens".
    """
    for text in given or ():
        name = read_token(keyring, text)
        row = store.key_row(tx, name.key.account, name.key.region, name.key.id)
        if row is None or (row.pk == key_pk and store.grant_by_id(tx, row.pk, name.grant_id) is None):
            raise errors.InvalidGrantTokenException(errors.BAD_TOKEN)
