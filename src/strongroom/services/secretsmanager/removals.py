"""What records say of versions that go: that their deletion begins, is taken back, or has happened.

Source: Secrets Manager User Guide, "Secrets Manager entries in CloudTrail" (facts: secretsmanager section 14.2).
Our choice: additionalEventData names SecretId and SecretVersionId.
"""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.kernel.call import Call
from strongroom.services.secretsmanager.store import Secret, Summary

START, CANCEL, END = "StartSecretVersionDelete", "CancelSecretVersionDelete", "EndSecretVersionDelete"


def tell(call: Call, one: Secret, versions: Iterable[Summary], *names: str) -> None:
    """Record the events of these names for each of the versions, as brought about by a call."""
    for version in versions:
        for name in names:
            call.tell(
                name,
                account=one.account,
                # DIFFERS: event details.
                details={"SecretId": one.arn, "SecretVersionId": version.version_id},
            )
