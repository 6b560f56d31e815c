"""Ready-made rotation of Redis users on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.targets.redis_server import RedisTarget

ITSELF = ("+acl|setuser", "+acl|save", "+ping")


def plan(**settings: Any) -> Any:
    """The plan, with tools of its own."""
    from strongroom.rotations.engines.redis_acl import plan  # noqa: PLC0415  after the drivers' place is known

    return plan(Alone(**settings))


@pytest.mark.parametrize(
    ("user", "password"),
    [("o'\"\\;--%s{}", "p'\"\\;%s$1{}:/@ x"), ("ünï-Größe☃", "пароль-☃-ñ"), ("l" * 200, "p" * 400)],
    ids=["quotes", "unicode", "long"],
)
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_user_keeps_the_previous_password_until_the_next_rotation(
    redis_target: RedisTarget, user: str, password: str, encrypted: bool
) -> None:
    first = redis_target.make_user(user, "first", *ITSELF)
    first = first if encrypted else redis_target.plain(first)
    second = turned(plan(passwords=[password]), first)
    assert (password, True, True) == (second["password"], redis_target.opens(second), redis_target.opens(first))
    third = turned(plan(), second, first)
    assert [True, True, False] == [redis_target.opens(value) for value in (third, second, first)]


def test_an_attempt_that_was_cut_off_leaves_no_third_password_behind(redis_target: RedisTarget) -> None:
    first = redis_target.make_user("cut", "first", *ITSELF)
    second = turned(plan(), first)
    third = {**second, "password": "third"}
    redis_target.admin("ACL", "SETUSER", "cut", ">third")
    plan().set(third, second, first)
    assert [True, True, False] == [redis_target.opens(value) for value in (third, second, first)]


@pytest.mark.parametrize("before", [{"\0bare": "placeholder"}, {"username": "somebody-else", "password": "p"}])
def test_a_previous_version_that_was_of_something_else_is_left_alone(
    redis_target: RedisTarget, before: dict[str, Any]
) -> None:
    first = redis_target.make_user(f"after-{len(before)}", "first", *ITSELF)
    assert redis_target.opens(turned(plan(KEEP_PREVIOUS="false"), first, before))
    assert b"somebody-else" not in redis_target.admin("ACL", "USERS")


def test_a_superuser_changes_who_may_not_do_it_and_the_old_password_can_end_at_once(
    redis_target: RedisTarget,
) -> None:
    first = redis_target.make_user("reader", "first", "+get", "~*") | {"masterarn": "admin"}
    admin = redis_target.value("admin", "of the administrator")
    second = turned(plan(others={"admin": admin}, KEEP_PREVIOUS="false"), first)
    assert (True, False) == (redis_target.opens(second), redis_target.opens(first))


def test_who_may_not_change_a_password_is_told_so_in_a_rehearsal(redis_target: RedisTarget) -> None:
    first = redis_target.make_user("weak", "first", "+ping", "+acl|dryrun")
    (_, right) = plan().rehearse(first, None)
    assert "has no permissions to run the 'acl|setuser' command" in right.seen
    assert "+acl|setuser" in right.mend
    with pytest.raises(RotationError, match="could not change the passwords of weak"):
        turned(plan(), first)


def test_refused_and_unreachable_are_told_apart(redis_target: RedisTarget) -> None:
    wrong = redis_target.value("nobody", "wrong")
    with pytest.raises(RotationError, match=r"the login as nobody was refused: .*invalid username-password"):
        plan().test(wrong)
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1:1"):
        plan().test(wrong | {"port": 1})
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1"):
        plan().test(wrong | {"port": redis_target.plain_port})


def test_a_user_rotates_end_to_end(rotating: Rotating, redis_target: RedisTarget, capsys: Any) -> None:
    first = redis_target.make_user("single", "first", *ITSELF, "+acl|dryrun")
    rotating.make("cache", first)
    value = rotating.enable("cache", "redis")
    assert redis_target.opens(value)
    assert "single may set the passwords of single" in capsys.readouterr().out


def test_a_superuser_helps_end_to_end(rotating: Rotating, redis_target: RedisTarget) -> None:
    rotating.make("cache-admin", {"username": "admin", "password": "of the administrator"})
    first = redis_target.make_user("helped", "first", "+get", "~*")
    rotating.make("cache", first)
    value = rotating.enable("cache", "redis", "--superuser", "cache-admin", "--set", "KEEP_PREVIOUS=false")
    assert (True, False) == (redis_target.opens(value), redis_target.opens(first))
