"""Ready-made rotation of LDAP entries on a real OpenLDAP."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.targets.openldap import LDAPTarget


def plan(**settings: Any) -> Any:
    """The plan, with tools of its own."""
    from strongroom.rotations.engines.ldap import plan  # noqa: PLC0415  after the drivers' place is known

    return plan(Alone(**settings))


@pytest.mark.parametrize(
    ("user", "password"),
    [("o'\"\\;--%s{}, x+y=z", "p'\"\\;%s$1{}:/@ x"), ("ünï-Größe☃", "пароль-☃-ñ"), ("l" * 200, "p" * 400)],
    ids=["quotes", "unicode", "long"],
)
@pytest.mark.parametrize("encrypted", [True, False])
def test_an_entry_changes_its_own_password(ldap_target: LDAPTarget, user: str, password: str, encrypted: bool) -> None:
    first = ldap_target.make_user(f"{user}{encrypted}", "first") | {"ssl": encrypted}
    second = turned(plan(passwords=[password]), first)
    assert (password, True, False) == (second["password"], ldap_target.opens(second), ldap_target.opens(first))
    third = turned(plan(), second, first)
    assert [True, False, False] == [ldap_target.opens(value) for value in (third, second, first)]


def test_the_port_of_ldaps_is_tls_from_the_first_byte(
    ldap_target: LDAPTarget, monkeypatch: pytest.MonkeyPatch, stranger: str
) -> None:
    from strongroom.rotations.engines import ldap  # noqa: PLC0415  as above

    monkeypatch.setattr(ldap, "_LDAPS", ldap_target.tls_port)  # 636 itself is for root alone
    first = ldap_target.make_user("ldaps", "first") | {"port": ldap_target.tls_port}
    assert ldap_target.opens(turned(plan(), first) | {"port": ldap_target.port})
    with pytest.raises(RotationError, match=r"could not connect to .*certificate verify failed"):
        plan().test(first | {"ca": stranger})


def test_refused_and_unreachable_are_told_apart(ldap_target: LDAPTarget) -> None:
    first = ldap_target.make_user("told", "first")
    with pytest.raises(RotationError, match=r"the login as cn=told.* was refused: invalidCredentials"):
        plan().test(first | {"password": "wrong"})
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1:1: .*Connection refused"):
        plan().test(first | {"port": 1})


def test_a_certificate_of_nobody_we_know_ends_the_conversation(ldap_target: LDAPTarget, stranger: str) -> None:
    first = ldap_target.make_user("unknown-ca", "first")
    with pytest.raises(RotationError, match=r"could not connect to .*certificate verify failed"):
        plan().test(first | {"ca": stranger})


def test_an_entry_rotates_end_to_end(rotating: Rotating, ldap_target: LDAPTarget) -> None:
    first = ldap_target.make_user("single", "first")
    rotating.make("directory", first)
    value = rotating.enable("directory", "ldap")
    assert (True, False) == (ldap_target.opens(value), ldap_target.opens(first))
