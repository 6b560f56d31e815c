"""The trail as CloudTrail's log files and digests: a page of records at a time, then the digest that vouches for them.

Action: strongroom:AuditExport. Told are the records of the caller's account and Region. Whoever exports cannot have
anything signed but what this server gave out: each log file comes with a sealed receipt, and the digest is made here,
from receipts that follow one another from the first page of a span of time to its last.
Source: issue 7, point 2. Our choice: docs/decisions/0051-export-of-the-trail.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import astuple
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, iso_seconds, to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail import digests
from strongroom.kernel.trail.digests import LogFile, Previous
from strongroom.kernel.trail.find import NoIndex, Wanted
from strongroom.kernel.trail.lookup import Found, Pieces, Trail
from strongroom.services.local import errors

PAGE = 2000
PAGE_BYTES = 4 * 1024 * 1024
MOST_LOGS = 2000
"""Of one digest: their receipts fit into one request."""
SPAN_MS = 3600 * 1000
"""Of one digest at most. Source: CloudTrail User Guide: a digest an hour."""
SETTLES = timedelta(minutes=20)
"""A span is exported when it has been over for so long: a call is recorded when it ends, and none takes longer."""
_PURPOSE = "audit-export"


@dataclass(frozen=True, slots=True)
class _Receipt:
    """What this server gave out: one log file of a span, and which page it was. ``then`` is None on the last."""

    start_ms: int
    end_ms: int
    after: int | None
    then: int | None
    hash: str
    records: int
    newest_ms: int
    oldest_ms: int


def declare(room: Room, trail: Trail, pieces: Pieces) -> None:
    """Declare the operations."""

    @room.operation("GetExport", mode=Mode.SLOW, action="strongroom:AuditExport")
    def get_export(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Whose records there are, since when, and up to when they can be exported by now."""
        trail.caught_up()
        try:
            oldest = trail.oldest_ms(call.account)
        except NoIndex:
            raise _making() from None
        through = to_ms(call.machine_now - SETTLES) // 1000 * 1000
        told = {"Account": call.account, "Region": call.region, "ThroughMs": through}
        return told if oldest is None else {**told, "SinceMs": oldest}

    @room.operation("ExportEvents", mode=Mode.SLOW, action="strongroom:AuditExport")
    def export_events(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """One log file of a span of time, with its receipt."""
        start_ms, end_ms = _span(call)
        after = call.get("After")
        if after is None and not trail.caught_up():
            raise errors.IndexNotReadyException("The index of events is behind. Please try again.")
        wanted = Wanted(call.account, call.region, since_ms=start_ms, until_ms=end_ms - 1, before=after)
        try:
            page, then = trail.page(wanted, PAGE, pieces(tx))
        except NoIndex:
            raise _making() from None
        records, then = _bounded(page, then)
        log = b'{"Records":[' + b",".join(records) + b"]}"
        times = [one.words.when_ms for one in page[: len(records)]] or [start_ms]
        hashed = sha256(log).hexdigest()
        receipt = _Receipt(start_ms, end_ms, after, then, hashed, len(records), max(times), min(times))
        told = {
            "Log": log.decode(),
            "Path": digests.log_path(call.account, call.region, from_ms(end_ms), hashed),
            "Records": len(records),
            "Receipt": _sealed(call, receipt),
        }
        return told if then is None else {**told, "After": then}

    @room.operation("SignDigest", mode=Mode.SLOW_WRITE, action="strongroom:AuditExport")
    def sign_digest(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The digest of a span of time, from the receipts of its log files."""
        receipts = _in_order([_opened(call, one) for one in call["Receipts"]])
        keyring = call.kernel.keyring
        key = digests.key_of(tx, keyring)
        if key is None:
            key = digests.keep_key(tx, keyring, call.once("key", digests.new_key))
        start_ms, end_ms = receipts[0].start_ms, receipts[0].end_ms
        previous = _previous(call)
        if previous is not None and not (digests.is_ours(key, previous) and _follows(call, previous, start_ms)):
            raise errors.ExportRefusedException("The digest before this one is not the one that this one follows.")
        end = from_ms(end_ms)
        made = digests.signed(
            key,
            account=call.account,
            region=call.region,
            bucket=call["Bucket"],
            start_ms=start_ms,
            end_ms=end_ms,
            logs=[
                LogFile(
                    digests.log_path(call.account, call.region, end, one.hash), one.hash, one.newest_ms, one.oldest_ms
                )
                for one in receipts
                if one.records
            ],
            previous=previous,
        )
        return {"Path": made.path, "Digest": made.document.decode(), "Signature": made.signature}


def _making() -> errors.IndexNotReadyException:
    return errors.IndexNotReadyException("The index of events is being made. Please try again.")


def _span(call: Call) -> tuple[int, int]:
    start_ms, end_ms = call["StartMs"], call["EndMs"]
    if start_ms < 0 or start_ms % 1000 or end_ms % 1000 or not start_ms < end_ms <= start_ms + SPAN_MS:
        raise errors.ExportRefusedException("A span begins and ends with a second, and is an hour long at most.")
    if from_ms(end_ms) > call.machine_now - SETTLES:
        raise errors.ExportRefusedException("That span is not over for long enough: its calls may not have ended.")
    return start_ms, end_ms


def _bounded(page: Sequence[Found], then: int | None) -> tuple[list[bytes], int | None]:
    """The page's records as far as they fit into one log file, and where the next one begins."""
    records, size = list[bytes](), 0
    for one in page:
        text = orjson.dumps(one.event)
        size += len(text)
        if records and size > PAGE_BYTES:
            return records, page[len(records) - 1].moment
        records.append(text)
    return records, then


# ---------------------------------------------------------------------- receipts


def _bound(call: Call) -> bytes:
    return f"{call.account} {call.region}".encode()


def _sealed(call: Call, receipt: _Receipt) -> str:
    sealed = call.kernel.keyring.tokens.seal(_PURPOSE, orjson.dumps(astuple(receipt)), _bound(call))
    return base64.b64encode(sealed).decode()


def _opened(call: Call, text: str) -> _Receipt:
    try:
        sealed = base64.b64decode(text, validate=True)
        return _Receipt(*orjson.loads(call.kernel.keyring.tokens.open(_PURPOSE, sealed, _bound(call))))
    except (SealBroken, binascii.Error, ValueError, TypeError):
        raise errors.ExportRefusedException("A receipt is none of this account and Region.") from None


def _in_order(receipts: Sequence[_Receipt]) -> Sequence[_Receipt]:
    """The receipts, if they are all of one span, from its first page to its last."""
    first = receipts[0]
    spans = {(one.start_ms, one.end_ms) for one in receipts}
    follow = all(one.then == later.after for one, later in pairwise(receipts))
    inside = all(one.then is not None for one in receipts[:-1])
    if len(spans) != 1 or first.after is not None or receipts[-1].then is not None or not (follow and inside):
        raise errors.ExportRefusedException("The receipts are not those of all pages of one span, in order.")
    return receipts


def _previous(call: Call) -> Previous | None:
    told = call.get("Previous")
    if told is None:
        return None
    return Previous(told["Bucket"], told["Path"], told["Hash"], told["End"], told["Signature"], told.get("Before", ""))


def _follows(call: Call, previous: Previous, start_ms: int) -> bool:
    """Whether a digest of ours is of this account and Region, and ends where the next one begins."""
    start = from_ms(start_ms)
    return previous.end == iso_seconds(start) and previous.path == digests.digest_path(call.account, call.region, start)
