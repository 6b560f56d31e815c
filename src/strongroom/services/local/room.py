"""The clock, the seal, the first credentials and explanations, for whoever is allowed to ask.

Source: DESIGN.md, "The command line and the local API". Actions: strongroom:ClockRead, ClockAdvance, SealRead,
CredentialsRetire; those of explanations are in their own files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Answerable
from strongroom.kernel.asking import Asks
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode, Registry, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail.lookup import Pieces, Trail
from strongroom.services.local import (
    audit,
    errors,
    events,
    explanations,
    exports,
    imports,
    keyusers,
    metrics,
    model,
    reports,
    rotations,
    store,
    tokenkeys,
    usage,
    webhooks,
    whocan,
)


@dataclass(frozen=True, slots=True)
class Local:
    """What the composition root tells this room.

    ``account``: the one made at the first start, whose administrators run the deployment.
    ``seal()`` answers the kind of the seal and what it protects against, as it is now.
    ``retire(tx, account, access_key_id)`` deletes an administrator's key and answers the user's name, or raises
    LookupError with the reason where it is the last way in. ``lookup`` finds the journal's lines of a request,
    ``nodes`` those that other nodes have. ``trail`` looks records up, ``pieces`` reads those of other nodes.
    ``metrics`` writes the page of all counts.
    """

    account: str
    dev_clock: bool
    seal: Callable[[], tuple[str, str]]
    retire: Callable[[Transaction, str, str], str]
    lookup: explanations.Lookup
    metrics: metrics.Page
    prices: usage.Prices
    trail: Trail
    pieces: Pieces
    nodes: Asks | None = None


def register(registry: Registry, local: Local) -> None:
    """Declare the room's operations."""
    room = Room(model.SERVICE, encodes_denials=True)

    @room.operation("GetClock", mode=Mode.READ, action="strongroom:ClockRead")
    def get_clock(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Both clocks, and how many jobs are due by the product's."""
        return _clock(call, tx, store.clock_offset(tx))

    @room.operation("AdvanceClock", mode=Mode.WRITE, action="strongroom:ClockAdvance", shown=("Now", "OffsetSeconds"))
    def advance_clock(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Move the product's clock forward. Only on a data directory made with --dev-clock; never back."""
        if not local.dev_clock:
            raise errors.ClockNotMovableException(
                "This clock cannot be moved: the data directory was not made with `strongroom serve --dev-clock`."
            )
        return _clock(call, tx, store.move_clock(tx, timedelta(seconds=call["Seconds"])))

    @room.operation("GetSeal", mode=Mode.READ, action="strongroom:SealRead")
    def get_seal(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """How the root key is kept, and what that protects against."""
        kind, protects = local.seal()
        return {"State": "unsealed", "Kind": kind, "Protects": protects}

    @room.operation(
        "RetireCredentials",
        mode=Mode.WRITE,
        action="strongroom:CredentialsRetire",
        shown=("UserName", "AccessKeyId"),
    )
    def retire_credentials(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Delete the first administrator's key, unless nobody else could administer the account then."""
        try:
            user = local.retire(tx, call.account, call["AccessKeyId"])
        except LookupError as reason:
            raise _last(reason) from None
        return {"UserName": user, "AccessKeyId": call["AccessKeyId"]}

    def _clock(call: Call, tx: Transaction, offset: timedelta) -> Answer:
        now = call.machine_now + offset
        return {
            "Now": now,
            "Machine": call.machine_now,
            "OffsetSeconds": int(offset.total_seconds()),
            "Movable": local.dev_clock,
            "DueJobs": due.count_due(tx, now),
        }

    explanations.declare(room, local.lookup, local.nodes)
    whocan.declare(room, registry)
    audit.declare(room, local.trail, local.pieces)
    exports.declare(room, local.trail, local.pieces)
    reports.declare(room, registry, local.trail)
    tokenkeys.declare(room, local.account)
    keyusers.declare(room, registry)
    metrics.declare(room, local.account, local.metrics)
    webhooks.declare(room, local.account)
    events.declare(room)
    usage.declare(room, registry, local.prices)
    rotations.declare(room, registry)
    imports.declare(room, registry)
    registry.add(room)


def _last(reason: LookupError) -> Answerable:
    return errors.LastAdministratorException(str(reason))
