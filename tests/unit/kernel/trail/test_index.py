"""The index: what is put in is found, in order, by each attribute, and by nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal.packed import pack
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.trail import follow
from strongroom.kernel.trail.entries import Together, number_of
from strongroom.kernel.trail.find import Finder, NoIndex, Wanted
from strongroom.kernel.trail.follow import CHUNK_BYTES, Follower
from strongroom.kernel.trail.index import Index, Part, current, next_after
from strongroom.kernel.trail.indexing import rebuild
from strongroom.kernel.trail.lookup import UNDONE_CODE, Trail

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ACCOUNT, OTHER = "111122223333", "444455556666"
ARN = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:db-abcdef"


class World:
    """A journal, its index, and the ids that the store has."""

    def __init__(self, place: Path) -> None:
        self.now = NOW
        self.journal_directory, self.index_directory = place / "journal", place / "index"
        self.journal = Journal(self.journal_directory, node="n1", process="w", clock=lambda: self.now)
        self.committed: set[str] = set()
        self.index = Index(next_after(None, self.index_directory))
        self.follower = self.following(self.index)
        self.trail = Trail(self.journal_directory, self.index_directory, wait_seconds=0.0)

    def following(self, index: Index) -> Follower:
        return Follower(self.journal_directory, index, self.committed.intersection, lambda: self.now)

    def record(self, name: str = "GetSecretValue", *, writes: bool = False, **more: Any) -> str:
        """Append one record; its event's id."""
        made = uuid4(SystemEntropy())
        event = {
            "userIdentity": {"type": "IAMUser", "userName": "ann", "accessKeyId": "AKIAANN", "principalId": "AIDA1"},
            "eventTime": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "secretsmanager.amazonaws.com",
            "eventName": name,
            "awsRegion": "us-east-1",
            "requestParameters": {"secretId": "db"},
            "responseElements": None,
            "eventID": made,
            "readOnly": not writes,
            "recipientAccountId": ACCOUNT,
        } | more.pop("event", {})
        decision = {"outcome": "allowed", "resource": ARN, "resourceAccount": ACCOUNT} | more.pop("decision", {})
        self.journal.append([Record(made, event, writes, decision)])
        self.now += timedelta(milliseconds=300)
        return made

    def keep_up(self) -> None:
        while self.follower.step():
            pass

    def found(self, attribute: str | None = None, value: str = "", most: int = 50, **more: Any) -> list[str]:
        """The ids of the events that are found, newest first."""
        self.keep_up()
        wanted = Wanted(**{"account": ACCOUNT, "region": "us-east-1", **more}, attribute=attribute, value=value)
        page, _ = self.trail.page(wanted, most)
        return [one.event["eventID"] for one in page]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.index.close()
    made.journal.close()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("EventName", "GetSecretValue"),
        ("EventSource", "secretsmanager.amazonaws.com"),
        ("ReadOnly", "true"),
        ("Username", "ann"),
        ("AccessKeyId", "AKIAANN"),
        ("ResourceType", "AWS::SecretsManager::Secret"),
        ("ResourceName", "db"),
        ("ResourceName", ARN),
    ],
)
def test_each_attribute_finds_what_it_names_and_nothing_else(world: World, attribute: str, value: str) -> None:
    wanted = world.record()
    bob = {"type": "IAMUser", "userName": "bob", "accessKeyId": "AKIABOB", "principalId": "AIDA2"}
    world.record(
        "CreateUser",
        event={
            "userIdentity": bob,
            "eventSource": "iam.amazonaws.com",
            "readOnly": False,
            "requestParameters": {"userName": "db2"},
        },
        decision={"resource": "arn:aws:iam::1:user/db2"},
    )

    assert [wanted] == world.found(attribute, value)
    assert [] == world.found(attribute, value.swapcase())
    assert [] == world.found(attribute, value, account=OTHER)
    assert [] == world.found(attribute, value, region="eu-west-1")


def test_an_event_is_found_by_its_id(world: World) -> None:
    first, second = world.record(), world.record()

    assert [first] == world.found("EventId", first)
    assert [second] == world.found("EventId", second)
    assert [] == world.found("EventId", first, account=OTHER)
    assert [] == world.found("EventId", first, region="eu-west-1")


def test_records_come_newest_first_and_a_range_has_both_its_ends(world: World) -> None:
    made = [world.record() for _ in range(20)]
    begin = int(NOW.timestamp() * 1000)

    assert made[::-1] == world.found()
    assert [one for at, one in enumerate(made) if 1000 <= at * 300 <= 2999][::-1] == world.found(
        since_ms=begin + 1000, until_ms=begin + 2999
    )


def test_pages_follow_one_another_without_gap_or_repetition(world: World) -> None:
    made = [world.record() for _ in range(23)]
    world.keep_up()
    wanted, got, pages = Wanted(ACCOUNT, "us-east-1"), [], 0
    while True:
        page, more = world.trail.page(wanted, 5)
        got += [one.event["eventID"] for one in page]
        pages += 1
        if more is None:
            break
        wanted = Wanted(ACCOUNT, "us-east-1", before=more)

    assert made[::-1] == got
    assert 5 == pages


def test_a_write_is_found_once_its_commit_is_known_and_not_before(world: World) -> None:
    before, write, after = world.record(), world.record("CreateSecret", writes=True), world.record()

    assert [before] == world.found()
    world.committed.add(write)
    assert [after, write, before] == world.found()


def test_a_write_whose_row_was_forgotten_is_known_by_the_mark(world: World) -> None:
    write = world.record("CreateSecret", writes=True)
    world.journal.committed([write])
    world.journal.mark([{"mark": "checkpoint"}])

    assert [write] == world.found()


def test_what_was_not_committed_is_never_shown_as_a_success(world: World) -> None:
    write = world.record("CreateSecret", writes=True, event={"responseElements": {"arn": ARN}})
    world.journal.not_committed([write], "the disk was full")
    world.keep_up()

    page, _ = world.trail.page(Wanted(ACCOUNT, "us-east-1"), 5)

    assert [(UNDONE_CODE, None)] == [(one.event["errorCode"], one.event["responseElements"]) for one in page]


def test_what_a_dead_process_left_open_is_told_by_the_chain_that_settled_it(world: World) -> None:
    lost, kept = world.record("CreateSecret", writes=True), world.record("PutSecretValue", writes=True)
    other = Journal(world.journal_directory, node="n1", process="next", clock=lambda: world.now)
    assert [] == world.found()
    chain = world.journal.chain_id
    other.not_committed([lost], "it died", chain=chain)
    other.mark([{"mark": "settled", "chain": chain, "through": 3, "hash": "0" * 64}])
    try:
        assert [kept, lost] == world.found()
    finally:
        other.close()


def test_an_outcome_that_nobody_will_ever_tell_counts_as_undone_after_a_while(world: World) -> None:
    world.record("CreateSecret", writes=True)
    assert [] == world.found()
    world.now += timedelta(minutes=11)
    world.keep_up()
    world.keep_up()

    page, _ = world.trail.page(Wanted(ACCOUNT, "us-east-1"), 5)

    assert [UNDONE_CODE] == [one.event["errorCode"] for one in page]


def test_the_owner_of_a_resource_gets_a_copy_without_the_callers_names(world: World) -> None:
    made = world.record(decision={"resourceAccount": OTHER})
    world.record(decision={"resourceAccount": OTHER, "outcome": "implicitDeny"}, event={"errorCode": "AccessDenied"})
    world.keep_up()

    (own, *_), _ = world.trail.page(Wanted(OTHER, "us-east-1"), 5)

    assert {"type": "AWSAccount", "principalId": "AIDA1", "accountId": ""} == own.event["userIdentity"]
    assert (made, OTHER) == (own.event["sharedEventID"], own.event["recipientAccountId"])
    assert own.event["eventID"] != made
    assert own.decision is None
    assert [own.event["eventID"]] == world.found("EventId", own.event["eventID"], account=OTHER)
    assert [] == world.found("Username", "ann", account=OTHER)
    assert 1 == len(world.found(account=OTHER))


def test_names_of_operations_without_end_are_found_all_the_same(world: World) -> None:
    for number in range(1005):
        world.record(f"Made{number}")

    for number in (0, 1004):
        assert 1 == len(world.found("EventName", f"Made{number}"))
    assert 1005 == len(world.found(most=2000))


def test_a_packed_segment_is_read_where_it_lay_and_by_a_new_index(world: World) -> None:
    made = [world.record() for _ in range(300)]
    world.keep_up()
    world.journal.close()
    (segment,) = world.journal_directory.glob("*.jsonl")
    pack(segment)

    assert made[::-1] == world.found(most=300)
    world.index.close()
    draft = next_after(world.index.path, world.index_directory)
    rebuild(draft, world.following, threading.Event())
    assert draft == current(world.index_directory)
    assert made[::-1] == world.found(most=300)


def test_a_rebuilt_index_answers_as_the_old_one_did(world: World) -> None:
    for number in range(40):
        world.record("GetSecretValue" if number % 3 else "DescribeSecret")
    before = world.found(), world.found("EventName", "DescribeSecret")
    rebuild(next_after(world.index.path, world.index_directory), world.following, threading.Event())

    assert before == (world.found(), world.found("EventName", "DescribeSecret"))


def test_a_broken_index_is_thrown_away_and_made_again(world: World) -> None:
    made = world.record()
    world.keep_up()
    world.index.close()
    world.index.path.write_bytes(b"no database at all" * 500)
    for suffix in ("-wal", "-shm"):
        world.index.path.with_name(world.index.path.name + suffix).unlink(missing_ok=True)
    world.index = Index(world.index.path)
    world.follower = world.following(world.index)

    assert [made] == world.found()


def test_a_restart_goes_on_where_the_index_stands(world: World) -> None:
    first = world.record()
    world.keep_up()
    world.index.close()
    world.index = Index(world.index.path)
    world.follower = world.following(world.index)
    second = world.record()

    assert [second, first] == world.found()


def test_more_than_a_chunk_between_outcomes_is_read_to_its_end(world: World) -> None:
    """A journal whose marks say nothing of what is open (too much was) does not stop the index."""
    for _ in range(4):
        world.record(event={"filler": "x" * 120_000})
    write = world.record("CreateSecret", writes=True)
    for _ in range(CHUNK_BYTES // 120_000 + 3):
        world.journal._put(world.journal._chain.records([_filler(world)], 0))

    assert write in world.found(most=100)


def _filler(world: World) -> Record:
    event = {"eventName": "Filler", "eventTime": "x", "recipientAccountId": ACCOUNT, "awsRegion": "us-east-1"}
    return Record(uuid4(SystemEntropy()), {**event, "eventID": "1", "pad": "y" * 120_000}, writes=False)


def test_without_an_index_a_lookup_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoIndex):
        Finder(tmp_path / "index").find(Wanted(ACCOUNT, "us-east-1"), 1)


def test_what_a_record_says_of_itself_is_what_the_journal_holds(world: World) -> None:
    made = world.record()
    world.keep_up()

    (one,), _ = world.trail.page(Wanted(ACCOUNT, "us-east-1"), 1)

    (path,) = world.journal_directory.glob("*.jsonl")
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [one.event] == [line["event"] for line in lines if line.get("id") == made]


def test_a_record_that_only_shares_the_number_of_a_word_is_not_shown(world: World) -> None:
    made = world.record()
    assert [made] == world.found()
    standing = world.index.standings()[world.journal.chain_id, 1]
    offset = next(world.journal_directory.glob("*.jsonl")).read_bytes().rfind(b"\n", 0, -1) + 1
    met = Together([number_of(ACCOUNT, "us-east-1", "Username", "bob"), number_of(OTHER, "us-east-1", "", "")])
    world.index.add([Part(world.journal.chain_id, 1, standing, [(1, 1, offset, (met,))])])

    assert 1 == len(Finder(world.index_directory).find(Wanted(ACCOUNT, "us-east-1", "Username", "bob"), 5))
    assert [] == world.found("Username", "bob")
    assert [] == world.found(account=OTHER)


@pytest.mark.parametrize(
    ("behind", "most", "pages"),
    [((1, 2, 2, 3), 2, [[0], [1, 2], [3]]), ((1, 2, 2, 3), 3, [[0, 1, 2], [3]]), ((1, 1, 1, 2), 2, [[0, 1, 2], [3]])],
)
def test_records_of_one_moment_are_on_one_page(
    world: World, behind: Sequence[int], most: int, pages: list[list[int]]
) -> None:
    made = [world.record() for _ in behind]
    world.keep_up()
    (chain, number), standing = next(iter(world.index.standings().items()))
    offsets = [place.offset for place in Finder(world.index_directory).find(Wanted(ACCOUNT, "us-east-1"), 10)][::-1]
    same = (Together([number_of(ACCOUNT, "us-east-1", "EventName", "GetSecretValue")]),)
    first = (1 << 63) - 1  # before where they stand by themselves
    again = [(first - at, 1, offset, same) for at, offset in zip(behind, offsets, strict=True)]
    world.index.add([Part(chain, number, standing, again)])
    wanted = Wanted(ACCOUNT, "us-east-1", "EventName", "GetSecretValue")
    got = []
    for _ in pages[:-1]:
        page, more = world.trail.page(wanted, most)
        got.append(sorted(made.index(one.event["eventID"]) for one in page))
        wanted = replace(wanted, before=more)
    page, _ = world.trail.page(wanted, most)

    assert pages[:-1] == got
    assert pages[-1][0] == made.index(page[0].event["eventID"])


def test_a_line_that_was_damaged_after_it_was_indexed_is_left_out(world: World) -> None:
    first, second = world.record(), world.record()
    assert [second, first] == world.found()
    (path,) = world.journal_directory.glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"eventID":"' + second.encode(), b'"eventID":' + second.encode()[:-1]))

    assert [first] == world.found()


def test_segments_that_went_by_policy_are_forgotten(world: World, tmp_path: Path) -> None:
    small = Journal(
        world.journal_directory, node="n1", process="small", clock=lambda: world.now, segment_max_bytes=3000
    )
    journal, world.journal = world.journal, small
    made = [world.record() for _ in range(20)]
    assert made[::-1] == world.found()
    gone, *_, last = sorted(world.journal_directory.glob("*small*.jsonl"))
    in_it = gone.read_bytes().count(b'"eventID"')
    gone.unlink()
    world.record()
    world.keep_up()
    world.keep_up()
    try:
        assert 0 < in_it < 10
        assert made[in_it:][::-1] == world.found()[1:]
        assert last.exists()
        assert world.trail.oldest_ms(ACCOUNT) == int((NOW.timestamp() + 0.3 * in_it) * 1000)
    finally:
        journal.close()


def test_chains_are_read_in_the_order_of_time_where_an_index_is_made_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the records of a run are of one time, whatever process wrote them."""
    monkeypatch.setattr(follow, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(follow, "STEP_BYTES", 8192)
    other = Journal(world.journal_directory, node="n1", process="other", clock=lambda: world.now)
    made = []
    for number in range(60):
        world.journal, other = (other, world.journal) if number % 10 == 0 else (world.journal, other)
        made.append(world.record())
    draft = Index(world.index_directory / "draft.db")
    follower = world.following(draft)
    for _ in range(3):
        follower.step()
    read = {
        chain: sum(size.done for (of, _), size in draft.standings().items() if of == chain)
        for chain, _ in draft.standings()
    }
    draft.close()
    other.close()

    assert 2 == len(read)
    assert max(read.values()) - min(read.values()) <= 3 * 4096
    assert made[::-1] == world.found(most=100)
