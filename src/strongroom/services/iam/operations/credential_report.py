"""The credential report: every user's credentials as CSV.

Our choice: a report is made when it is fetched, so it is never old and nothing of it is stored; asking for one opens
fetching, so that clients that ask and then wait work as with AWS.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from strongroom.base.clock import iso_seconds
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.errors import CredentialReportNotPresentException
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import password_policy
from strongroom.services.iam.rules.names import USER, Entity, folded
from strongroom.services.iam.store import accounts, devices, entities, keys, login_profiles

_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{number}_{column}" for number in (1, 2) for column in _KEY_COLUMNS),
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
"""Source: IAM User Guide, "Generate credential reports for your AWS account", "Understanding the report format"."""

_NONE = "N/A"
_TEXTS = {True: "true", False: "false"}
_AT_ONCE = 500


@operation("GenerateCredentialReport", mode=Mode.WRITE, locate=everything)
def generate_credential_report(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Open the report for fetching. Source: API reference, GenerateCredentialReport."""
    if accounts.report_asked(tx, call.account) is not None:
        return {"State": "COMPLETE"}
    accounts.set_report_asked(tx, call.account, call.now)
    text = "No report exists. Starting a new report generation task"
    return {"State": "STARTED", "Description": text}


@operation("GetCredentialReport", mode=Mode.SLOW, locate=everything)
def get_credential_report(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The report as of now. Source: API reference, GetCredentialReport."""
    if accounts.report_asked(tx, call.account) is None:
        raise CredentialReportNotPresentException("No report exists.")
    policy = accounts.password_policy(tx, call.account)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for user in _users(tx, call.account):
        writer.writerow(_row(tx, user, policy))
    content = text.getvalue().removesuffix("\n").encode()
    return {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": call.now}


def _users(tx: Transaction, account: str) -> Iterator[Entity]:
    after = ""
    while block := entities.page(tx, account, USER, prefix="/", after=after, most=_AT_ONCE):
        yield from block
        after = folded(block[-1].name)


def _row(tx: Transaction, user: Entity, policy: Mapping[str, Any] | None) -> list[str]:
    profile = login_profiles.of_user(tx, user.id)
    if profile is None:
        password = ["false", _NONE, _NONE, _NONE]
    else:
        due = password_policy.next_rotation(policy, profile.changed)
        used = "no_information" if profile.used is None else _time(profile.used)
        password = ["true", used, _time(profile.changed), _time(due)]
    return [
        user.name,
        user.arn,
        _time(user.created),
        *password,
        _TEXTS[bool(devices.of_user(tx, user.id))],
        *_keys(tx, user),
        *("false", _NONE),
        *("false", _NONE),
    ]


def _keys(tx: Transaction, user: Entity) -> Iterator[str]:
    held = keys.of_user(tx, user.id)
    for at in range(2):
        if at >= len(held):
            yield from ("false", _NONE, _NONE, _NONE, _NONE)
            continue
        use = keys.use_of(tx, held[at].id)
        used = (_NONE, _NONE, _NONE) if use is None else (_time(use.used), use.region, use.service)
        yield from (_TEXTS[held[at].active], _time(held[at].created), *used)


def _time(moment: datetime | None) -> str:
    return _NONE if moment is None else iso_seconds(moment).replace("Z", "+00:00")
