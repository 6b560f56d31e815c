"""How long, with which tags, as whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.base.clock import EPOCH
from strongroom.base.refusals import Answerable
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.sealing.tokens import PACKED_BYTES_MAX
from strongroom.services.sts import rules

CHAINED = "the 1 hour session limit for roles assumed by role chaining"
HOUR = timedelta(hours=1)
USER = Principal(PrincipalKind.USER, arn="u", account="123456789012")
SESSION = Principal(
    PrincipalKind.ROLE,
    arn="r",
    account="123456789012",
    tags={"Team": "blue", "Level": "1"},
    transitive_tags=frozenset({"Team"}),
    source_identity="ann",
    token_issued=EPOCH,
)


def refusal(call: object) -> str | None:
    """The text that a call is refused with."""
    with pytest.raises(Answerable) as refused:
        call()  # type: ignore[operator]
    return refused.value.message


@pytest.mark.parametrize(
    ("asked", "most", "chained", "length"),
    [
        (None, HOUR, False, HOUR),
        (900, HOUR, False, HOUR / 4),
        (7200, 2 * HOUR, False, 2 * HOUR),
        (3600, HOUR, True, HOUR),
    ],
)
def test_a_role_session_is_as_long_as_asked(
    asked: int | None, most: timedelta, chained: bool, length: timedelta
) -> None:
    assert length == rules.role_session_length(asked, most, chained=chained)


@pytest.mark.parametrize(
    ("asked", "chained", "text"),
    [
        (3601, False, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
        (3601, True, f"The requested DurationSeconds exceeds {CHAINED}."),
    ],
)
def test_a_longer_session_than_allowed_is_refused(asked: int, chained: bool, text: str) -> None:
    assert text == refusal(lambda: rules.role_session_length(asked, HOUR, chained=chained))


def test_transitive_tags_flow_on_and_others_do_not() -> None:
    tags, flowing = rules.session_tags(SESSION, {"Project": "x"}, ["project"])

    assert ({"Team": "blue", "Project": "x"}, ("Team", "Project")) == (tags, flowing)


def test_an_inherited_tag_cannot_be_overridden() -> None:
    text = refusal(lambda: rules.session_tags(SESSION, {"team": "red"}, []))

    assert text is not None
    assert text.startswith("One of the specified transitive tag keys can't be set because it conflicts")


def test_a_transitive_key_must_be_passed_as_a_tag() -> None:
    assert "The specified transitive tag key must be included in the requested tags." == refusal(
        lambda: rules.session_tags(USER, {"a": "1"}, ["b"])
    )


def test_tag_keys_that_differ_in_case_only_are_refused() -> None:
    assert "Duplicate tag keys found. Please note that Tag keys are case insensitive." == refusal(
        lambda: rules.asked_tags([{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])
    )


@pytest.mark.parametrize(
    ("caller", "asked", "identity"),
    [(USER, None, None), (USER, "bob", "bob"), (SESSION, None, "ann"), (SESSION, "ann", "ann")],
)
def test_a_source_identity_stays(caller: Principal, asked: str | None, identity: str | None) -> None:
    assert identity == rules.source_identity(caller, asked)


def test_a_source_identity_cannot_be_changed() -> None:
    assert refusal(lambda: rules.source_identity(SESSION, "bob"))


@pytest.mark.parametrize(
    "arn",
    [
        "x" * 20,
        "arn:aws:iam::123456789012:user/a",
        "arn:aws:iam::aws:role/a",
        "arn:aws:iam:us-east-1:123456789012:role/a",
    ],
)
def test_what_is_no_role_is_refused_by_its_own_name(arn: str) -> None:
    assert f"{arn} is invalid" == refusal(lambda: rules.role_account(arn))


@pytest.mark.parametrize("caller", [SESSION, Principal(PrincipalKind.USER, arn="u", account="1", token_issued=EPOCH)])
def test_only_long_term_keys_may_ask_for_sessions_of_users(caller: Principal) -> None:
    assert "Cannot call GetSessionToken with session credentials" == refusal(
        lambda: rules.refuse_session(caller, "GetSessionToken")
    )


def test_packed_size_is_a_percentage_rounded_up() -> None:
    assert (1, 100) == (rules.packed_percent(1), rules.packed_percent(PACKED_BYTES_MAX))
    assert "Packed policy consumes 101% of allotted space, please use smaller policy." == refusal(
        lambda: rules.packed_percent(PACKED_BYTES_MAX + 1)
    )
