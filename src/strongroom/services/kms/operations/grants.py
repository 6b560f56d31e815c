"""Grants: made, listed, retired by whom they name, revoked by whom the key's policy names.

Source: KMS Developer Guide, "Grants in AWS KMS" (facts: kms, section 11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.authz.document import Document, DocumentKind, load_document
from strongroom.kernel.authz.model import ContextValue, ResourceRule
from strongroom.kernel.authz.principal import Principal
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, grants, store
from strongroom.services.kms.grants import GrantName
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at, key_named, named
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys, with_context
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.specs import SYMMETRIC, suits
from strongroom.services.kms.rules.states import check_state
from strongroom.services.kms.store import GrantRow
from strongroom.services.kms.use import check_tokens, end_dry_run

GRANTS_AT_MOST = 50_000
"""On one key. Source: KMS Developer Guide, "Resource quotas"."""
GRANTS_TO_ONE_AT_MOST = 1_000
"""On one key to one principal. Our choice: a decision reads them all."""
_GRANT_ID_DIGITS = 64
_PAIRS_AT_MOST, _VALUE_CHARS_AT_MOST = 8, 384
_CONTEXTS = ("EncryptionContextEquals", "EncryptionContextSubset")


def grant_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of CreateGrant, ListGrants and RevokeGrant. Source: facts, kms, section 15."""
    keys = caller_keys(call, target)
    keys["kms:grantisforawsresource"] = "true" if call.invoked_by is not None else "false"
    if call.name != "CreateGrant":
        return keys
    keys["kms:grantoperations"] = tuple(call["Operations"])
    for member in ("GranteePrincipal", "RetiringPrincipal", "GranteeServicePrincipal", "RetiringServicePrincipal"):
        if call.get(member) is not None:
            keys[f"kms:{member.lower()}"] = call[member]
    constraints = call.get("Constraints") or {}
    for kind in _CONTEXTS:
        if kind in constraints:
            keys["kms:grantconstrainttype"] = kind
            with_context(keys, constraints[kind])
    return keys


@operation("CreateGrant", mode=Mode.WRITE, locate=key_at(), keys=grant_keys, shown=("GrantId",))
def create_grant(call: Call, key: Key, tx: Transaction) -> Answer:
    """Let a principal use the key, within constraints. The same name and parameters again give the same grant.

    Whoever may create grants by a grant only gives no more than that grant has.
    Source: KMS API reference, CreateGrant.
    """
    check_state(call.name, key.row.state, key.arn)
    check_tokens(call, tx, key)
    operations = list(dict.fromkeys(call["Operations"]))
    constraints = call.get("Constraints") or {}
    _check(call, key, operations, constraints)
    _check_delegation(call, tx, key, operations, constraints)
    grantee = grants.written(call.get("GranteePrincipal"), call.get("GranteeServicePrincipal"))
    retiring = grants.written(call.get("RetiringPrincipal"), call.get("RetiringServicePrincipal"))
    if grantee is None:
        raise errors.invalid("You must specify either GranteePrincipal or GranteeServicePrincipal.")  # our choice
    grantee, retiring = grants.bound(call, tx, grantee) or grantee, grants.bound(call, tx, retiring)
    end_dry_run(call)
    new = GrantRow(
        call.kernel.entropy.take(_GRANT_ID_DIGITS // 2).hex(),
        key.row.pk,
        to_ms(call.now),
        call.get("Name"),
        grantee,
        retiring,
        call.account,
        ",".join(operations),
        json.dumps(constraints, sort_keys=True),
    )
    made = _same(tx, new) or new
    if made is new:
        if store.count_grants(tx, key.row.pk) >= GRANTS_AT_MOST:
            raise errors.LimitExceededException(errors.TOO_MANY_GRANTS)
        if store.count_grants_to(tx, key.row.pk, grantee) >= GRANTS_TO_ONE_AT_MOST:
            raise errors.LimitExceededException(errors.TOO_MANY_GRANTS_TO_ONE)
        store.add_grant(tx, key.row.account, new)
    return {
        "GrantToken": grants.token(call.kernel.keyring, GrantName(key.name, made.grant_id)),
        "GrantId": made.grant_id,
    }


@operation("ListGrants", mode=Mode.READ, locate=key_at(), keys=grant_keys)
def list_grants(call: Call, key: Key, tx: Transaction) -> Answer:
    """The grants on a key, by id; of one principal, or one of them, where asked.

    Source: KMS API reference, ListGrants.
    """
    check_state(call.name, key.row.state, key.arn)
    grantee = _named_now(call, tx, grants.written(call.get("GranteePrincipal"), call.get("GranteeServicePrincipal")))
    wanted = call.get("GrantId")
    page = Page(call, usual=50, of=f"{key.arn} {grantee} {wanted}")
    if wanted is not None:
        _check_id(wanted)
        one = store.grant_by_id(tx, key.row.pk, wanted)
        rows = [one] if one and one.grant_id > page.after and grantee in (None, one.grantee) else []
    else:
        rows = store.grants_of_key(tx, key.row.pk, grantee=grantee, after=page.after, limit=page.limit + 1)
    listed = [_listed(call, tx, one, key.arn) for one in rows[: page.limit]]
    return {"Grants": listed, **page.rest([one.grant_id for one in rows])}


def retiring_principal(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """``*`` in the caller's own account: a principal is no resource of KMS."""
    return Target("*", call.account)


@operation("ListRetirableGrants", mode=Mode.READ, locate=retiring_principal)
def list_retirable_grants(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The grants in this Region, on keys of whatever account, that a principal of the caller's may retire.

    Source: KMS API reference, ListRetirableGrants.
    """
    retiring = grants.written(call.get("RetiringPrincipal"), call.get("RetiringServicePrincipal"))
    if retiring is None:
        raise errors.invalid("You must specify a retiring principal.")  # our choice
    kind, _, value = retiring.partition(" ")
    if kind == "AWS" and call.account not in (value, *value.split(":")[4:5]):
        raise errors.InvalidArnException("The retiring principal must be one of your own account.")  # our choice
    page = Page(call, usual=50, of=retiring)
    bound = _named_now(call, tx, retiring) or retiring
    rows = store.retirable_grants(tx, call.region, bound, after=page.after, limit=page.limit + 1)
    if kind == "Service":  # a service retires grants of many accounts; each account sees its own
        rows = [one for one in rows if one[1] == call.account]
    arns = [(one, KeyName(account, call.region, key_id).arn) for one, account, key_id in rows[: page.limit]]
    listed = [_listed(call, tx, one, arn) for one, arn in arns]
    return {"Grants": listed, **page.rest([one[0].grant_id for one in rows])}


@operation("RevokeGrant", mode=Mode.WRITE, locate=key_at(), keys=grant_keys)
def revoke_grant(call: Call, key: Key, tx: Transaction) -> Answer:
    """Take a grant away, whoever made it. Source: KMS API reference, RevokeGrant."""
    check_state(call.name, key.row.state, key.arn)
    one = _grant(tx, key, call["GrantId"])
    end_dry_run(call)
    store.drop_grant(tx, key.row.account, one.grant_id)
    return {}


def retired_key(call: Call, tx: Transaction) -> Target:
    """The key of the grant that is named, by token or by key and id.

    The decision is the grant's own: its retiring principal may, and its grantee where RetireGrant is among its
    operations. The key's policy and identity policies can only deny.
    Source: KMS API reference, RetireGrant; KMS Developer Guide, "AWS KMS permissions", RetireGrant.
    """
    text, key_id, grant_id = call.get("GrantToken"), call.get("KeyId"), call.get("GrantId")
    if text is not None and key_id is None and grant_id is None:
        name = grants.read_token(call.kernel.keyring, text)
        grant_id = name.grant_id
        if name.key.region != call.region:
            raise errors.InvalidGrantTokenException(errors.BAD_TOKEN)
        target = named(call, tx, name.key)
    elif text is None and key_id is not None and grant_id is not None:
        _check_id(grant_id)
        target = key_named(call, tx, key_id)
    else:
        raise errors.invalid("Specify either a grant token, or a key ID and a grant ID.")  # our choice
    key: Key | None = target.found
    if key is None:
        return target
    one = store.grant_by_id(tx, key.row.pk, grant_id)
    if one is None:
        missing = errors.NotFoundException(errors.NO_GRANT.format(grant_id, key.arn))
        rule = ResourceRule.NONE if target.account == call.account else ResourceRule.KEY
        return Target(target.arn, target.account, missing=missing, rule=rule)
    return replace(target, found=(key, one), policy=_denials(target.policy), grants=_Retiring(one, key.arn))


@operation("RetireGrant", mode=Mode.WRITE, locate=retired_key)
def retire_grant(call: Call, found: tuple[Key, GrantRow], tx: Transaction) -> Answer:
    """Give a grant up. Source: KMS API reference, RetireGrant."""
    key, one = found
    check_state(call.name, key.row.state, key.arn)
    end_dry_run(call)
    store.drop_grant(tx, key.row.account, one.grant_id)
    return {}


class _Retiring:
    """Who may retire one grant, as grants of a target are asked."""

    def __init__(self, one: GrantRow, arn: str) -> None:
        who = [one.retiring] if one.retiring else []
        if "RetireGrant" in one.operations.split(","):
            who.append(one.grantee)
        statements = [
            {
                "Sid": one.grant_id,
                "Effect": "Allow",
                "Principal": {kind: value},
                "Action": "kms:RetireGrant",
                "Resource": "*",
            }
            for kind, _, value in (each.partition(" ") for each in who)
        ]
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._document = load_document(text, DocumentKind.GRANT, arn) if statements else None

    def __call__(self, tx: Transaction, principal: Principal) -> Document | None:  # noqa: ARG002
        return self._document


def _denials(policy: Document | None) -> Document | None:
    if policy is None:
        return None
    denies = tuple(one for one in policy.statements if not one.allows)
    return replace(policy, statements=denies, _by_action={})


def _check(call: Call, key: Key, operations: list[str], constraints: Mapping[str, Any]) -> None:
    """What a grant on this key may say. Raises ValidationException; the texts are our choice."""
    if not operations:
        raise errors.invalid("A grant needs at least one operation.")
    for one in operations:
        if not suits(one, key.row.spec, key.row.usage):
            raise errors.invalid(f"Operation {one} is not supported by a key of KeySpec {key.row.spec} "
                                 f"and KeyUsage {key.row.usage}.")  # fmt: skip
    _check_contexts(key, [constraints[kind] for kind in _CONTEXTS if kind in constraints])
    for member in ("Grantee", "Retiring"):
        if call.get(f"{member}Principal") and call.get(f"{member}ServicePrincipal"):
            raise errors.invalid(f"Specify {member}Principal or {member}ServicePrincipal, not both.")
    if call.get("GranteeServicePrincipal") and "SourceArn" not in constraints:
        raise errors.invalid("A grant to a service principal needs a SourceArn constraint.")


def _check_contexts(key: Key, contexts: list[Mapping[str, str]]) -> None:
    if len(contexts) > 1:
        raise errors.invalid("Specify EncryptionContextEquals or EncryptionContextSubset, not both.")
    if contexts and key.row.spec != SYMMETRIC:
        raise errors.invalid("Only symmetric encryption keys take encryption context constraints.")
    for pairs in contexts:
        if len(pairs) > _PAIRS_AT_MOST:
            raise errors.invalid(f"A constraint has at most {_PAIRS_AT_MOST} encryption context pairs.")
        if any(len(value) > _VALUE_CHARS_AT_MOST for value in pairs.values()):
            raise errors.invalid(f"Values of a constraint have at most {_VALUE_CHARS_AT_MOST} characters.")


def _check_delegation(
    call: Call, tx: Transaction, key: Key, operations: list[str], constraints: Mapping[str, Any]
) -> None:
    """Refuse a grant wider than the one that alone allows it to be made, as not allowed at all."""
    if call.decision is None or call.decision.kind != "grant" or call.target is None:
        return
    ids = {match.sid for match in call.decision.matches if match.kind == "grant" and match.sid}
    parents = [store.grant_by_id(tx, key.row.pk, grant_id) for grant_id in sorted(ids)]
    if not any(grants.is_narrower(operations, constraints, one) for one in parents if one is not None):
        call.authorise(tx, "kms:CreateGrant", replace(call.target, grants=None), grant_keys(call, call.target))


def _same(tx: Transaction, new: GrantRow) -> GrantRow | None:
    """The grant of the same name and parameters. Source: KMS API reference, CreateGrant, Name."""
    if new.name is None:
        return None
    told = (new.retiring, new.issuer, sorted(new.operations.split(",")), new.constraints)
    for one in store.grant_by_name(tx, new.key_pk, new.grantee, new.name):
        if told == (one.retiring, one.issuer, sorted(one.operations.split(",")), one.constraints):
            return one
    return None


def _grant(tx: Transaction, key: Key, grant_id: str) -> GrantRow:
    _check_id(grant_id)
    one = store.grant_by_id(tx, key.row.pk, grant_id)
    if one is None:
        raise errors.NotFoundException(errors.NO_GRANT.format(grant_id, key.arn))
    return one


def _check_id(grant_id: str) -> None:
    if len(grant_id) != _GRANT_ID_DIGITS or not set(grant_id) <= set("0123456789abcdef"):
        raise errors.InvalidGrantIdException("A grant id has 64 hexadecimal digits.")  # our choice


def _named_now(call: Call, tx: Transaction, principal: str | None) -> str | None:
    """A principal to look for: as it is stored, or, where nobody has the name, the name that nothing is stored by."""
    try:
        return grants.bound(call, tx, principal)
    except errors.InvalidArnException:
        return principal


def _listed(call: Call, tx: Transaction, one: GrantRow, arn: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "KeyId": arn,
        "GrantId": one.grant_id,
        "CreationDate": from_ms(one.created_ms),
        "IssuingAccount": f"arn:aws:iam::{one.issuer}:root",
        "Operations": one.operations.split(","),
        **grants.shown(grants.unbound(call, tx, one.grantee), "Grantee"),
    }
    if one.name is not None:
        told["Name"] = one.name
    if one.retiring is not None:
        told |= grants.shown(grants.unbound(call, tx, one.retiring), "Retiring")
    constraints = json.loads(one.constraints)
    if constraints:
        told["Constraints"] = constraints
    return told
