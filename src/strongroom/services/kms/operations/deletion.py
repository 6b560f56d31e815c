"""Deletion of keys: scheduled, called off, and then done by a job."""

from __future__ import annotations

from datetime import timedelta

from strongroom.base.clock import to_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.jobs import DELETE_KEY
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.states import DISABLED, PENDING_DELETION, check_state

USUAL_WINDOW_DAYS = 30


def window_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of ScheduleKeyDeletion."""
    window = str(call.get("PendingWindowInDays", USUAL_WINDOW_DAYS))
    return caller_keys(call, target) | {"kms:schedulekeydeletionpendingwindowindays": window}


@operation(
    "ScheduleKeyDeletion",
    mode=Mode.WRITE,
    locate=key_at(),
    keys=window_keys,
    shown=("KeyId", "DeletionDate", "KeyState", "PendingWindowInDays"),
)
def schedule_key_deletion(call: Call, key: Key, tx: Transaction) -> Answer:
    """Stop every use of a key now and delete it when the window is over, counted from the request's instant.

    Source: KMS API reference, ScheduleKeyDeletion.
    """
    check_state(call.name, key.row.state, key.arn)
    window = call.get("PendingWindowInDays", USUAL_WINDOW_DAYS)
    moment = call.now + timedelta(days=window)
    store.change_state(tx, key.row.account, key.row.pk, PENDING_DELETION, to_ms(moment))
    due.schedule(tx, kind=DELETE_KEY, key=str(key.row.pk), due=moment)
    return {
        "KeyId": key.arn,
        "DeletionDate": moment,
        "KeyState": PENDING_DELETION,
        "PendingWindowInDays": window,
    }


@operation("CancelKeyDeletion", mode=Mode.WRITE, locate=key_at(), shown=("KeyId",))
def cancel_key_deletion(call: Call, key: Key, tx: Transaction) -> Answer:
    """Keep the key after all; it stays disabled until EnableKey.

    Source: KMS API reference, CancelKeyDeletion.
    """
    check_state(call.name, key.row.state, key.arn)
    store.change_state(tx, key.row.account, key.row.pk, DISABLED)
    due.cancel(tx, DELETE_KEY, str(key.row.pk))
    return {"KeyId": key.arn}
