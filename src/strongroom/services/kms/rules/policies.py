"""Key policies: the two that are made unasked, and the reading of those that are given.

Source: KMS Developer Guide, "Default key policy", "Key policies"; the policy of the AWS managed key as
recorded (facts: kms, section 9).
"""

from __future__ import annotations

import json
from typing import Any

from strongroom.kernel.authz.binding import meant
from strongroom.kernel.authz.document import (
    Document,
    DocumentKind,
    PolicyError,
    load_document,
    parse_document,
)
from strongroom.services.kms import errors

POLICY_NAME = "default"
POLICY_BYTES_AT_MOST = 32 * 1024


def default_policy(account: str) -> str:
    """The policy of a key created without one: the account, and through it IAM, may do everything."""
    return _printed("key-default-1", [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
    ])  # fmt: skip


def secretsmanager_policy(account: str, region: str) -> str:
    """The fixed policy of alias/aws/secretsmanager: everyone in the account, through Secrets Manager only."""
    sid = (
        "Allow access through AWS Secrets Manager for all principals in the account that are authorized "
        "to use AWS Secrets Manager"
    )
    return _printed("auto-secretsmanager-2", [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:CreateGrant", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:CallerAccount": account,
                    "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                },
            },
        },
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account},
                "StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"},
            },
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
            "Resource": "*",
        },
    ])  # fmt: skip


def read_policy(text: str, arn: str) -> Document:
    """A key policy that somebody wants to set.

    Raises MalformedPolicyDocumentException, LimitExceededException.
    """
    if len(text.encode()) > POLICY_BYTES_AT_MOST:
        raise errors.LimitExceededException(errors.LONG_POLICY)
    try:
        return parse_document(text, DocumentKind.KEY, arn)
    except PolicyError as error:
        message = errors.BAD_PRINCIPAL if error.code == "principal" else error.message
        raise errors.MalformedPolicyDocumentException(message) from None


def stored_policy(text: str, arn: str) -> Document:
    """A key policy as the store has it; what cannot be read denies."""
    return load_document(meant(text), DocumentKind.KEY, arn)


def _printed(name: str, statements: list[dict[str, Any]]) -> str:
    """As AWS prints the policies that it makes: indented by two, a blank on both sides of the colon."""
    document = {"Version": "2012-10-17", "Id": name, "Statement": statements}
    return json.dumps(document, indent=2, separators=(",", " : "))
