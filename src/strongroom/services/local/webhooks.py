"""How far each webhook is, and what it did not take. Source: issue 7, point 6.

Action: strongroom:EventsRead. Letters hold events of all accounts, so that only the account made at the first start
may ask.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.clock import from_ms
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.feed import delivery
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction

LETTERS_SHOWN = 20


def declare(room: Room, account: str) -> None:
    """Declare the operation."""

    @room.operation("GetWebhooks", mode=Mode.SLOW, action="strongroom:EventsRead")
    def get_webhooks(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Every webhook that was ever delivered to, and its newest dead letters."""
        if call.account != account:
            raise Refusal(
                Kind.ACCESS_DENIED, "Only the account that this deployment was made with may look at its webhooks."
            )
        return {"Webhooks": [_told(tx, one) for one in delivery.all_standings(tx) if one.name[0] != "*"]}


def _told(tx: Transaction, one: delivery.Standing) -> dict[str, Any]:
    letters = delivery.dead(tx, one.name, LETTERS_SHOWN)
    return {
        "Name": one.name,
        "Delivered": one.delivered,
        "Behind": delivery.behind(tx, one.number),
        "Dead": one.dead,
        "Missed": one.missed,
        "Attempt": one.attempt,
        "Error": one.error,
        "DeadLetters": [
            {"Number": dead.number, "At": from_ms(dead.at_ms), "Error": dead.error, "Event": dead.body}
            for dead in letters
        ],
    }
