"""Ready-made rotation of PostgreSQL users on a real server; Redshift's way on the same one."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from strongroom.rotations.engines import postgres, redshift
from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.rotation.rotators import until
from tests.targets.postgresql import PostgreSQLTarget

NASTY = [
    pytest.param("o'\"\\;-- %s {}", "p'\"\\;%s$1{}:/@ x", id="quotes"),
    pytest.param("ünï-Größe☃", "пароль-☃-ñ", id="unicode"),
    pytest.param("l" * 56, "p" * 200, id="long"),
]


@pytest.mark.parametrize(("user", "password"), NASTY)
@pytest.mark.parametrize("encrypted", [True, False])
def test_nasty_names_and_passwords_are_quoted_by_the_driver(
    postgres_target: PostgreSQLTarget, user: str, password: str, encrypted: bool
) -> None:
    user = f"{user[1:]}{'t' if encrypted else 'p'}"
    first = postgres_target.make_user(user, "first") | {"ssl": encrypted}
    second = turned(postgres.plan(Alone([password])), first)
    assert password == second["password"]
    third = turned(postgres.plan(Alone()), second, first)
    assert [True, False, False] == [postgres_target.opens(value) for value in (third, second, first)]


@pytest.mark.parametrize(("user", "password"), NASTY)
def test_nasty_names_take_turns(postgres_target: PostgreSQLTarget, user: str, password: str) -> None:
    first = postgres_target.make_user(user, "first") | {"masterarn": "admin"}
    admin = postgres_target.value("strongroom", postgres_target.password)
    plan = postgres.plan(Alone([password], others={"admin": admin}, ROTATION_STRATEGY="alternating"))
    second = turned(plan, first)
    assert (f"{user}_clone", password) == (second["username"], second["password"])
    third = turned(plan, second, first)
    assert [user, True, True, False] == [third["username"], *map(postgres_target.opens, (third, second, first))]


@pytest.mark.parametrize("encrypted", [True, False])
def test_redshifts_way_of_telling_a_password_is_taken_by_postgresql(
    postgres_target: PostgreSQLTarget, encrypted: bool
) -> None:
    user = f"red'shift {encrypted}"
    first = postgres_target.make_user(user, "first") | {"ssl": encrypted, "engine": "redshift"}
    second = turned(redshift.plan(Alone(["p'\"\\%ñ☃"])), first)
    assert [True, False] == [postgres_target.opens(value) for value in (second, first)]


def test_who_is_refused_is_told_so_with_every_login_that_was_tried(postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("locked", "out of band")
    current, previous = first | {"password": "no longer"}, first | {"password": "even older"}
    plan = postgres.plan(Alone())
    with pytest.raises(RotationError) as told:
        plan.set(first | {"password": "new"}, current, previous)
    words = str(told.value)
    assert 3 == words.count('password authentication failed for user "locked"')
    assert [True] * 3 == [f"{name}: the login" in words for name in ("pending", "current", "previous")]
    assert postgres_target.opens(first)


def test_a_target_that_is_not_there_is_told_apart_and_no_other_login_is_tried(
    postgres_target: PostgreSQLTarget, stranger: str
) -> None:
    first = postgres_target.make_user("away", "first")
    plan = postgres.plan(Alone())
    for wrong, words in (
        ({"port": 1}, r"could not connect to 127\.0\.0\.1:1: .*Connection refused"),
        ({"ca": stranger}, r"could not connect to 127\.0\.0\.1:\d+: .*certificate verify failed"),
        ({"host": "localhost.invalid"}, "could not connect to localhost.invalid"),
    ):
        with pytest.raises(RotationError, match=words):
            plan.set(first | wrong | {"password": "new"}, first | wrong, first | wrong)


def test_whoever_takes_tls_away_gets_no_login(postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("stripped", "first")
    heard: list[bytes] = []

    def refuse_tls(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(1024))
            connection.sendall(b"N")  # "no TLS here" (PostgreSQL documentation, "SSL Session Encryption")
            heard.append(connection.recv(1024))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_tls, args=(listener,))
        thread.start()
        wrong = first | {"port": listener.getsockname()[1]}
        with pytest.raises(RotationError, match=r'could not connect to .*does not support SSL.*"ssl": false'):
            postgres.plan(Alone()).test(wrong)
        thread.join(60)
    assert [8, 0] == [len(one) for one in heard]


def test_the_pending_value_is_not_set_at_another_host(postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("moved", "first")
    with pytest.raises(RotationError, match="the pending value is for another host, port or user"):
        postgres.plan(Alone()).set(first | {"password": "new"}, first | {"host": "localhost"}, None)


def test_an_account_that_is_not_the_second_user_is_not_taken_for_it(postgres_target: PostgreSQLTarget) -> None:
    victim = postgres_target.make_user("victim", "its own", "SUPERUSER")
    forged = postgres_target.make_user("victim_clone", "known") | {"masterarn": "admin"}
    admin = postgres_target.value("strongroom", postgres_target.password)
    plan = postgres.plan(Alone(others={"admin": admin}, ROTATION_STRATEGY="alternating"))
    with pytest.raises(RotationError, match="could not take victim for the second user"):
        turned(plan, forged)
    assert "could not take victim" in plan.rehearse(forged, None)[-1].seen
    assert postgres_target.opens(victim)
    postgres_target.run("GRANT {} TO {}", "victim", "victim_clone")
    assert "victim" == turned(plan, forged)["username"]


def test_a_rehearsal_leaves_the_target_as_it_was(postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("rehearsed", "first") | {"masterarn": "admin"}
    admin = postgres_target.value("strongroom", postgres_target.password)
    users = "SELECT rolname, rolpassword FROM pg_authid ORDER BY 1"
    before = postgres_target.ask(users)
    for strategy in ("single", "alternating"):
        plan = postgres.plan(Alone(others={"admin": admin}, ROTATION_STRATEGY=strategy))
        assert {""} == {found.mend for found in plan.rehearse(first, None)}
    assert before == postgres_target.ask(users)


def test_a_superuser_without_rights_is_found_in_a_rehearsal(postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("rehearsed too", "first") | {"masterarn": "admin"}
    weak = postgres_target.make_user("weak admin", "of admin")
    plan = postgres.plan(Alone(others={"admin": weak}, ROTATION_STRATEGY="alternating"))
    found = plan.rehearse(first, None)[-1]
    assert ("permission denied to create role" in found.seen, "CREATEROLE" in found.mend) == (True, True)


def test_a_user_rotates_end_to_end_and_the_rehearsal_leaves_the_secret_as_it_was(
    rotating: Rotating, postgres_target: PostgreSQLTarget, capsys: Any
) -> None:
    first = postgres_target.make_user("end to end", "first")
    rotating.make("db", first)
    value = rotating.enable("db", "postgres")
    assert {**first, "password": ""} == {**value, "password": ""}
    assert (True, False) == (postgres_target.opens(value), postgres_target.opens(first))
    before = rotating.secrets.list_secret_version_ids(SecretId="db", IncludeDeprecated=True)["Versions"]
    capsys.readouterr()
    assert 0 == rotating.cli("rehearse", "db")
    assert "a password of 32 characters is taken" in capsys.readouterr().out
    assert before == rotating.secrets.list_secret_version_ids(SecretId="db", IncludeDeprecated=True)["Versions"]


def test_plain_text_and_two_users_end_to_end(
    rotating: Rotating, postgres_target: PostgreSQLTarget, capsys: Any
) -> None:
    admin = rotating.make("db-admin", {"username": "strongroom", "password": postgres_target.password})
    first = postgres_target.make_user("turns", "first") | {"ssl": False, "masterarn": admin}
    rotating.make("db", first)
    second = rotating.enable("db", "postgres", "--strategy", "alternating", "--superuser", "db-admin")
    assert ("turns_clone", True, True) == (
        second["username"],
        postgres_target.opens(first),
        postgres_target.opens(second),
    )
    assert "turns is let in, in PLAIN TEXT" in capsys.readouterr().out


def test_what_a_failed_attempt_says_holds_no_value(rotating: Rotating, postgres_target: PostgreSQLTarget) -> None:
    first = postgres_target.make_user("canary", "first")
    rotating.make("db", first)
    value = rotating.enable("db", "postgres")
    canary = "canary'\"of\\rotation%"
    for wrong in (canary, canary + "2"):
        rotating.secrets.put_secret_value(SecretId="db", SecretString=json.dumps(value | {"password": wrong}))
    rotating.secrets.rotate_secret(SecretId="db")
    said = until(lambda: rotating.said("db") if "was refused" in rotating.said("db") else "", "a failed attempt")
    assert 'password authentication failed for user "canary"' in said
    assert not [word for word in (canary, "of\\rotation", value["password"], "SCRAM-SHA") if word in said]
