"""How a secret and its versions look in answers: which members are there, and when they are absent.

Source: facts aws-observed, "exact answer members"; secretsmanager sections 6.6 to 6.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from strongroom.base.clock import from_ms
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.rules.keys import DEFAULT_KEY, SHOWN_DEFAULT
from strongroom.services.secretsmanager.store import Secret, Summary

# Member of the answer and column: left out where the column is null.
_PLAIN = (
    ("Type", "type"),
    ("Description", "description"),
    ("KmsKeyId", "kms_key_id"),
    ("RotationLambdaARN", "rotation_lambda_arn"),
    ("ExternalSecretRotationRoleArn", "rotation_role_arn"),
    ("OwningService", "owning_service"),
    ("PrimaryRegion", "primary_region"),
)
_MOMENTS = (
    ("LastRotatedDate", "rotated_ms"),
    ("DeletedDate", "deleted_ms"),
    ("NextRotationDate", "next_rotation_ms"),
)
_JSON = (
    ("RotationRules", "rotation_rules"),
    ("ExternalSecretRotationMetadata", "rotation_metadata"),
    ("Tags", "tags"),
)


def described(one: Secret) -> dict[str, Any]:
    """A secret as DescribeSecret and ListSecrets show it, without its versions."""
    answer: dict[str, Any] = {
        "ARN": one.arn,
        "Name": one.name,
        "CreatedDate": from_ms(one.created_ms),
        "LastChangedDate": from_ms(one.changed_ms),
    }
    for member, column in _PLAIN:
        value = getattr(one, column)
        if value is not None:
            answer[member] = value
    for member, column in _MOMENTS:
        value = getattr(one, column)
        # Where rotation is turned off, AWS shows neither date of it.
        if value is not None and (member == "DeletedDate" or one.rotation_enabled):
            answer[member] = from_ms(value)
    for member, column in _JSON:
        value = getattr(one, column)
        if value is not None:
            answer[member] = orjson.loads(value)
    if one.rotation_enabled is not None:
        answer["RotationEnabled"] = bool(one.rotation_enabled)
    if one.accessed_day:
        answer["LastAccessedDate"] = from_ms(one.accessed_day)
    return answer


def replication_status(tx: Transaction, primary_pk: int) -> list[dict[str, Any]]:
    """How each copy of a primary fares, by Region."""
    days = store.replicas.read_days(tx, primary_pk)
    shown: list[dict[str, Any]] = []
    for one in store.replicas.replicas_of(tx, primary_pk):
        entry: dict[str, Any] = {
            "Region": one.region,
            "KmsKeyId": one.kms_key_id or DEFAULT_KEY,
            "Status": one.status,
        }
        if one.status_message is not None:
            entry["StatusMessage"] = one.status_message
        if days.get(one.region):
            entry["LastAccessedDate"] = from_ms(days[one.region])
        shown.append(entry)
    return shown


def listed_version(one: Summary, earlier_keys: Sequence[str | None]) -> dict[str, Any]:
    """A version as ListSecretVersionIds shows it; a deprecated one has no VersionStages at all."""
    answer: dict[str, Any] = {"VersionId": one.version_id, "CreatedDate": from_ms(one.created_ms)}
    if one.form is not None:
        # A rotation's reserved version has no data key yet.
        answer["KmsKeyIds"] = [key or SHOWN_DEFAULT for key in (one.kms_key_id, *earlier_keys)]
    stages = orjson.loads(one.labels)
    if stages:
        answer["VersionStages"] = stages
    if one.accessed_day:
        answer["LastAccessedDate"] = from_ms(one.accessed_day)
    return answer
