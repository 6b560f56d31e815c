"""Kinds, ids and ARNs."""

from __future__ import annotations

import re

import pytest

from strongroom.base.clock import EPOCH
from strongroom.base.entropy import SystemEntropy
from strongroom.services.iam.rules.names import (
    GROUP,
    KINDS,
    POLICY,
    ROLE,
    USER,
    Entity,
    EntityName,
    Kind,
    mint_id,
    parse_entity_arn,
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.word)
def test_unique_ids_have_the_prefix_of_their_kind_and_21_characters(kind: Kind) -> None:
    """Source: facts, iam, section 12."""
    assert re.fullmatch(f"{kind.prefix}[A-Z2-7]{{17}}", mint_id(kind, SystemEntropy()))


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::123456789012:user/ann", EntityName("123456789012", USER, "/", "ann")),
        ("arn:aws:iam::123456789012:role/a/b/c", EntityName("123456789012", ROLE, "/a/b/", "c")),
        ("arn:aws:iam::123456789012:group/g", EntityName("123456789012", GROUP, "/", "g")),
        ("arn:aws:iam::aws:policy/service-role/P", EntityName("aws", POLICY, "/service-role/", "P")),
    ],
)
def test_an_arn_and_its_parts_say_the_same(arn: str, name: EntityName) -> None:
    assert name == parse_entity_arn(arn)
    assert arn == Entity("id", name.account, name.kind, name.name, name.path, EPOCH).arn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn",
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:user",
        "arn:aws:iam::123456789012:user/",
        "arn:aws:iam::123456789012:user/a/",
        "arn:aws:iam:us-east-1:123456789012:user/a",
        "arn:aws:iam::1:user/a",
        "arn:aws:iam::aws:user/a",
        "arn:aws-cn:iam::123456789012:user/a",
        "arn:aws:sts::123456789012:user/a",
        "arn:aws:iam::123456789012:mfa/a",
    ],
)
def test_other_texts_are_no_arns_of_entities(text: str) -> None:
    assert parse_entity_arn(text) is None
