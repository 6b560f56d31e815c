"""Grants as documents, and when one gives no more than another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.services.kms.kernel import KEYRING

from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import DocumentKind, read_document
from strongroom.kernel.authz.messages import denial_text
from strongroom.kernel.authz.model import ContextValue, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.services.kms import errors, grants
from strongroom.services.kms.grants import GrantName
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.store import GrantRow
from strongroom.services.kms.store.grant_rows import NAMES_OF_A_CALLER

ARN = "arn:aws:kms:us-east-1:111122223333:key/k"
ANN = "arn:aws:iam::111122223333:user/ann"
NAME = GrantName(KeyName("111122223333", "us-east-1", "mrk-" + "0" * 32), "a" * 64)


def row(operations: str, constraints: dict[str, Any] | None = None) -> GrantRow:
    return GrantRow("a" * 64, 1, 0, None, f"AWS {ANN}", None, "111122223333", operations, json.dumps(constraints or {}))


def test_a_grant_becomes_statements_about_its_operations_only() -> None:
    made = grants.document(ARN, [row("Encrypt,DescribeKey,RetireGrant", {"EncryptionContextSubset": {"a": "b"}})])
    assert made is not None
    assert {"kms:Encrypt", "kms:DescribeKey"} == {action for one in made.statements for action in one.actions}
    constrained = {one.actions: bool(one.conditions) for one in made.statements}
    assert {("kms:Encrypt",): True, ("kms:DescribeKey",): False} == constrained
    assert all(one.allows and one.sid == "a" * 64 for one in made.statements)


def test_a_grant_to_retire_alone_allows_nothing_by_itself() -> None:
    assert grants.document(ARN, [row("RetireGrant")]) is None
    assert grants.document(ARN, []) is None


@pytest.mark.parametrize("value", ["${aws:username}", "*", 'quo"te', "\\u0041", "\u00e9\n"])
def test_no_value_of_a_constraint_is_more_than_text(value: str) -> None:
    made = grants.document(ARN, [row("Encrypt", {"EncryptionContextEquals": {"k": value}})])
    assert made is not None
    (statement,) = made.statements
    context: dict[str, ContextValue] = {
        "kms:encryptioncontext:k": value,
        "kms:encryptioncontextkeys": ("k",),
        "aws:username": "ann",
    }
    assert all(test(context) is True for test in statement.tests)
    for other in ("ann", "x", value + " "):
        changed = context | {"kms:encryptioncontext:k": other}
        assert any(test(changed) is False for test in statement.tests)


SUBSET, EQUALS = "EncryptionContextSubset", "EncryptionContextEquals"
SOURCE = {"SourceArn": "arn:aws:lambda:us-east-1:111122223333:function:f"}


@pytest.mark.parametrize(
    ("operations", "constraints", "parent", "expected"),
    [
        (["Encrypt"], {}, row("Encrypt,CreateGrant"), True),
        (["Encrypt", "Decrypt"], {}, row("Encrypt,CreateGrant"), False),
        (["Encrypt"], {SUBSET: {"a": "b", "c": "d"}}, row("Encrypt", {SUBSET: {"a": "b"}}), True),
        (["Encrypt"], {EQUALS: {"a": "b"}}, row("Encrypt", {SUBSET: {"a": "b"}}), True),
        (["Encrypt"], {}, row("Encrypt", {SUBSET: {"a": "b"}}), False),
        (["Encrypt"], {SUBSET: {"a": "x"}}, row("Encrypt", {SUBSET: {"a": "b"}}), False),
        (["Encrypt"], {SUBSET: {"a": "b"}}, row("Encrypt", {EQUALS: {"a": "b"}}), False),
        (["Encrypt"], {EQUALS: {"a": "b"}}, row("Encrypt", {EQUALS: {"a": "b"}}), True),
        (["Encrypt"], {EQUALS: {"a": "b", "c": "d"}}, row("Encrypt", {EQUALS: {"a": "b"}}), False),
        (["Encrypt"], SOURCE, row("Encrypt", SOURCE), True),
        (["Encrypt"], {}, row("Encrypt", SOURCE), False),
    ],
    ids=str,
)
def test_a_grant_is_narrower_by_operations_and_constraints(
    operations: list[str], constraints: dict[str, Any], parent: GrantRow, expected: bool
) -> None:
    assert expected is grants.is_narrower(operations, constraints, parent)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("111122223333", None), "AWS 111122223333"),
        (("arn:aws:iam::111122223333:root", None), "AWS 111122223333"),
        ((ANN, None), f"AWS {ANN}"),
        (
            ("arn:aws:sts::111122223333:assumed-role/app/run", None),
            "AWS arn:aws:sts::111122223333:assumed-role/app/run",
        ),
        ((None, "lambda.amazonaws.com"), "Service lambda.amazonaws.com"),
        ((None, None), None),
    ],
    ids=str,
)
def test_principals_have_one_spelling_in_rows(given: tuple[str | None, str | None], expected: str | None) -> None:
    assert expected == grants.written(*given)


@pytest.mark.parametrize(
    "bad", ["*", "ann", "AIDA" + "A" * 17, "arn:aws:iam::1:user/a", "arn:aws:iam::111122223333:group/g"]
)
def test_what_is_no_principal_is_refused(bad: str) -> None:
    with pytest.raises(errors.InvalidArnException):
        grants.written(bad, None)


def test_a_caller_is_looked_for_by_every_name_it_has() -> None:
    role = Principal(
        PrincipalKind.ROLE, "arn:aws:sts::111122223333:assumed-role/app/run", "111122223333", "AROA" + "A" * 17,
        "AROA" + "A" * 17 + ":run", entity_arn="arn:aws:iam::111122223333:role/app", session_name="run",
    )  # fmt: skip
    names = grants.names_of(role)
    assert NAMES_OF_A_CALLER == len(names)
    by_id = {f"AWS {role.unique_id}", f"AWS {role.user_id}"}
    assert {"AWS 111122223333", f"AWS {role.entity_arn}", f"AWS {role.arn}"} | by_id == set(names)
    service = Principal(PrincipalKind.SERVICE, "lambda.amazonaws.com", "", name="lambda.amazonaws.com")
    assert ["Service lambda.amazonaws.com"] == grants.names_of(service)


def test_a_token_says_which_grant_and_opens_under_no_other_root() -> None:
    one, two = grants.token(KEYRING, NAME), grants.token(KEYRING, NAME)
    assert one != two
    assert NAME == grants.read_token(KEYRING, one) == grants.read_token(KEYRING, two)
    with pytest.raises(errors.InvalidGrantTokenException):
        grants.read_token(Keyring(b"o" * 32), one)


def test_a_thousand_grants_to_one_principal_allow_what_each_of_them_allows() -> None:
    """As many as CreateGrant takes. As one text they were longer than a policy may be, and denied everything."""
    rows = [
        GrantRow(
            f"{n:064x}", 1, 0, None, f"AWS {ANN}", None, "111122223333", "Decrypt", json.dumps({EQUALS: {"n": str(n)}})
        )
        for n in range(1_000)
    ]
    made = grants.document(ARN, rows)
    who = Principal(PrincipalKind.USER, ANN, "111122223333", name="ann", entity_arn=ANN)
    for number, allowed in (("0", True), ("999", True), ("1000", False)):
        context: dict[str, ContextValue] = {"kms:encryptioncontext:n": number, "kms:encryptioncontextkeys": ("n",)}
        policies = Policies(rule=ResourceRule.KEY, grants=made)
        decision = decide(Request(who, "kms:Decrypt", ARN, "111122223333", context), policies)
        assert (allowed, [f"{int(number):064x}"] if allowed else []) == (
            decision.allowed,
            [one.sid for one in decision.matches],
        )


def test_a_grant_is_compiled_once_however_many_others_come_and_go() -> None:
    first, second = row("Encrypt"), row("Decrypt")
    one, both = grants.document(ARN, [first]), grants.document(ARN, [first, second])
    assert one is not None and both is not None
    assert one.statements[0] is both.statements[0]
    elsewhere = grants.document(ARN + "2", [first])
    assert elsewhere is not None
    assert elsewhere.statements[0] is not one.statements[0]


def test_a_grant_that_cannot_be_read_back_denies_in_words() -> None:
    who = Principal(PrincipalKind.USER, ANN, "111122223333", name="ann", entity_arn=ANN)
    broken = read_document("{", DocumentKind.GRANT, ARN)
    decision = decide(Request(who, "kms:Decrypt", ARN, "111122223333"), Policies(rule=ResourceRule.KEY, grants=broken))
    assert not decision.allowed
    assert "with an explicit deny in a resource-based policy" in denial_text(decision, named=None)
