"""What may be stored, and in whose words it is refused."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

from strongroom.kernel.authz.document import DocumentKind, PolicyError, load_document, parse_document

IDENTITY, RESOURCE, TRUST = DocumentKind.IDENTITY, DocumentKind.RESOURCE, DocumentKind.TRUST
GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
SYNTAX = "Syntax errors in policy."


def refusal(text: str, kind: DocumentKind) -> tuple[str, str]:
    """The message and the code of a refused document."""
    with pytest.raises(PolicyError) as caught:
        parse_document(text, kind, "x")
    return caught.value.message, caught.value.code


def written(*statements: Any, **header: Any) -> str:
    """A document of the newer version."""
    return json.dumps({"Version": "2012-10-17", **header, "Statement": list(statements)})


def but(**changes: Any) -> str:
    """The good statement with changes; None takes an element away."""
    changed = GOOD | changes
    return written({element: value for element, value in changed.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("", SYNTAX, "json"),
        ("no json", SYNTAX, "json"),
        ("[]", SYNTAX, "json"),
        ("[" * 100_000, SYNTAX, "json"),
        ('{"a":' * 20_000, SYNTAX, "json"),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX, "syntax"),
        ('{"Version":"2012-10-17"}', SYNTAX, "syntax"),
        (written(), SYNTAX, "syntax"),
        (written(1), SYNTAX, "syntax"),
        (written(GOOD, Extra=1), SYNTAX, "syntax"),
        (written(GOOD, Version="2012-10-18"), SYNTAX, "version"),
        (written(GOOD, Version=None), SYNTAX, "version"),
        (
            json.dumps({"Statement": [GOOD]}),
            "Policy document must be version 2012-10-17 or greater.",
            "version",
        ),
        (
            written(GOOD, Version="2008-10-17"),
            "Policy document must be version 2012-10-17 or greater.",
            "version",
        ),
        (written(GOOD, Id="mine"), SYNTAX, "syntax"),
        (but(Effect=None), SYNTAX, "syntax"),
        (but(Effect="allow"), SYNTAX, "syntax"),
        (but(Extra="x"), SYNTAX, "syntax"),
        (but(Sid=7), SYNTAX, "syntax"),
        (but(Sid="with space"), SYNTAX, "sid"),
        (but(Action=7), SYNTAX, "syntax"),
        (but(Action=["s3:GetObject", None]), SYNTAX, "syntax"),
        (but(Action={"s3": "x"}), SYNTAX, "syntax"),
        (but(NotAction="iam:*"), SYNTAX, "syntax"),
        (but(NotResource="*"), SYNTAX, "syntax"),
        (but(Condition=[]), SYNTAX, "syntax"),
        (but(Condition={"StringEquals": "x"}), SYNTAX, "syntax"),
        (but(Condition={"StringEquals": {"aws:a": []}}), SYNTAX, "syntax"),
        (but(Condition={"StringEquals": {"aws:a": None}}), SYNTAX, "syntax"),
        (but(Condition={"StringEquals": {"aws:a": {"b": "c"}}}), SYNTAX, "syntax"),
        (but(Condition={"StringMatches": {"aws:a": "b"}}), SYNTAX, "syntax"),
        (but(Condition={"Null": {"aws:a": "maybe"}}), SYNTAX, "syntax"),
        (but(Condition={"StringEquals": {"a": "b"}}), VENDOR, "action"),
        (but(Condition={"StringEquals": {"aws:a": "${"}}), SYNTAX, "syntax"),
        (but(Resource="arn:aws:s3:::${aws:username"), SYNTAX, "syntax"),
        (written(GOOD).replace("bucket", "łódź"), SYNTAX, "syntax"),
        (but(Principal="*"), "Policy document should not specify a principal.", "principal"),
        (but(NotPrincipal={"AWS": "*"}), "Policy document should not specify a principal.", "principal"),
        (but(Action=None), "Policy statement must contain actions.", "action"),
        (but(Action=[]), "Policy statement must contain actions.", "action"),
        (but(Resource=None), "Policy statement must contain resources.", "resource"),
        (but(Resource=[]), "Policy statement must contain resources.", "resource"),
        (but(Action="GetObject"), VENDOR, "action"),
        (but(Action="s3:Get:Object"), "Actions/Condition can contain only one colon.", "action"),
        (but(Action="s*:GetObject"), "Vendor s* is not valid", "action"),
        (but(Action="a b:GetObject"), "Vendor a b is not valid", "action"),
        (but(Action="s3:"), SYNTAX, "action"),
        (but(Action="s3:Get Object"), SYNTAX, "action"),
        (but(NotAction="x", Action=None), VENDOR, "action"),
        (but(Resource="bucket"), 'Resource bucket must be in ARN format or "*".', "resource"),
        (but(Resource=["*", "bucket"]), 'Resource bucket must be in ARN format or "*".', "resource"),
        (
            but(Resource="arn:gcp:s3:::b"),
            'Partition "gcp" is not valid for resource "arn:gcp:s3:::b".',
            "resource",
        ),
        (but(Resource="arn:aws:s3"), "The policy failed legacy parsing", "resource"),
        (
            but(Resource="arn:aws:s*:::b"),
            "Resource vendor must be fully qualified and cannot contain regexes.",
            "resource",
        ),
        (
            but(Resource="arn:aws:iam:us-east-1::user/ann"),
            "IAM resource arn:aws:iam:us-east-1::user/ann cannot contain region information.",
            "resource",
        ),
        (
            written(GOOD | {"Sid": "One"}, GOOD | {"Sid": "One"}),
            "Statement IDs (SID) in a single policy must be unique.",
            "sid",
        ),
    ],
)
def test_identity_documents_are_refused_in_iams_words(text: str, message: str, code: str) -> None:
    for kind in (IDENTITY, DocumentKind.SESSION, DocumentKind.BOUNDARY):
        assert (message, code) == refusal(text, kind)


TRUSTING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}


@pytest.mark.parametrize(
    ("statement", "message", "code"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource", "field"),
        ({"NotResource": "*"}, "Has prohibited field NotResource", "field"),
        ({"Principal": None, "NotPrincipal": "*"}, "Has prohibited field NotPrincipal", "field"),
        ({"Principal": None}, "Missing required field Principal", "field"),
        ({"Action": None}, "Missing required field Action", "field"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions.", "action"),
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions.", "action"),
        (
            {"Action": None, "NotAction": "sts:*"},
            "AssumeRole policy may only specify STS AssumeRole actions.",
            "action",
        ),
        ({"Principal": {"AWS": "ann"}}, 'Invalid principal in policy: "AWS":"ann"', "principal"),
        ({"Principal": {"Service": "ec2"}}, 'Invalid principal in policy: "SERVICE":"ec2"', "principal"),
        ({"Principal": {"AWS": []}}, SYNTAX, "principal"),
        ({"Principal": {}}, SYNTAX, "principal"),
        ({"Principal": {"Group": "x"}}, SYNTAX, "principal"),
        ({"Principal": "111122223333"}, SYNTAX, "principal"),
        ({"Sid": "with space"}, SYNTAX, "sid"),
    ],
)
def test_trust_policies_are_refused_in_iams_words(statement: dict[str, Any], message: str, code: str) -> None:
    changed = {element: value for element, value in (TRUSTING | statement).items() if value is not None}

    assert (message, code) == refusal(written(changed), TRUST)


def test_a_trust_policy_that_is_no_json_has_a_text_of_its_own() -> None:
    assert ("This policy contains invalid Json", "json") == refusal("{", TRUST)


@pytest.mark.parametrize("element", ["Principal", "Action", "Resource"])
@pytest.mark.parametrize("kind", [RESOURCE, DocumentKind.KEY])
def test_resource_policies_need_each_element(element: str, kind: DocumentKind) -> None:
    statement = GOOD | {"Principal": "*"}
    del statement[element]

    assert (f"Missing required field {element}", element.lower()) == refusal(written(statement), kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IDENTITY, written(GOOD, GOOD)),
        (IDENTITY, written(GOOD | {"Sid": ""}, GOOD | {"Sid": ""})),
        (IDENTITY, but(Action="*", Resource="*")),
        (
            IDENTITY,
            but(Action=None, NotAction=["iam:*", "sts:Get*"], Resource=None, NotResource="arn:aws:s3:::x"),
        ),
        (
            IDENTITY,
            but(Resource=["arn:aws-cn:s3:::b", "arn:*:s3:::b", "arn:aws:iam::*:user/${aws:username}"]),
        ),
        (IDENTITY, but(Condition={"StringEquals": {"kms:EncryptionContext:App:x": ["a", 5, True]}})),
        (
            RESOURCE,
            json.dumps({"Id": "x", "Statement": [GOOD | {"Principal": "*", "Sid": "a sid, twice"}] * 2}),
        ),
        (RESOURCE, written(GOOD | {"NotPrincipal": {"AWS": "111122223333"}}, Version="2008-10-17")),
        (
            DocumentKind.KEY,
            written(GOOD | {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Resource": "*"}),
        ),
        (TRUST, written(TRUSTING, TRUSTING | {"Sid": ""})),
        (TRUST, written(TRUSTING | {"Action": ["sts:AssumeRole", "sts:TagSession"]}, Version="2008-10-17")),
        (TRUST, written(TRUSTING | {"Principal": {"Service": "lambda.amazonaws.com", "AWS": "*"}})),
    ],
)
def test_these_may_be_stored(kind: DocumentKind, text: str) -> None:
    assert text == parse_document(text, kind, "x").text


def test_a_document_is_bounded_in_length_and_statements() -> None:
    assert "size" == refusal(written(GOOD) + " " * 131_072, IDENTITY)[1]
    assert "size" == refusal(written(*[{"Effect": "Deny"}] * 1_001), IDENTITY)[1]


LONG = 30_000  # what is quadratic in it takes seconds


@pytest.mark.parametrize(
    "value",
    [
        "arn:" + "*" * LONG + "!:s3:::b", "arn:aws" + "-a" * LONG + "!:s3:::b",
        "arn:aws:s3:::${a" + " " * LONG + "!'}",
        "arn:aws:s3:::" + "${" * (LONG // 2), "arn:aws:s3:::" + "${a}" * (LONG // 4), "*?" * (LONG // 2),
        "arn:aws:s3:::" + "*?a" * (LONG // 3), ":" * LONG, "arn:aws:s3:::*" + "?a" * (LONG // 2),
    ],
)  # fmt: skip
def test_no_document_takes_long_to_judge(value: str) -> None:
    principals: list[Any] = [
        {"AWS": value},
        {"Service": "a." * (LONG // 2)},
        {"Federated": "a." * (LONG // 2)},
    ]
    texts = [but(Resource=value), but(Action="s3:" + value), but(Condition={"StringLike": {"aws:a": value}})]
    began = time.process_time()
    for text in [*texts, *(written(GOOD | {"Principal": principal}) for principal in principals)]:
        load_document(text, RESOURCE, "x")
        with contextlib.suppress(PolicyError):
            parse_document(text, IDENTITY, "x")
        with contextlib.suppress(PolicyError):
            parse_document(text, RESOURCE, "x")

    assert time.process_time() - began < 2


def test_half_a_surrogate_pair_is_refused_wherever_it_stands() -> None:
    for text in (
        but(Sid="\ud800"),
        but(Action="s3:\ud800"),
        but(Condition={"StringEquals": {"aws:a": "\ud800"}}),
        but(Condition={"StringEquals": {"aws:\ud800": "a"}}),
        but(Condition={"\ud800": {"aws:a": "a"}}),
    ):
        assert (SYNTAX, "syntax") == refusal(text, IDENTITY)
