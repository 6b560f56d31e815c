"""Policy documents on their way in and out."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.authz.document import DocumentKind
from strongroom.services.iam.errors import MalformedPolicyDocumentException
from strongroom.services.iam.rules import documents

ANN = "arn:aws:iam::123456789012:user/ann"
BOB = "arn:aws:iam::123456789012:role/ops/bob"


def trust(*principals: object) -> str:
    """A trust policy with one statement for each principal element."""
    statements = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": one} for one in principals]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_what_is_no_policy_is_refused_in_awss_words() -> None:
    with pytest.raises(MalformedPolicyDocumentException) as refused:
        documents.checked("{}", DocumentKind.IDENTITY, "x")
    assert ("MalformedPolicyDocument", 400) == (refused.value.code, refused.value.http_status)


@settings(max_examples=100)
@given(text=st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cs"])))
def test_what_is_shown_decodes_to_what_was_stored(text: str) -> None:
    shown = documents.encoded(text)

    assert text == unquote(shown)
    assert not set(shown) & set(' "{}[]:,/+*')


def test_users_and_roles_are_found_wherever_they_are_named() -> None:
    text = trust({"AWS": ANN}, {"AWS": [BOB, "123456789012", ANN]}, "*", {"Service": "lambda.amazonaws.com"})

    assert [ANN, BOB] == documents.named_principals(text)


def test_one_statement_without_a_list_is_read_as_well() -> None:
    one = {"Version": "2012-10-17", "Statement": json.loads(trust({"AWS": ANN}))["Statement"][0]}

    assert [ANN] == documents.named_principals(json.dumps(one))


def test_a_bound_policy_names_unique_ids() -> None:
    text = trust({"AWS": ANN}, {"AWS": [BOB, "123456789012"]})
    bound = json.loads(documents.bound(text, {ANN: "AIDAX", BOB: "AROAX"}))

    assert [{"AWS": "AIDAX"}, {"AWS": ["AROAX", "123456789012"]}] == [
        statement["Principal"] for statement in bound["Statement"]
    ]


def test_a_policy_whose_principals_are_all_there_is_shown_as_given() -> None:
    text = "  " + trust({"AWS": ANN})

    assert text == documents.shown(text, {ANN: ANN})


def test_a_principal_that_is_gone_is_shown_by_its_id_and_a_renamed_one_by_its_new_name() -> None:
    text = trust({"AWS": ANN}, {"AWS": BOB})
    shown = json.loads(documents.shown(text, {ANN: "AIDAX", BOB: "arn:aws:iam::123456789012:role/bob"}))

    assert ["AIDAX", "arn:aws:iam::123456789012:role/bob"] == [
        statement["Principal"]["AWS"] for statement in shown["Statement"]
    ]
