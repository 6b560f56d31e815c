"""The room itself, and how its operations on a secret are declared.

Locating, deciding, what is wrong with the parameters and what the secret's state forbids happen here, in
one order, so that a handler says only what its operation does.
"""

from __future__ import annotations

from collections.abc import Callable

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Foreseeable, Locator, Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager.conditions import request_keys
from strongroom.services.secretsmanager.replication import synchronise
from strongroom.services.secretsmanager.rules.states import STATES, refuse_in_state
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import Check, no_check, secret_at

SERVICE = "secretsmanager"
# DIFFERS: request rates.
ROOM = Room(SERVICE, refused=refused_operations(SERVICE))

SecretHandler = Callable[[Call, Secret, Transaction], Answer]


def on_secret(
    name: str,
    *,
    mode: Mode,
    check: Check = no_check,
    locate: Locator | None = None,
    shown: tuple[str, ...] = ("ARN",),
    keeps_step: bool = True,
    steady: bool = False,
    foreseen: Foreseeable | None = None,
) -> Callable[[SecretHandler], SecretHandler]:
    """Declare an operation on the secret that SecretId names.

    ``shown`` is what records repeat of a write's answer. ``steady``: a read whose whole answer is the same throughout
    a snapshot of the store. ``foreseen``: of a write, as Operation has it.
    """
    if name not in STATES:
        raise ValueError(f"{name} has no row in the table of states")

    def declare(handle: SecretHandler) -> SecretHandler:
        def in_state(call: Call, found: Secret, tx: Transaction) -> Answer:
            if found is not None:
                refuse_in_special_state(name, found, call.invoked_by)
            answer = handle(call, found, tx)
            # A copy has a primary's number and a primary its own Region's name: nothing else has copies.
            if steps and found is not None and found.primary_region == found.region:
                synchronise(call, tx, found.pk)
            if steady:
                call.repeats(answer, _nothing_anew)
            return answer

        steps = keeps_step and mode is Mode.WRITE
        ROOM.operation(
            name,
            mode=mode,
            locate=locate or secret_at(check),
            keys=request_keys(name),
            shown=shown if mode is Mode.WRITE else (),
            steady=steady,
            foreseen=foreseen,
        )(in_state)
        return handle

    return declare


def _nothing_anew(_call: Call) -> Answer:
    return {}


def refuse_in_special_state(name: str, one: Secret, invoked_by: str | None = None) -> None:
    """Raise what AWS answers where the secret's state forbids the operation.

    ``invoked_by``: the service that asks on behalf of the caller; to its own secrets it may do everything.
    """
    if one.deleted_ms is not None or one.primary_pk is not None or one.owning_service is not None:
        refuse_in_state(
            name,
            scheduled=one.deleted_ms is not None,
            replica=one.primary_pk is not None,
            owner=None if invoked_by == f"{one.owning_service}.amazonaws.com" else one.owning_service,
        )


def change_ms(call: Call, one: Secret) -> int:
    """The moment of a change in ms: LastChangedDate grows strictly, also within one millisecond."""
    return max(to_ms(call.now), one.changed_ms + 1)
