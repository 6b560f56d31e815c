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

from strongroom.kernel.trail.words import SUFFIX_CHARS, Words, names_of_secret, owners_id

TIE_BITS = 22
_TIE = (1 << TIE_BITS) - 1
WORD_BITS = 47
"""With sixteen bits of an entry's number beside it, a word's number is one of 63 bits."""
_ID_HASH_BITS = 32


class Together:
    """Words that entries have together: one object for the same words, as a rule, so that it is counted as one.

    ``seldom``: words of their kind are many, and of most of them there are few entries.
    """

    __slots__ = ("numbers", "seldom")

    def __init__(self, numbers: Iterable[int], *, seldom: bool = False) -> None:
        self.numbers = tuple(numbers)
        self.seldom = seldom


Entry = tuple[int, int, int, tuple[Together, ...]]
"""(moment, hash of the id, offset, words). Plain, since one is made for each record."""


def number_of(account: str, region: str, attribute: str, value: str) -> int:
    """The number of a word. ``attribute``: one of CloudTrail's, or empty for the account itself."""
    return _number(_begun(account, region, attribute), value.encode("utf-8", "surrogatepass"))


def _number(begun: blake2b, value: bytes) -> int:
    hashed = begun.copy()
    hashed.update(value)
    return int.from_bytes(hashed.digest(), "big") >> (64 - WORD_BITS)


@lru_cache(maxsize=1024)
def _begun(account: str, region: str, attribute: str) -> blake2b:
    """The hash of all words of one kind, up to their values."""
    return blake2b(f"{account}\0{region}\0{attribute}\0".encode("utf-8", "surrogatepass"), digest_size=8)


def id_hash(event_id: str) -> int:
    """32 bits of an event's id: the same on every node. Ids are random already, and nobody chooses one."""
    return crc32(event_id.encode("utf-8", "surrogatepass"))


def word_of_id(hashed: int) -> int:
    """The number of the word that an event's id is found by."""
    return hashed << (WORD_BITS - _ID_HASH_BITS)


def moment_of(when_ms: int, hashed: int) -> int:
    """The place of an event in the order of answers."""
    return when_ms << TIE_BITS | (hashed & _TIE)


def words_of_call(words: Words, account: str) -> tuple[Together, ...]:
    """The words of a record that one account may find it by, but for who called."""
    kind = words_of_kind(words, account)
    return (*kind, words_of_names(account, words.region, words.names)) if words.names else kind


def words_of_kind(words: Words, account: str) -> tuple[Together, ...]:
    """The words that tell what kind of call it was."""
    return (_kind(account, words.region, words.source, words.name, words.read_only, words.types),)


@lru_cache(maxsize=4096)
def words_of_caller(account: str, region: str, username: str, access_key: str) -> tuple[Together, ...]:
    """The words of a record that tell who called; only the caller's own account may find it by them."""
    found = {"Username": username, "AccessKeyId": access_key}
    numbers = [number_of(account, region, attribute, value) for attribute, value in found.items() if value]
    return (Together(numbers, seldom=True),) if numbers else ()


@lru_cache(maxsize=4096)
def _kind(account: str, region: str, source: str, name: str, read_only: bool, types: tuple[str, ...]) -> Together:
    numbers = (
        number_of(account, "", "", ""),
        number_of(account, region, "", ""),
        number_of(account, region, "EventSource", source),
        number_of(account, region, "EventName", name),
        number_of(account, region, "ReadOnly", "true" if read_only else "false"),
        *(number_of(account, region, "ResourceType", kind) for kind in types),
    )
    return Together(dict.fromkeys(numbers))


def words_of_names(account: str, region: str, names: Iterable[str]) -> Together:
    """The words that tell what it was about."""
    begun = _begun(account, region, "ResourceName")
    numbers = [_number(begun, name.encode("utf-8", "surrogatepass")) for name in names]
    return Together(dict.fromkeys(numbers), seldom=True)


Names = tuple[tuple[Together, ...], tuple[Together, ...]]
"""The words that tell what a record was about: for its own account, and for the owner of its resource."""


class NamesOfSecrets:
    """The words that name secrets whose ARNs begin alike (``names_of_secret``), in as few steps as can be."""

    __slots__ = ("_accounts", "_begun", "_is_arn", "_prefix", "_region")

    def __init__(self, account: str, owner: str | None, region: str, prefix: bytes) -> None:
        self._accounts = account, owner or ""
        self._region = region
        self._prefix = prefix
        self._is_arn = prefix.startswith(b"arn:")
        self._begun = []
        for one in self._accounts:
            name = _begun(one, region, "ResourceName")
            arn = name.copy()
            arn.update(prefix)
            self._begun.append((arn, name) if one else None)

    def of(self, tail: bytes, named: bytes) -> Names | None:
        """The words of one that was asked for in that way, if in any; None where this is not one secret."""
        if b"*" in tail or b"?" in tail:
            return None
        name = tail[:-SUFFIX_CHARS] if tail[-SUFFIX_CHARS : 1 - SUFFIX_CHARS] == b"-" else tail
        plain = name and self._is_arn and b":" not in name and tail.isascii()
        if plain and (named == name or not named or named == self._prefix + tail):
            own, owners = self._begun
            return self._words(own, tail, name), self._words(owners, tail, name)
        try:
            names = names_of_secret((self._prefix + tail).decode(), named.decode())
        except UnicodeDecodeError:
            return None
        told, owners_told = [(words_of_names(one, self._region, names),) if one else () for one in self._accounts]
        return told, owners_told

    @staticmethod
    def _words(begun: tuple[blake2b, blake2b] | None, tail: bytes, name: bytes) -> tuple[Together, ...]:
        return (Together((_number(begun[0], tail), _number(begun[1], name)), seldom=True),) if begun else ()


names_of_secrets = lru_cache(maxsize=1024)(NamesOfSecrets)
"""One object for all secrets of a place, so that words of one are known again under it."""


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
