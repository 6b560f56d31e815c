"""Every form of a SecretId, and names that look like the end of an ARN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.refusals import Kind, Refusal
from strongroom.services.secretsmanager.errors import INVALID_NAME
from strongroom.services.secretsmanager.rules.identifiers import (
    SUFFIX_ALPHABET,
    SecretRef,
    check_name,
    read_secret_id,
    secret_arn,
)

ACCOUNT, REGION = "123456789012", "us-east-1"
ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"


def read(text: str) -> SecretRef:
    return read_secret_id(text, account="999999999999", region="eu-west-1")


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("db", SecretRef("999999999999", "eu-west-1", "db")),
        ("/db/prod-a1b2c3", SecretRef("999999999999", "eu-west-1", "/db/prod-a1b2c3")),
        (f"{ARN}db-a1B2c3", SecretRef(ACCOUNT, REGION, "db", "a1B2c3")),
        (f"{ARN}db", SecretRef(ACCOUNT, REGION, "db")),
        (f"{ARN}db-a1b2", SecretRef(ACCOUNT, REGION, "db-a1b2")),
        (f"{ARN}db-a1b2c3-", SecretRef(ACCOUNT, REGION, "db-a1b2c3-")),
        (f"{ARN}db-a1b2c3-Zz09Aa", SecretRef(ACCOUNT, REGION, "db-a1b2c3", "Zz09Aa")),
        (f"{ARN}-a1b2c3", SecretRef(ACCOUNT, REGION, "-a1b2c3")),
    ],
)
def test_an_identifier_means_one_place(text: str, ref: SecretRef) -> None:
    assert ref == read(text)


def test_a_shortened_arn_of_a_name_that_ends_like_a_suffix_is_tried_as_a_full_one_only() -> None:
    """Source: facts aws-observed, "ARN and SecretId" (2022)."""
    assert SecretRef(ACCOUNT, REGION, "Invalid/_+=.@-Name", "a1b2c3") == read(f"{ARN}Invalid/_+=.@-Name-a1b2c3")


@pytest.mark.parametrize(
    "text",
    [
        "with space",
        "semi;colon",
        "ümlaut",
        "new\nline",
        "trailing\n",
        "a:b",
        "",
        "arn:aws",
        "arn:aws:kms:r:1:key/x",
        "arn:aws:secretsmanager:us-east-1:1:secret:db-a1b2c3",
        "arn:aws-cn:secretsmanager:us-east-1:123456789012:secret:x",
        f"{ARN}",
        f"{ARN}with space-a1b2c3",
        "arn:aws:secretsmanager:us-east-1:123456789012:db",
        "x" * 3 + "\0",
    ],
)
def test_what_is_neither_a_name_nor_a_secrets_arn_is_an_invalid_name(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(text)
    assert (Kind.VALIDATION, INVALID_NAME) == (refused.value.kind, refused.value.message)


def test_the_refusal_of_a_name_has_the_text_that_aws_gives() -> None:
    with pytest.raises(Refusal, match=r"any of the following: -/_\+=\.@!$"):
        check_name("not a name")


@given(
    name=st.text(alphabet="abcXYZ019/_+=.@-", min_size=1, max_size=40),
    suffix=st.text(alphabet=SUFFIX_ALPHABET, min_size=6, max_size=6),
)
def test_a_full_arn_always_finds_its_own_secret(name: str, suffix: str) -> None:
    assert SecretRef(ACCOUNT, REGION, name, suffix) == read(secret_arn(ACCOUNT, REGION, name, suffix))
