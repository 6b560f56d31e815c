"""The records of an account: found in the index, read from the journal, shown as their account may see them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.kernel.trail.find import Finder, NoIndex, Place, Wanted
from strongroom.kernel.trail.follow import sizes, unread
from strongroom.kernel.trail.indexing import wake
from strongroom.kernel.trail.places import Piece, line_at
from strongroom.kernel.trail.words import Words, has, may_be_told, owners_id, words_of

WAIT_SECONDS = 2.0
"""How long a lookup waits for the index to have what was recorded before it came."""
_LOOK_SECONDS = 0.002
UNDONE_CODE = "InternalFailure"
UNDONE_TEXT = "The request could not be completed, and nothing of it was kept."


@dataclass(frozen=True, slots=True)
class Found:
    """One record as its account sees it. ``event`` is CloudTrail's; ``decision`` why it was allowed or refused."""

    moment: int
    words: Words
    event: Mapping[str, Any]
    decision: Mapping[str, Any] | None


class Trail:
    """What one process knows of the trail. Safe to share between threads."""

    def __init__(self, journal: Path, index: Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._journal = journal
        self._index = index
        self._finder = Finder(index)
        self._wait_seconds = wait_seconds

    def page(self, wanted: Wanted, most: int, piece: Piece | None = None) -> tuple[list[Found], int | None]:
        """The newest records that are wanted, and the moment after which the next page goes on; None at the end.

        Records of one and the same moment, which are hardly ever two, are on one page, so that none is left out.
        Raises NoIndex where there is none.
        """
        found: list[Found] = []
        while True:
            places = self._finder.find(wanted, most + 1)
            for _, same in groupby(places, key=attrgetter("moment")):
                read = [one for place in same if (one := self._read(wanted, place, piece)) is not None]
                if found and len(found) + len(read) > most:
                    return found, found[-1].moment
                found += read
            if len(places) <= most or wanted.attribute == "EventId":
                return found, None
            wanted = replace(wanted, before=places[-1].moment)

    def caught_up(self) -> bool:
        """Wait, bounded, until the index has what this node recorded before now; whether it has."""
        begin, until = sizes(self._journal), time.monotonic() + self._wait_seconds
        woken = False
        while True:
            try:
                if not unread(self._finder.standings(), begin):
                    return True
            except NoIndex:
                pass
            if time.monotonic() >= until:
                return False
            if not woken:
                wake(self._index)
                woken = True
            time.sleep(_LOOK_SECONDS)

    def uses(self, account: str, who: str) -> dict[str, int]:
        """When a principal, by its unique id, last used what (uses.py), in milliseconds. Raises NoIndex."""
        return self._finder.uses(account, who)

    def oldest_ms(self, account: str) -> int | None:
        """The moment of an account's oldest record. Raises NoIndex."""
        return self._finder.oldest_ms(account)

    def _read(self, wanted: Wanted, place: Place, piece: Piece | None) -> Found | None:
        raw = line_at(self._journal, place.chain, place.number, place.offset, piece)
        if raw is None:
            return None
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:  # damaged since it was indexed; ``audit verify`` tells
            return None
        words = words_of(line)
        if words.region != wanted.region or wanted.account not in (words.account, words.owner):
            return None
        event, decision = _as_told(line["event"]), line.get("decision")
        if wanted.account != words.account:
            event, words = _as_the_owner_sees_it(event, words, wanted.account)
            decision = None
        if place.undone:
            event = _undone(event)
        if wanted.attribute == "EventId":
            if event["eventID"] != wanted.value or not _in_time(words, wanted):
                return None
        elif not has(words, wanted.attribute, wanted.value):  # another word of the same number
            return None
        return Found(place.moment, words, event, decision)


def _as_told(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record without resources that its account must not learn of."""
    there = event.get("resources") or ()
    told = [one for one in there if may_be_told(event, str(one.get("ARN")))]
    if len(told) == len(there):
        return event
    rest = {name: value for name, value in event.items() if name != "resources"}
    return {**rest, "resources": told} if told else rest


def _in_time(words: Words, wanted: Wanted) -> bool:
    return wanted.since_ms <= words.when_ms and (wanted.until_ms is None or words.when_ms <= wanted.until_ms)


def _as_the_owner_sees_it(event: Mapping[str, Any], words: Words, owner: str) -> tuple[dict[str, Any], Words]:
    """The record of another account's call, as the owner of its resource gets it.

    Source: CloudTrail User Guide, "CloudTrail userIdentity element" (AWSAccount), sharedEventID.
    """
    who = event.get("userIdentity") or {}
    seen = {"type": "AWSAccount", "principalId": who.get("principalId", ""), "accountId": who.get("accountId", "")}
    if "invokedBy" in who:
        seen["invokedBy"] = who["invokedBy"]
    told = {
        **event,
        "userIdentity": seen,
        "eventID": owners_id(event["eventID"], owner),
        "recipientAccountId": owner,
        "sharedEventID": event["eventID"],
    }
    return told, replace(words, account=owner, username="", access_key="")


def _undone(event: Mapping[str, Any]) -> dict[str, Any]:
    """A record whose transaction was not committed: its caller was told so, and nothing is shown as a success."""
    if "errorCode" in event:
        return dict(event)
    return {**event, "errorCode": UNDONE_CODE, "errorMessage": UNDONE_TEXT, "responseElements": None}


Pieces = Callable[[Any], Piece | None]
"""How to read other nodes' records in a transaction; None where there are no other nodes."""
