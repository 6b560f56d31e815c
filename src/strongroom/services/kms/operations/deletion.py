"""Deletion of keys: scheduled, called off, and then done by a job."""

from __future__ import annotations

from datetime import timedelta

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import material, store
from strongroom.services.kms.jobs import DELETE_KEY
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.creation import EXTERNAL, PRIMARY
from strongroom.services.kms.rules.states import (
    DISABLED,
    PENDING_DELETION,
    PENDING_IMPORT,
    PENDING_REPLICA_DELETION,
    check_state,
)

USUAL_WINDOW_DAYS = 30
NAMED_AT_MOST = 50


def window_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of ScheduleKeyDeletion."""
    window = str(call.get("PendingWindowInDays", USUAL_WINDOW_DAYS))
    return caller_keys(call, target) | {"kms:schedulekeydeletionpendingwindowindays": window}


@operation(
    "ScheduleKeyDeletion",
    mode=Mode.SLOW_WRITE,
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
    _tell_dependents(call, tx, key)
    answer = {"KeyId": key.arn, "PendingWindowInDays": window}
    if key.row.multi_region == PRIMARY and len(key.regions) > 1:
        waits = {"state": PENDING_REPLICA_DELETION, "window_days": window}
        store.change_key(tx, key.row.account, key.row.pk, **waits)
        return answer | {"KeyState": PENDING_REPLICA_DELETION}
    moment = from_ms(to_ms(call.now + timedelta(days=window)))
    store.change_key(tx, key.row.account, key.row.pk, state=PENDING_DELETION, deletion_ms=to_ms(moment))
    due.schedule(tx, kind=DELETE_KEY, key=str(key.row.pk), due=moment)
    return answer | {"DeletionDate": moment, "KeyState": PENDING_DELETION}


def _tell_dependents(call: Call, tx: Transaction, key: Key) -> None:
    """Let the record name what nobody could read any more. Our choice: at most fifty names, and how many there are.

    To find them is to read a whole table, so it is done before the write queue. A secret that is written between the
    two attempts is not named; it keeps its value until the window is over all the same.
    """
    lost = call.once("lost", lambda: call.kernel.dependents(tx, key.row.account, key.arn, NAMED_AT_MOST))
    if lost.count or lost.elsewhere:
        call.told = {
            "wouldBecomeUnreadable": list(lost.arns),
            "count": lost.count,
            "inOtherAccounts": lost.elsewhere,
        }


@operation("CancelKeyDeletion", mode=Mode.WRITE, locate=key_at(), shown=("KeyId",))
def cancel_key_deletion(call: Call, key: Key, tx: Transaction) -> Answer:
    """Keep the key after all; it stays disabled until EnableKey.

    Source: KMS API reference, CancelKeyDeletion.
    """
    check_state(call.name, key.row.state, key.arn)
    cancelled = {"state": DISABLED, "deletion_ms": None, "window_days": None}
    if key.row.origin == EXTERNAL and not material.is_whole(store.material_rows(tx, key.row.pk)):
        cancelled["state"] = PENDING_IMPORT
    store.change_key(tx, key.row.account, key.row.pk, **cancelled)
    due.cancel(tx, DELETE_KEY, str(key.row.pk))
    return {"KeyId": key.arn}
