"""BatchGetSecretValue: the current values of several secrets, each decided on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, pages
from strongroom.services.secretsmanager.operations.listing import walk
from strongroom.services.secretsmanager.room import ROOM
from strongroom.services.secretsmanager.rules.filters import read_filters
from strongroom.services.secretsmanager.targets import all_secrets

PAGE_MAX = 20
# DIFFERS: batch size.
BYTES_MAX = 1_000_000
"""All values of one answer. Our choice (facts: secretsmanager 6.5 knows of 1 MB, unconfirmed)."""
BYTES_IN_THE_LOOP = 64 * 1024
"""Longer answers are made in a thread: they are decrypted and written for longer than others should wait."""

# Refusals that concern one secret and leave the others alone, with the code that the entry shows.
_SINGLE = {Kind.ACCESS_DENIED: "AccessDeniedException", Kind.VALIDATION: "ValidationException"}


@ROOM.operation("BatchGetSecretValue", mode=Mode.READ, locate=all_secrets, steady=True)
def batch_get_secret_value(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Answer with current values by ids or by filters; what fails for one secret is told beside the others.

    Source: API reference, BatchGetSecretValue; facts secretsmanager section 6.5.
    """
    ids, filters = call.get("SecretIdList"), call.get("Filters")
    if ids and filters:
        raise errors.InvalidParameterException("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if ids:
        if call.get("MaxResults") is not None or call.get("NextToken") is not None:
            raise errors.InvalidParameterException(
                "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."
            )
        return _read_all(call, tx, ids)
    if not filters:
        raise errors.InvalidParameterException("Either 'SecretIdList' or 'Filters' must be provided.")
    return _read_filtered(call, tx, filters)


def _read_filtered(call: Call, tx: Transaction, filters: Sequence[Mapping[str, Any]]) -> Answer:
    if call.target is None:
        raise RuntimeError("a call without a target")
    call.takes_time(tx)
    call.authorise(tx, "secretsmanager:ListSecrets", call.target)
    page, after = walk(call, tx, filters=read_filters(filters), limit=call.get("MaxResults", PAGE_MAX))
    answer = _read_all(call, tx, [one.arn for one in page])
    return answer if after is None else {**answer, "NextToken": pages.token_for(call, after)}


def _read_all(call: Call, tx: Transaction, ids: Sequence[str]) -> dict[str, Any]:
    values: list[Answer] = []
    refused: list[dict[str, Any]] = []
    left = BYTES_MAX
    # Each with a decision and a record of its own, as AWS has one for each secret of a batch.
    answers = call.parts(tx, "GetSecretValue", [{"SecretId": secret_id} for secret_id in ids])
    for secret_id, answer in zip(ids, answers, strict=True):
        if isinstance(answer, Answerable):
            refused.append(_told(secret_id, answer))
            continue
        left -= len(answer.get("SecretString") or answer.get("SecretBinary", b""))
        if BYTES_MAX - left > BYTES_IN_THE_LOOP:
            call.takes_time(tx)
        values.append(answer) if left >= 0 else refused.append(_told(secret_id, _too_large()))
    return {"SecretValues": values, "Errors": refused}


def _too_large() -> Answerable:
    return errors.InvalidRequestException("The values of this batch are too large for one answer.")


def _told(secret_id: str, refusal: Answerable) -> dict[str, Any]:
    return {"SecretId": secret_id, "ErrorCode": _code_of(refusal), "Message": refusal.message}


def _code_of(refusal: Answerable) -> str:
    if isinstance(refusal, ServiceError):
        return refusal.code
    if isinstance(refusal, Refusal) and refusal.kind in _SINGLE:
        return _SINGLE[refusal.kind]
    raise refusal
