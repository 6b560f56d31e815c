"""What stands in the index of one record: its moment, a hash of its id, where it lies, and the numbers of its words.

A word is an account, a Region, an attribute and a value; its number is a hash of them, so that nothing has to be kept
or asked to know it. Whoever finds a record by a number reads the record, and checks that it has the word (words.has).
A *moment* is ``milliseconds << 22 | 22 bits of the event's id``: every node puts the same events into the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

from strongroom.kernel.trail.words import Words, owners_id

TIE_BITS = 22
_TIE = (1 << TIE_BITS) - 1


class Together:
    """Words that entries have together: one object for the same words, as a rule, so that it is counted as one."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = tuple(dict.fromkeys(numbers))


Entry = tuple[int, int, int, tuple[Together, ...]]
"""(moment, hash of the id, offset, words). Plain, since one is made for each record."""


@lru_cache(maxsize=16_384)
def number_of(account: str, region: str, attribute: str, value: str) -> int:
    """The number of a word: 63 bits. ``attribute``: one of CloudTrail's, or empty for the account itself."""
    text = f"{account}\0{region}\0{attribute}\0{value}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def id_hash(event_id: str) -> int:
    """32 bits of an event's id: the same on every node. Ids are random already, and nobody chooses one."""
    return crc32(event_id.encode("utf-8", "surrogatepass"))


def moment_of(when_ms: int, hashed: int) -> int:
    """The place of an event in the order of answers."""
    return when_ms << TIE_BITS | (hashed & _TIE)


def words_of_call(words: Words, account: str) -> tuple[Together, ...]:
    """The words of a record that one account may find it by, but for who called."""
    kind = _kind(account, words.region, words.source, words.name, words.read_only, words.types)
    return (kind, _names(account, words.region, words.names)) if words.names else (kind,)


@lru_cache(maxsize=4096)
def words_of_caller(account: str, region: str, username: str, access_key: str) -> tuple[Together, ...]:
    """The words of a record that tell who called; only the caller's own account may find it by them."""
    found = {"Username": username, "AccessKeyId": access_key}
    numbers = [number_of(account, region, attribute, value) for attribute, value in found.items() if value]
    return (Together(numbers),) if numbers else ()


@lru_cache(maxsize=4096)
def _kind(account: str, region: str, source: str, name: str, read_only: bool, types: tuple[str, ...]) -> Together:
    return Together(
        (
            number_of(account, "", "", ""),
            number_of(account, region, "", ""),
            number_of(account, region, "EventSource", source),
            number_of(account, region, "EventName", name),
            number_of(account, region, "ReadOnly", "true" if read_only else "false"),
            *(number_of(account, region, "ResourceType", kind) for kind in types),
        )
    )


@lru_cache(maxsize=4096)
def _names(account: str, region: str, names: tuple[str, ...]) -> Together:
    return Together(number_of(account, region, "ResourceName", name) for name in names)


def entries_of(words: Words, event_id: str, offset: int) -> list[Entry]:
    """The entries of one record: for its own account, and for the owner of a resource. Nobody's can be looked up."""
    found = []
    if words.account:
        caller = words_of_caller(words.account, words.region, words.username, words.access_key)
        hashed = id_hash(event_id)
        had = words_of_call(words, words.account) + caller
        found.append((moment_of(words.when_ms, hashed), hashed, offset, had))
    if words.owner is not None:
        found.append(owners_entry(words.when_ms, words.owner, event_id, offset, words_of_call(words, words.owner)))
    return found


def owners_entry(when_ms: int, owner: str, event_id: str, offset: int, had: tuple[Together, ...]) -> Entry:
    """The entry of the copy that the owner of a resource gets."""
    hashed = id_hash(owners_id(event_id, owner))
    return moment_of(when_ms, hashed), hashed, offset, had
