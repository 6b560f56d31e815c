"""What the steps and strategies refuse, whatever the target: told without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from strongroom.rotations.contract import Attempt, Finding, Value
from strongroom.rotations.errors import BadSecret, Refused, RotationError
from strongroom.rotations.handler import masked
from strongroom.rotations.passwords import password_settings
from strongroom.rotations.secret import BARE, port_of, text_of
from strongroom.rotations.strategies import AlternatingUsers, SingleUser, plan_of
from tests.engines.plans import Alone, turned


class Users:
    """A target of its own (contract.Engine, contract.Session): users and passwords in a table."""

    user_characters = 20
    encrypted = True

    def __init__(self, **users: str) -> None:
        self.users = users

    def address(self, value: Value) -> str:
        """Nowhere."""
        return "here"

    @contextmanager
    def open(self, value: Value) -> Iterator[Users]:
        """Log in."""
        if self.users.get(value["username"]) != value["password"]:
            raise Refused(value["username"], "wrong password")
        yield self

    def set_password(self, user: str, password: str) -> None:
        """Change it."""
        self.users[user] = password

    def clone(self, user: str, clone: str, password: str) -> None:
        """Make or change the second."""
        self.users[clone] = password

    def rehearse(self, user: str, candidate: str, *, clone: str | None) -> list[Finding]:
        """Nothing to see."""
        return []


def value(user: str, password: str, **more: Any) -> Value:
    """A secret's value."""
    return {"host": "h", "port": 1, "username": user, "password": password, **more}


ADMIN = {"username": "admin", "password": "a"}


def test_two_users_take_turns_for_ever() -> None:
    users = Users(app="first", admin="a")
    plan = AlternatingUsers(users, Alone(others={"arn": ADMIN}))
    now, before = value("app", "first", masterarn="arn"), None
    names = []
    for _ in range(4):
        now, before = turned(plan, now, before), now
        names.append(now["username"])
    assert ["app_clone", "app", "app_clone", "app"] == names


def test_who_does_not_have_the_current_password_cannot_have_the_superuser_hand_over_another_account() -> None:
    users = Users(victim="its own", admin="a")
    plan = AlternatingUsers(users, Alone(others={"arn": ADMIN}))
    forged = value("victim_clone", "guessed", masterarn="arn")
    with pytest.raises(RotationError, match="the current password does not open the target"):
        turned(plan, forged)
    assert "its own" == users.users["victim"]


@pytest.mark.parametrize(
    ("superuser", "named", "told"),
    [
        ({**ADMIN, "host": "elsewhere"}, "arn", "for another host or port"),
        ({**ADMIN, "port": 2}, "arn", "for another host or port"),
        (ADMIN, "another", "not the superuser that this function was made for"),
        (ADMIN, None, ""),
    ],
)
def test_the_superuser_is_the_one_that_was_meant(superuser: Value, named: str | None, told: str) -> None:
    users = Users(app="first", admin="a")
    tools = Alone(others={"arn": superuser, "another": superuser}, ROTATION_SUPERUSER="arn")
    more = {} if named is None else {"masterarn": named}
    plan = AlternatingUsers(users, tools)
    if told:
        with pytest.raises(BadSecret, match=told):
            turned(plan, value("app", "first", **more))
        assert "app_clone" not in users.users
    else:
        assert "app_clone" == turned(plan, value("app", "first", **more))["username"]


def test_a_second_name_that_is_too_long_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(BadSecret, match="has more than 20 characters"):
        AlternatingUsers(Users(), Alone()).create(value("fifteen-letters", "x"), Attempt())


def test_the_previous_password_is_tried_where_the_current_one_is_not_taken() -> None:
    users = Users(app="second to last")
    SingleUser(users, Alone()).set(value("app", "new"), value("app", "lost"), value("app", "second to last"))
    assert {"app": "new"} == users.users


def test_a_strategy_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadSecret, match="must be single or alternating"):
        plan_of(Users(), Alone(ROTATION_STRATEGY="both"))


def test_values_are_masked_in_every_form_in_which_they_come_back() -> None:
    seen = {"username": "app", "password": "p'a/ss \\w", "requests": {"headers": ["deep secret"]}, "port": 1}
    text = "app: p'a/ss \\w | p%27a%2Fss%20%5Cw | p\\'a/ss \\\\w | p''a/ss \\w | deep secret"
    said = masked(text, [seen])
    assert "app: " in said
    assert not [word for word in ("a/ss", "a%2Fss", "deep") if word in said]


def test_places_and_names_are_told() -> None:
    seen = {
        "token_url": "https://here/token",
        "client_id": "the app",
        "requests": {"create": {"url": "https://here/x"}},
    }
    text = "POST https://here/token of the app, https://here/x"
    assert text == masked(text, [seen])


def test_a_long_error_is_cut_only_after_values_in_it_are_masked() -> None:
    said = masked("x" * 995 + "p" * 50 + "tail", [{"password": "p" * 50}])
    assert ("x" * 995 + "***ta...") == said


def test_settings_of_passwords_are_those_of_awss_templates() -> None:
    assert {
        "ExcludeCharacters": "#",
        "PasswordLength": 40,
        "RequireEachIncludedType": False,
        "ExcludeNumbers": True,
        "ExcludePunctuation": True,
        "ExcludeUppercase": False,
        "ExcludeLowercase": False,
    } == password_settings(
        {
            "EXCLUDE_CHARACTERS": "#",
            "PASSWORD_LENGTH": "40",
            "EXCLUDE_NUMBERS": "y",
            "EXCLUDE_PUNCTUATION": "True",
            "REQUIRE_EACH_INCLUDED_TYPE": "no",
        }
    )


def test_ports_are_numbers_or_words_of_them() -> None:
    assert [1, 5432, 7] == [port_of({"port": "1"}, 2), port_of({}, 5432), port_of({"port": 7}, 2)]
    for wrong in ("x", 0, 65536, True, None, "1e3"):
        with pytest.raises(BadSecret):
            port_of({"port": wrong}, 1)


def test_a_value_that_is_no_object_is_told_as_such() -> None:
    with pytest.raises(BadSecret, match="is not a JSON object"):
        text_of({BARE: "just a string"}, "username")
