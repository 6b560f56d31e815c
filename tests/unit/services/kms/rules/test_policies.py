"""Key policies made and read."""

import json

import pytest

from strongroom.kernel.authz.document import DocumentKind, parse_document
from strongroom.services.kms import errors
from strongroom.services.kms.rules.policies import (
    POLICY_BYTES_AT_MOST,
    default_policy,
    read_policy,
    secretsmanager_policy,
    stored_policy,
)

ARN = "arn:aws:kms:us-east-1:111122223333:key/k"


def test_the_default_policy_delegates_to_the_account() -> None:
    """Source: KMS Developer Guide, "Default key policy"."""
    document = json.loads(default_policy("111122223333"))
    assert "key-default-1" == document["Id"]
    assert [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ] == document["Statement"]


def test_our_own_policies_are_understood_whole() -> None:
    for text in (default_policy("111122223333"), secretsmanager_policy("111122223333", "us-east-1")):
        assert all(statement.fault is None for statement in stored_policy(text, ARN).statements)
    parse_document(default_policy("111122223333"), DocumentKind.KEY, ARN)


def test_policies_are_printed_as_aws_prints_them() -> None:
    assert '{\n  "Version" : "2012-10-17",\n' == default_policy("111122223333")[:30]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}'])
def test_a_policy_that_cannot_be_read_is_malformed(text: str) -> None:
    with pytest.raises(errors.MalformedPolicyDocumentException):
        read_policy(text, ARN)


def test_a_principal_in_no_form_has_awss_text() -> None:
    text = default_policy("111122223333").replace("arn:aws:iam::111122223333:root", "nobody")
    with pytest.raises(errors.MalformedPolicyDocumentException) as caught:
        read_policy(text, ARN)
    assert "Policy contains a statement with one or more invalid principals." == caught.value.message


def test_a_policy_over_32_kilobytes_is_refused_before_it_is_read() -> None:
    text = default_policy("111122223333")
    read_policy(text + " " * (POLICY_BYTES_AT_MOST - len(text)), ARN)
    with pytest.raises(errors.LimitExceededException):
        read_policy(text + " " * (POLICY_BYTES_AT_MOST - len(text) + 1), ARN)
