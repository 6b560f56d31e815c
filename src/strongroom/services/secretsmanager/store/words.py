"""The index of words: which secrets may match a search, known without looking at all of them (decision 0054).

INVARIANT: a secret has one row for each of ``indexed`` of its name, description and tags. ``secrets`` calls here with
whatever changes one of them, in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from itertools import chain

import orjson
from sqlalchemy import BindParameter, bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.rules.filters import words
from strongroom.services.secretsmanager.store.tables import Secret, word

WORDS_AT_MOST = 64
"""Of one secret. Our choice: beyond it the secret is looked at in every search, and storing it costs one row."""
CHARS_AT_MOST = 24
"""Of one word: what lies behind them is compared when the secret itself is looked at."""
_SHORT = 64
MARKS = 32_768
"""Our choice: two bytes. Accounts of one mark are each other's candidates, told apart as all candidates are."""
EVERY = ""
"""The one word of a secret that has too many."""

# A filter's value has no other letters and digits (the model's pattern), so what stands behind one is never asked for.
_ASKED_FOR = re.compile(f"[a-z0-9]{{1,{CHARS_AT_MOST}}}")

_WITH = Statement(
    lambda: (
        select(word.c.secret_pk)
        .where(
            word.c.mark == bindparam("of_mark"),
            word.c.word >= bindparam("low"),
            word.c.word < bindparam("high"),
        )
        .limit(bindparam("at_most"))
    )
)
_ADD = Statement(
    lambda: insert(word).values(mark=bindparam("of_mark"), word=bindparam("of_word"), secret_pk=bindparam("of_secret"))
)
_DROP = Statement(
    lambda: delete(word).where(
        word.c.mark == bindparam("of_mark"),
        word.c.word.in_(bindparam("gone", expanding=True)),
        word.c.secret_pk == bindparam("of_secret"),
    )
)


def mark(account: str) -> int:
    """What stands in the index for an account: a little of it. Whoever looks it up asks the secret whose it is."""
    return int(account) % MARKS


def indexed(name: str, description: str | None, tags: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """What stands in the index for a secret."""
    found = set(_of_text(name))
    for text in (description or "", *chain.from_iterable([(one["Key"], one["Value"]) for one in tags])):
        found.update(_again(text) if len(text) <= _SHORT else _of_text(text))
        if len(found) > WORDS_AT_MOST:
            return frozenset((EVERY,))
    return frozenset(found)


def _of_text(text: str) -> tuple[str, ...]:
    begins = map(_ASKED_FOR.match, words(text))
    return tuple([begin[0] for begin in begins if begin is not None])


_again = lru_cache(1024)(_of_text)
"""Tags and descriptions say the same of many secrets."""


def of(one: Secret) -> frozenset[str]:
    """What stands in the index for a stored secret."""
    return indexed(one.name, one.description, () if one.tags is None else orjson.loads(one.tags))


def add(tx: Transaction, account: str, secret_pk: int, found: Iterable[str]) -> None:
    """Put words of a secret into the index: one statement."""
    # In the index's order, so that every node takes its locks in the same one.
    ordered = sorted(found)
    if ordered:
        values = {f"word_{at}": one for at, one in enumerate(ordered)}
        tx.run(_add(len(ordered)), of_mark=mark(account), of_secret=secret_pk, **values)


def add_new(tx: Transaction, account: str, found: Mapping[int, Iterable[str]]) -> None:
    """Put the words of many new secrets, by their numbers, into the index."""
    # In the index's order, as above.
    of_mark = mark(account)
    ordered = sorted((one, secret_pk) for secret_pk, words_of in found.items() for one in words_of)
    tx.many(_ADD, [{"of_mark": of_mark, "of_word": one, "of_secret": pk} for one, pk in ordered])


def drop(tx: Transaction, account: str, secret_pk: int, gone: Iterable[str]) -> None:
    """Take words of a secret out of the index."""
    ordered = sorted(gone)
    if ordered:
        tx.run(_DROP, of_mark=mark(account), of_secret=secret_pk, gone=ordered)


def with_word(tx: Transaction, account: str, begin: str, at_most: int) -> set[int] | None:
    """The numbers of an account's secrets that may have a word that begins so; None where there are too many."""
    wanted = begin[:CHARS_AT_MOST]
    found: set[int] = set()
    # Nothing lies between the marker and the first word but the marker.
    for low, high in ((EVERY, "\x01"), (wanted, wanted[:-1] + chr(ord(wanted[-1]) + 1))):
        rows = tx.rows(_WITH, of_mark=mark(account), low=low, high=high, at_most=at_most + 1)
        if len(rows) > at_most:
            return None
        found.update(int(row[0]) for row in rows)
    return found


@cache  # WORDS_AT_MOST + 1 shapes
def _add(count: int) -> Statement:
    of_mark: BindParameter[int] = bindparam("of_mark")
    secret_pk: BindParameter[int] = bindparam("of_secret")
    rows = [{"mark": of_mark, "word": bindparam(f"word_{at}"), "secret_pk": secret_pk} for at in range(count)]
    return Statement(insert(word).values(rows))
