"""Runs of the index beside a list that is searched from end to end: small runs, any order of times, restarts."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from strongroom.kernel.trail import runs
from strongroom.kernel.trail.entries import TIE_BITS, Together, entries_of, number_of
from strongroom.kernel.trail.find import Finder, NoIndex, Place, Wanted
from strongroom.kernel.trail.index import Index, Part, Standing, current, next_after
from strongroom.kernel.trail.words import Words, has

ACCOUNT, OTHER = "111122223333", "444455556666"
PLAIN = Words(ACCOUNT, "us-east-1", 0, "kms.amazonaws.com", "Decrypt", True, "ann", "AKIA", (), (), None)


@dataclass(frozen=True)
class Known:
    """A record as it was put in."""

    words: Words
    event_id: str
    place: tuple[str, int, int]
    had: tuple[tuple[int, frozenset[int]], ...]
    """The moment and the words of each of its entries."""


class Beside:
    """An index, and a list of what is in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.index = Index(next_after(None, directory))
        self.known: list[Known] = []
        self.sizes: dict[tuple[str, int], int] = {}

    def part(self, chain: str, number: int, words: list[Words]) -> Part:
        """The next records of a segment."""
        at = self.sizes.get((chain, number), 0)
        entries = []
        for one in words:
            event_id = f"{len(self.known):036}"
            made = entries_of(one, event_id, at)
            had = ((moment, frozenset(n for one in words for n in one.numbers)) for moment, _, _, words in made)
            self.known.append(Known(one, event_id, (chain, number, at), tuple(had)))
            entries += made
            at += 100
        self.sizes[chain, number] = at
        return Part(chain, number, Standing(at, ended=False), entries, undone=[at - 100] if words else [])

    def put(self, chain: str, number: int, *words: Words) -> None:
        self.index.add([self.part(chain, number, list(words))])

    def again(self) -> None:
        """A restart."""
        self.index.close()
        self.index = Index(self.index.path)

    def forget(self, chain: str, number: int) -> None:
        self.index.forget(chain, number)
        self.known = [one for one in self.known if one.place[:2] != (chain, number)]

    def places(self, wanted: Wanted, most: int = 50) -> list[Place]:
        return Finder(self.directory).find(wanted, most)

    def found(self, wanted: Wanted, most: int = 50) -> list[tuple[str, int, int]]:
        return [(one.chain, one.number, one.offset) for one in self.places(wanted, most)]

    def expected(self, wanted: Wanted) -> list[tuple[str, int, int]]:
        """The same from the list, all of it."""
        word, until, before = _number(wanted), wanted.until_ms or 1 << 50, wanted.before or 1 << 63
        told = [
            (moment, *one.place)
            for one in self.known
            if wanted.since_ms <= one.words.when_ms <= until
            for moment, words in one.had
            if moment < before and word in words
        ]
        return [(chain, number, offset) for _, chain, number, offset in sorted(told, reverse=True)]


def _number(wanted: Wanted) -> int:
    return number_of(wanted.account, wanted.region, wanted.attribute or "", wanted.value)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    monkeypatch.setattr(runs, "RUN", 1024)
    monkeypatch.setattr(runs, "YOUNG_AT_MOST", 200)
    made = Beside(tmp_path / "index")
    yield made
    made.index.close()


def some(chance: random.Random, count: int, around: int) -> list[Words]:
    return [
        replace(
            PLAIN,
            account=chance.choice((ACCOUNT, ACCOUNT, OTHER)),
            owner=chance.choice((None, None, "777788889999")),
            when_ms=max(1, around + chance.randrange(-2000, 2000)),
            name=chance.choice(("Decrypt", "Encrypt")),
            username=chance.choice(("ann", "bob", "rare") if chance.random() < 0.02 else ("ann", "bob")),
            names=tuple(chance.sample([f"key{n}" for n in range(40)], 2)),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_every_question_gets_what_a_search_from_end_to_end_finds(beside: Beside, seed: int) -> None:
    chance = random.Random(seed)
    for turn in range(18):
        chains = chance.sample(["a", "b", "c"], chance.randrange(1, 4))
        size = chance.choice((1, 7, 60, 250, 600))
        # Chain c is read late, as another node's is: its records are older than what is there already.
        beside.index.add(
            [
                beside.part(one, 1 + turn // 6, some(chance, size, turn * 1000 - (9000 if one == "c" else 0)))
                for one in chains
            ]
        )
        if chance.random() < 0.2:
            beside.again()
        if turn == 12:
            for chain in ("a", "b"):
                beside.forget(chain, 1)
    for _ in range(40):
        since, until = sorted((chance.randrange(-2000, 20_000), chance.randrange(-2000, 20_000)))
        attribute, value = chance.choice(
            [(None, ""), ("EventName", "Encrypt"), ("Username", "rare"), ("ResourceName", f"key{chance.randrange(45)}")]
        )
        account = chance.choice((ACCOUNT, OTHER, "777788889999", "000000000000"))
        wanted = Wanted(account, "us-east-1", attribute, value, max(0, since), max(1, until))
        wanted = chance.choice((wanted, replace(wanted, since_ms=0, until_ms=None)))
        wanted = chance.choice((wanted, replace(wanted, before=chance.randrange(20_000) << TIE_BITS)))
        most = chance.choice((1, 10, 51))

        assert beside.expected(wanted)[:most] == beside.found(wanted, most)[:most]

    for one in chance.sample(beside.known, 30):
        wanted = Wanted(one.words.account, "us-east-1", "EventId", one.event_id)
        assert one.place in beside.found(wanted)
    oldest = {account: Finder(beside.directory).oldest_ms(account) for account in (ACCOUNT, OTHER, "nobody")}
    for account in (ACCOUNT, OTHER):
        assert min(one.words.when_ms for one in beside.known if one.words.account == account) == oldest[account]
    assert oldest["nobody"] is None


def test_records_of_one_moment_come_together(beside: Beside) -> None:
    """A page that ended between them would leave the rest out."""
    index, one = beside.index, Together([number_of(ACCOUNT, "us-east-1", "", "")])
    moments = [9, 8, 7, 7, 7, 6]
    index.add([Part("a", 1, Standing(600, ended=False), [(at, 0, n * 100, (one,)) for n, at in enumerate(moments)])])

    assert [9, 8, 7, 7, 7] == [place.moment for place in beside.places(Wanted(ACCOUNT, "us-east-1"), 3)]
    assert [6] == [place.moment for place in beside.places(Wanted(ACCOUNT, "us-east-1", before=7), 3)]


def test_a_segment_that_goes_takes_the_runs_with_it_that_nothing_else_is_in(beside: Beside) -> None:
    for number in range(1, 6):
        beside.put("a", number, *[replace(PLAIN, when_ms=number * 1000 + at) for at in range(1024)])
    whole = _rows(beside.index.path)
    for number in range(1, 5):
        beside.forget("a", number)

    assert 1024 == len(beside.found(Wanted(ACCOUNT, "us-east-1"), 2000))
    left = _rows(beside.index.path)
    assert [1, 1, 4, 4, 0] == [left[table] for table in ("run", "holds", "span", "block", "young")]
    assert 5 * left["posting WHERE word >= 0"] == whole["posting WHERE word >= 0"]
    assert 0 < left["posting"] < whole["posting"] / 4
    assert 5000 == Finder(beside.directory).oldest_ms(ACCOUNT)


def _rows(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("run", "holds", "span", "block", "young", "posting WHERE word >= 0", "posting")
        }


def test_a_segment_that_came_after_one_that_went_does_not_get_its_records(beside: Beside) -> None:
    beside.put("a", 1, *[PLAIN] * 3)
    beside.forget("a", 1)
    beside.put("b", 1, replace(PLAIN, when_ms=5))

    assert [("b", 1, 0)] == beside.found(Wanted(ACCOUNT, "us-east-1"))


def test_what_could_not_be_put_in_is_not_there_and_what_comes_next_is(beside: Beside) -> None:
    beside.put("a", 1, *[replace(PLAIN, when_ms=at) for at in range(1, 300)])
    before = beside.found(Wanted(ACCOUNT, "us-east-1"), 1000)
    broken = [(1, 2, 3, (Together([4]),)), (1 << 70, 2, 3, ())]
    with pytest.raises(OverflowError):
        beside.index.add([Part("a", 1, Standing(7, ended=False), broken)])
    assert before == beside.found(Wanted(ACCOUNT, "us-east-1"), 1000)
    beside.put("a", 1, replace(PLAIN, when_ms=300))

    assert 300 == len(beside.found(Wanted(ACCOUNT, "us-east-1"), 1000))
    assert beside.expected(Wanted(ACCOUNT, "us-east-1")) == beside.found(Wanted(ACCOUNT, "us-east-1"), 1000)


def test_an_index_whose_parts_do_not_fit_together_is_said_to_be_none(beside: Beside) -> None:
    beside.put("a", 1, *[PLAIN] * 3)
    with sqlite3.connect(beside.index.path) as db:
        db.execute("UPDATE block SET entries = x'0102'")

    with pytest.raises(NoIndex):
        beside.found(Wanted(ACCOUNT, "us-east-1"))
    assert current(beside.directory) is not None


def test_each_attribute_is_checked_on_the_record_itself() -> None:
    one = replace(PLAIN, resources=(("AWS::KMS::Key", "key1"),), names=("key1",))
    had = {
        "EventName": "Decrypt",
        "EventSource": "kms.amazonaws.com",
        "ReadOnly": "true",
        "Username": "ann",
        "AccessKeyId": "AKIA",
        "ResourceType": "AWS::KMS::Key",
        "ResourceName": "key1",
    }
    assert has(one, None, "")
    for attribute, value in had.items():
        assert has(one, attribute, value)
        assert not has(one, attribute, value + "x")
    assert not has(one, "Unheard", "ann")
