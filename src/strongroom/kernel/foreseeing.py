"""Writes that are worked out before their turn: every step on a snapshot, with the changes noted down and not made.

In their turn they are made as they are if nothing that they have read has changed; if not, the call passes its steps
again in the writer's place.
Source: docs/decisions/0061-writes-foreseen.md.
"""

from __future__ import annotations

from strongroom.kernel import steps
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.flight import Flight, Prepared
from strongroom.kernel.onbehalf import OnBehalf
from strongroom.kernel.registry import Operation
from strongroom.kernel.storage.foresight import Foresight
from strongroom.kernel.storage.port import SnapshotMoved, Transaction


def prepare(chain: OnBehalf, flight: Flight, operation: Operation, tx: Transaction) -> None:
    """Work a write out on this snapshot, if it can be: its reply and records wait for its turn.

    What is refused here is refused in its turn again, where it is recorded.
    """
    view = tx.foresee()
    if view is None:
        return
    try:
        prepared = _worked_out(chain, flight, operation, view)
    except SnapshotMoved:
        raise
    except Exception:  # noqa: BLE001  whatever it is, it comes again in its turn, and is told there
        prepared = None
    if prepared is None:
        flight.start_over()
    else:
        flight.reply, flight.records, flight.prepared = None, [], prepared


def played(flight: Flight, tx: Transaction) -> bool:
    """Whether a write was worked out and holds in its turn: then it is made, and its flight has reply and records."""
    prepared = flight.prepared
    if prepared is None or not tx.play(prepared.foreseen):
        return False
    flight.reply, flight.records = prepared.reply, prepared.records
    return True


def _worked_out(chain: OnBehalf, flight: Flight, operation: Operation, view: Foresight) -> Prepared | None:
    call = flight.call
    answer: Answer = {}
    for step in steps.INSIDE:
        answer = step(chain, call, operation, view, answer)
        if call.decision is None and not _is_foreseeable(call, operation):
            return None
    steps.write_the_answer(chain, flight, answer, view)
    foreseen = view.foreseen()
    if foreseen is None or flight.reply is None or call.kept:
        return None
    return Prepared(foreseen, flight.reply, flight.records)


def _is_foreseeable(call: Call, operation: Operation) -> bool:
    """Whether a call that was located may be worked out beforehand."""
    target, foreseen = call.target, operation.foreseen
    return target is not None and foreseen is not None and foreseen(call, target)
