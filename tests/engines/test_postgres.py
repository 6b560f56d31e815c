"""Ready-made rotation of PostgreSQL users on a real server, as ``strongroom rotation enable`` sets it up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.rotating import Rotating
from tests.targets.postgresql import PostgreSQLTarget

NASTY = [
    pytest.param("o'\"\\;-- %s {}", "p'\"\\;%s$1{}:/@ x", id="quotes"),
    pytest.param("ünï-Größe☃", "пароль-☃-ñ", id="unicode"),
    pytest.param("l" * 63, "p" * 200, id="long"),
]


@pytest.mark.parametrize(("user", "password"), NASTY)
def test_a_user_changes_its_own_password_over_tls(
    rotating: Rotating, postgres_target: PostgreSQLTarget, user: str, password: str
) -> None:
    first = postgres_target.make_user(user, password)
    rotating.make("db", first)
    value = rotating.enable("db", "postgres")
    assert first["password"] != value["password"]
    assert {**first, "password": ""} == {**value, "password": ""}
    assert (True, False) == (postgres_target.opens(value), postgres_target.opens(first))
    again = rotating.rotate("db")
    assert (True, False) == (postgres_target.opens(again), postgres_target.opens(value))


def test_plain_text_is_spoken_only_where_the_secret_says_so(
    rotating: Rotating, postgres_target: PostgreSQLTarget, capsys: Any
) -> None:
    rotating.make("db", postgres_target.make_user("plainly", "first") | {"ssl": False})
    assert postgres_target.opens(rotating.enable("db", "postgres"))
    assert "in PLAIN TEXT" in capsys.readouterr().out


def test_two_users_take_turns(rotating: Rotating, postgres_target: PostgreSQLTarget) -> None:
    superuser = postgres_target.make_user("turns-admin", "of admin", "CREATEROLE SUPERUSER")
    first = postgres_target.make_user("turn's", "first")
    postgres_target.run("CREATE TABLE kept_by_turns (x int)")
    postgres_target.run("GRANT SELECT ON kept_by_turns TO {}", "turn's")
    admin = rotating.make("db-admin", superuser)
    rotating.make("db", first | {"masterarn": admin})
    second = rotating.enable("db", "postgres", "--strategy", "alternating", "--superuser", "db-admin")
    assert "turn's_clone" == second["username"]
    assert (True, True) == (postgres_target.opens(first), postgres_target.opens(second))
    third = rotating.rotate("db")
    assert "turn's" == third["username"]
    assert [True, True, False] == [postgres_target.opens(value) for value in (third, second, first)]
    fourth = rotating.rotate("db")
    assert [True, True, False] == [postgres_target.opens(value) for value in (fourth, third, second)]
