"""A refusal as DecodeAuthorizationMessage shows it."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.failure import MOST, failure
from strongroom.kernel.authz.model import Decision, Match, Outcome, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ANN = Principal(PrincipalKind.USER, "arn:aws:iam::123456789012:user/ann", "123456789012", user_id="AIDA1", name="ann")
MATCHES = (Match("identity", "inline:p", 0, "No", "Deny"), Match("resource", "arn:x", 1, None, "Deny"))


def told(account: str = "123456789012", **context: str) -> dict[str, object]:
    """The message about a Deny in two policies, on a resource of an account."""
    request = Request(ANN, "kms:Decrypt", "arn:x", account, context)
    return failure(Decision(request, Outcome.EXPLICIT_DENY, "identity", MATCHES))


def labels(message: dict[str, object]) -> list[str]:
    """The policies that it names."""
    return [one["policyId"] for one in message["matchedStatements"]["items"]]  # type: ignore[index]


def test_it_names_every_statement_that_applied() -> None:
    assert ["inline:p", "arn:x"] == labels(told())


def test_of_another_accounts_policies_it_tells_nothing() -> None:
    assert ["inline:p"] == labels(told("210987654321"))


@pytest.mark.parametrize(("count", "length"), [(3, 10), (200, 10_000)])
def test_conditions_are_bounded_in_number_and_length(count: int, length: int) -> None:
    message = told(**{f"aws:k{number}": "v" * length for number in range(count)})
    items = message["context"]["conditions"]["items"]  # type: ignore[index]

    assert min(count, MOST) == len(items)
    assert {min(length, 256)} == {len(one["values"]["items"][0]["value"]) for one in items}
