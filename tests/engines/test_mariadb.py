"""Ready-made rotation of MariaDB users on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.targets.mariadb import MariaDBTarget

NASTY = [
    pytest.param("o'\"\\;-- %s `{}", "p'\"\\;%s$1{}:/@ x", id="quotes"),
    pytest.param("ünï-Größe☃", "пароль-☃-ñ", id="unicode"),
    pytest.param("l" * 74, "p" * 200, id="long"),
]


def plan(**settings: Any) -> Any:
    """The plan, with tools of its own."""
    from strongroom.rotations.engines.mysql import plan  # noqa: PLC0415  after the drivers' place is known

    return plan(Alone(**settings))


@pytest.mark.parametrize(("user", "password"), NASTY)
@pytest.mark.parametrize("encrypted", [True, False])
def test_nasty_names_and_passwords_are_quoted_by_the_driver(
    mariadb_target: MariaDBTarget, user: str, password: str, encrypted: bool
) -> None:
    user = user[:-1] + "t" if encrypted else user
    first = mariadb_target.make_user(user, "first") | {"ssl": encrypted}
    second = turned(plan(passwords=[password]), first)
    assert password == second["password"]
    third = turned(plan(), second, first)
    assert [True, False, False] == [mariadb_target.opens(value) for value in (third, second, first)]


@pytest.mark.parametrize(("user", "password"), NASTY)
def test_the_second_user_has_the_grants_of_the_first(mariadb_target: MariaDBTarget, user: str, password: str) -> None:
    user = user[1:]
    mariadb_target.run("CREATE DATABASE IF NOT EXISTS `kept``%%`")
    first = mariadb_target.make_user(user, "first", "REQUIRE SSL") | {"masterarn": "admin"}
    mariadb_target.run("GRANT SELECT, INSERT ON `kept``%%`.* TO %s@'127.0.0.1' WITH GRANT OPTION", user)
    admin = mariadb_target.value("admin", "of the administrator")
    two = plan(passwords=[password], others={"admin": admin}, ROTATION_STRATEGY="alternating")
    second = turned(two, first)
    assert (f"{user}_clone", True, True) == (
        second["username"],
        mariadb_target.opens(first),
        mariadb_target.opens(second),
    )
    grants = [
        [
            grant.rpartition(" TO ")[0] + grant.rpartition("`127.0.0.1`")[2]
            for (grant,) in mariadb_target.run("SHOW GRANTS FOR %s@'127.0.0.1'", name)
            if "USAGE" not in grant
        ]
        for name in (user, second["username"])
    ]
    assert grants[0] == grants[1]
    assert (("ANY",),) == mariadb_target.run("SELECT ssl_type FROM mysql.user WHERE User = %s", second["username"])
    third = turned(two, second, first)
    assert [user, True, True, False] == [third["username"], *map(mariadb_target.opens, (third, second, first))]


def test_a_user_rotates_end_to_end(rotating: Rotating, mariadb_target: MariaDBTarget) -> None:
    first = mariadb_target.make_user("single", "first")
    rotating.make("db", first)
    value = rotating.enable("db", "mariadb")
    assert (True, False) == (mariadb_target.opens(value), mariadb_target.opens(first))


def test_two_users_take_turns_end_to_end(rotating: Rotating, mariadb_target: MariaDBTarget) -> None:
    first = mariadb_target.make_user("pair", "first")
    rotating.make("db-admin", {"username": "admin", "password": "of the administrator"})
    rotating.make("db", first)
    second = rotating.enable("db", "mariadb", "--strategy", "alternating", "--superuser", "db-admin")
    assert "pair_clone" == second["username"]
    assert (True, True) == (mariadb_target.opens(first), mariadb_target.opens(second))


def test_a_refused_login_is_told_apart_from_a_target_that_is_not_there(mariadb_target: MariaDBTarget) -> None:
    wrong = mariadb_target.value("nobody", "wrong")
    with pytest.raises(RotationError, match=r"the login as nobody was refused: .*Access denied for user"):
        plan().test(wrong)
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1:1: .*Connection refused"):
        plan().test(wrong | {"port": 1})


def test_a_certificate_of_nobody_we_know_ends_the_conversation(mariadb_target: MariaDBTarget, stranger: str) -> None:
    first = mariadb_target.make_user("unknown-ca", "first")
    with pytest.raises(RotationError, match=r"could not connect to .*certificate verify failed"):
        plan().test(first | {"ca": stranger})
