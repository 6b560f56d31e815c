"""What ``rotation enable`` means by what it is asked: schedules, names, permissions."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.cli.rotation_wish import Wish, rules_of

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:team/db@x-AbCdEf"
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("every", "window", "rules"),
    [
        ("30d", None, {"AutomaticallyAfterDays": 30}),
        ("30d", "3h", {"AutomaticallyAfterDays": 30, "Duration": "3h"}),
        ("12h", None, {"ScheduleExpression": "rate(12 hours)"}),
        ("cron(0 4 ? * SUN *)", "2h", {"ScheduleExpression": "cron(0 4 ? * SUN *)", "Duration": "2h"}),
        ("rate(10 days)", None, {"ScheduleExpression": "rate(10 days)"}),
    ],
)
def test_schedules_are_said_shortly_or_as_aws_has_them(every: str, window: str | None, rules: dict[str, Any]) -> None:
    assert rules == rules_of(every, window)


@pytest.mark.parametrize("every", ["", "30", "d", "30 days", "-1d", "30d ", "1w"])
def test_other_words_are_no_schedule(every: str) -> None:
    with pytest.raises(ValueError, match="is not like 30d"):
        rules_of(every)


def test_a_name_has_the_letters_of_functions_and_the_secrets_own_six() -> None:
    assert "rotates-team-db-x-AbCdEf" == Wish(ARN, "postgres").name
    assert 64 >= len(Wish(ARN.replace("team", "t" * 400), "postgres").name)


def test_every_statement_is_about_one_resource_but_for_random_passwords() -> None:
    wish = Wish(ARN, "postgres", "alternating", ARN.replace("db", "admin"), None, (KEY,), (KEY,))
    statements = wish.policy()["Statement"]
    assert ["secretsmanager:GetRandomPassword"] == [one["Action"][0] for one in statements if one["Resource"] == "*"]
    assert all("*" not in action for one in statements for action in one["Action"])
    through = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    assert [through, through] == [one["Condition"] for one in statements if one["Resource"] == KEY]
