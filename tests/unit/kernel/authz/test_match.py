"""Actions and resources."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.match import action_test, resource_test
from strongroom.kernel.authz.model import ContextValue

SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db/main-AbCdEf"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["secretsmanager:GetSecretValue"], True), (["SECRETSMANAGER:getsecretvalue"], True),
        (["secretsmanager:Get*"], True), (["secretsmanager:*Value"], True),
        (["secretsmanager:?etSecretValue"], True),
        (["*"], True), (["s3:*", "secretsmanager:*"], True), (["secretsmanager:Get"], False),
        (["s3:*"], False), ([], False),
    ],
)  # fmt: skip
def test_actions(patterns: list[str], expected: bool) -> None:
    assert expected is action_test(patterns, negated=False)("secretsmanager:getsecretvalue")
    assert expected is not action_test(patterns, negated=True)("secretsmanager:getsecretvalue")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (SECRET, True), (SECRET.lower(), False), ("*", True), (SECRET[:-6] + "*", True),
        (SECRET[:-6] + "??????", True),
        (SECRET[:-6] + "?????", False), ("arn:aws:secretsmanager:*:*:secret:*", True),
        ("arn:aws:*:*:*:*", True),
        ("arn:aws:s*:us-*:11*3:*main*", True), ("arn:aws:secretsmanager:us-east-1:*:db/main-AbCdEf", False),
        ("arn:aws:secretsmanager:*", False), ("arn:*", False), ("a*", False), ("", False),
        ("secret:db", False),
        ("**", False), ("arn:aws:secretsmanager:us-east-1:111122223333:*:*/*-*", True),
        ("arn:aws:secretsmanager:${aws:region}:111122223333:secret:*", None), ("arn:aws:s:r:a:${", None),
        ("arn:aws:secretsmanager:us-east-1:111122223333:secret:${aws:team}/*", True),
        ("arn:aws:secretsmanager:us-east-1:111122223333:secret:${aws:none}/*", False),
        ("arn:aws:secretsmanager:*:*:${aws:kind}/*", True),
        ("arn:aws:secretsmanager:*:*:secret:${aws:many}/*", None),
        ("${aws:all}", None),
    ],
)  # fmt: skip
def test_resources(pattern: str, expected: bool | None) -> None:
    context: dict[str, ContextValue] = {
        "aws:team": "db",
        "aws:region": "us-east-1",
        "aws:kind": "secret:db",
        "aws:many": ("db",),
        "aws:all": "*",
    }
    negated_expected = None if expected is None else not expected

    covers = resource_test([pattern], negated=False, variables=True)
    spares = resource_test([pattern], negated=True, variables=True)

    assert spares is not None
    assert expected is (True if covers is None else covers(SECRET, context))
    assert negated_expected is spares(SECRET, context)


def test_some_pattern_is_enough_and_outweighs_one_that_is_not_understood() -> None:
    covers = resource_test(["nothing", "arn:a:b:${c}:d:e", SECRET], negated=False, variables=True)

    assert covers is not None
    assert covers(SECRET, {}) is True
    assert covers(SECRET + "x", {}) is None


def test_all_kinds_of_patterns_beside_each_other() -> None:
    patterns = [
        "arn:aws:s3:::exact",
        "arn:aws:s3:::prefix*",
        "arn:aws:s3:::*suffix",
        "arn:aws:*:::parts",
        "*",
    ]
    covers = resource_test(patterns[:4], negated=False, variables=False)

    assert covers is not None
    for name in ("exact", "prefixed", "a suffix", "parts"):
        assert covers(f"arn:aws:s3:::{name}", {})
    assert not covers("arn:aws:s3:::other", {})
    assert resource_test(patterns, negated=False, variables=False) is None


def test_the_star_resource_is_covered_by_the_star_only() -> None:
    covers = resource_test(["arn:*:*:*:*:*", "arn:aws:s3:::*", "?"], negated=False, variables=True)

    assert covers is not None
    assert covers("*", {}) is False
