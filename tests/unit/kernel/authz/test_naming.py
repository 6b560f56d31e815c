"""Whom a statement names, and how."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.naming import Naming, is_principal, principals
from strongroom.kernel.authz.principal import Principal, PrincipalKind

A = "111122223333"
USER = Principal(
    PrincipalKind.USER, f"arn:aws:iam::{A}:user/ann", A, "AIDAQQQQQQQQQQQQQQQQQ", name="ann",
    entity_arn=f"arn:aws:iam::{A}:user/ann",
)  # fmt: skip
ROLE = Principal(
    PrincipalKind.ROLE, f"arn:aws:sts::{A}:assumed-role/app/run", A, "AROAQQQQQQQQQQQQQQQQQ",
    entity_arn=f"arn:aws:iam::{A}:role/svc/app",
)  # fmt: skip
FEDERATED = Principal(
    PrincipalKind.FEDERATED,
    f"arn:aws:sts::{A}:federated-user/ann",
    A,
    entity_arn=f"arn:aws:iam::{A}:user/ann",
)
ROOT = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{A}:root", A)
SERVICE = Principal(PrincipalKind.SERVICE, "lambda.amazonaws.com", "", name="lambda.amazonaws.com")
WEB = Principal(PrincipalKind.ANONYMOUS, f"arn:aws:iam::{A}:oidc-provider/ci.example.com", "")
NOBODY = Principal(PrincipalKind.ANONYMOUS, "", "")
EVERYBODY = (USER, ROLE, FEDERATED, ROOT, SERVICE, WEB, NOBODY)


def named(written: list[tuple[str, str]], caller: Principal) -> set[Naming]:
    """How a Principal element names a caller."""
    return set(principals(written, negated=False).namings(caller, allows=True))


@pytest.mark.parametrize("caller", EVERYBODY)
@pytest.mark.parametrize("kind", ["*", "AWS"])
def test_the_star_names_everyone(kind: str, caller: Principal) -> None:
    assert {Naming.ANYONE} == named([(kind, "*")], caller)


@pytest.mark.parametrize("written", [A, f"arn:aws:iam::{A}:root"])
def test_an_account_names_all_its_principals_and_nobody_else(written: str) -> None:
    assert [{Naming.ACCOUNT}] * 4 + [set()] * 3 == [named([("AWS", written)], caller) for caller in EVERYBODY]


@pytest.mark.parametrize(
    ("entry", "caller", "expected"),
    [
        (("AWS", USER.arn), USER, {Naming.ENTITY}),
        (("AWS", USER.unique_id), USER, {Naming.ENTITY}),
        (("AWS", USER.arn), FEDERATED, {Naming.ENTITY}),
        (("AWS", ROLE.entity_arn), ROLE, {Naming.ENTITY}),
        (("AWS", ROLE.unique_id), ROLE, {Naming.ENTITY}),
        (("AWS", ROLE.arn), ROLE, {Naming.SESSION}),
        (("AWS", FEDERATED.arn), FEDERATED, {Naming.SESSION}),
        (("Service", "lambda.amazonaws.com"), SERVICE, {Naming.SERVICE}),
        (("AWS", "lambda.amazonaws.com"), SERVICE, set()),
        (("Federated", WEB.arn), WEB, {Naming.PROVIDER}),
        (("AWS", WEB.arn), WEB, set()),
        (("CanonicalUser", "a" * 64), USER, set()),
        (("AWS", USER.arn.upper()), USER, set()),
        (("Federated", ""), NOBODY, set()),
        (("AWS", ""), ROOT, set()),
    ],
)
def test_each_form_names_its_caller(entry: tuple[str, str], caller: Principal, expected: set[Naming]) -> None:
    assert expected == named([entry], caller)


def test_every_way_of_naming_is_reported() -> None:
    entries = [("AWS", "*"), ("AWS", A), ("AWS", ROLE.entity_arn), ("AWS", ROLE.arn)]

    assert {Naming.ANYONE, Naming.ACCOUNT, Naming.ENTITY, Naming.SESSION} == named(entries, ROLE)


@pytest.mark.parametrize(
    ("names", "caller", "denied", "allowed"),
    [
        ([A, ROLE.entity_arn, ROLE.arn], ROLE, False, False),
        ([A, ROLE.unique_id, ROLE.arn], ROLE, False, False),
        ([A, ROLE.entity_arn], ROLE, True, False),
        ([ROLE.entity_arn, ROLE.arn], ROLE, True, False),
        ([A, USER.arn], USER, False, False),
        ([USER.arn], USER, True, False),
        (["444455556666"], USER, True, True),
        ([A], ROOT, False, False),
        ([A], NOBODY, True, True),
        ([A], SERVICE, True, True),
        (["*"], USER, False, False),
        (["*"], NOBODY, False, False),
    ],
)
def test_notprincipal_spares_only_who_is_listed_in_every_form(
    names: list[str], caller: Principal, denied: bool, allowed: bool
) -> None:
    element = principals([("AWS", name) for name in names], negated=True)

    assert denied is bool(element.namings(caller, allows=False))
    assert allowed is bool(element.namings(caller, allows=True))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("*", "*", True), ("AWS", "*", True), ("AWS", A, True), ("AWS", f"arn:aws:iam::{A}:root", True),
        ("AWS", f"arn:aws:iam::{A}:user/team/ann", True), ("AWS", f"arn:aws:iam::{A}:role/app", True),
        ("AWS", f"arn:aws:sts::{A}:assumed-role/app/run", True),
        ("AWS", f"arn:aws:sts::{A}:federated-user/ann", True),
        ("AWS", "AIDAQQQQQQQQQQQQQQQQQ", True), ("AWS", "AROAQQQQQQQQQQQQQQQQQ", True),
        ("Service", "secretsmanager.amazonaws.com", True), ("Service", "logs.us-east-1.amazonaws.com", True),
        ("Federated", "accounts.google.com", True), ("Federated", WEB.arn, True),
        ("Federated", f"arn:aws:iam::{A}:saml-provider/corp", True), ("CanonicalUser", "0" * 64, True),
        ("AWS", "", False), ("AWS", "11112222333", False), ("AWS", f"arn:aws:iam::{A}:user/*", False),
        ("AWS", f"arn:aws:iam::{A}:role/ap?", False), ("AWS", f"arn:aws:iam::{A}:group/devs", False),
        ("AWS", f"arn:aws:iam::{A}:user/", False), ("AWS", f"arn:aws:sts::{A}:assumed-role/app", False),
        ("AWS", f"arn:aws:sts::{A}:assumed-role/app/*", False), ("AWS", "arn:aws:iam::*:root", False),
        ("AWS", "AKIAQQQQQQQQQQQQQQQQ", False), ("Service", "*", False), ("Service", "lambda", False),
        ("Service", "lambda.amazonaws.com.evil.example", False), ("Federated", "*", False),
        ("Federated", "localhost", False),
        ("CanonicalUser", "xyz", False), ("Other", "x", False), ("*", A, False),
    ],
)  # fmt: skip
def test_the_forms_of_a_principal(kind: str, value: str, expected: bool) -> None:
    assert expected is is_principal(kind, value)
