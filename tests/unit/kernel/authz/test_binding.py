"""Stored policies mean who was named, not who bears the name later."""

from __future__ import annotations

import json

import pytest

from strongroom.kernel.authz import binding

ANN = "arn:aws:iam::123456789012:user/ann"
BOB = "arn:aws:iam::123456789012:role/ops/bob"
IDS = {ANN: "AIDAX", BOB: "AROAX"}


def policy(*principals: object, element: str = "Principal") -> str:
    """A policy with one statement for each principal element, and a condition that names somebody too."""
    condition = {"ArnEquals": {"aws:PrincipalArn": ANN}}
    statements = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", element: one, "Condition": condition} for one in principals
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def principals(text: str, element: str = "Principal") -> list[object]:
    return [statement[element] for statement in json.loads(text)["Statement"]]


def test_users_and_roles_are_found_wherever_they_are_named() -> None:
    text = policy({"AWS": ANN}, {"AWS": [BOB, "123456789012", ANN]}, "*", {"Service": "lambda.amazonaws.com"})

    assert [ANN, BOB] == binding.people(text)


@pytest.mark.parametrize(
    "name", ["*", "123456789012", "arn:aws:iam::123456789012:root", "arn:aws:sts::123456789012:federated-user/f"]
)
def test_accounts_and_federated_users_are_no_people(name: str) -> None:
    assert [] == binding.people(policy({"AWS": name}))


def test_one_statement_without_a_list_is_read_as_well() -> None:
    one = {"Version": "2012-10-17", "Statement": json.loads(policy({"AWS": ANN}))["Statement"][0]}

    assert [ANN] == binding.people(json.dumps(one))


@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_decisions_are_made_of_unique_ids(element: str) -> None:
    kept = binding.stored(policy({"AWS": ANN}, {"AWS": [BOB, "123456789012"]}, element=element), IDS)
    meant = binding.meant(kept)

    assert [{"AWS": "AIDAX"}, {"AWS": ["AROAX", "123456789012"]}] == principals(meant, element)
    assert ANN in meant, "conditions stay as they are"


def test_a_policy_whose_people_are_all_there_is_shown_as_given() -> None:
    text = "  " + policy({"AWS": ANN}, {"AWS": BOB})
    kept = binding.stored(text, IDS)

    assert text == binding.shown(kept, {"AIDAX": ANN, "AROAX": BOB})


def test_who_is_gone_is_shown_by_id_and_who_was_renamed_by_the_new_name() -> None:
    kept = binding.stored(policy({"AWS": ANN}, {"AWS": BOB}), IDS)
    now = "arn:aws:iam::123456789012:role/bob"

    assert [{"AWS": "AIDAX"}, {"AWS": now}] == principals(binding.shown(kept, {"AROAX": now}))


@pytest.mark.parametrize("text", [policy("*"), "", "bound", "{}\n"])
def test_a_policy_that_names_nobody_is_stored_as_it_is(text: str) -> None:
    assert (text, (text, {}), text) == (binding.stored(text, {}), binding.given(text), binding.meant(text))
