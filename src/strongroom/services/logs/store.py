"""Rows of groups, streams and batches of events. Messages come here sealed, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from strongroom.base.names import PARTITION
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import METADATA, QUIET

group = Table(
    "logs_group",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retention_days", Integer),
    Column("tags", Text, nullable=False),
    UniqueConstraint("account", "region", "name", name="logs_group_name"),
    sqlite_autoincrement=True,
)
stream = Table(
    "logs_stream",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("group_pk", Integer, ForeignKey("logs_group.pk"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("first_ms", BigInteger),
    Column("last_ms", BigInteger),
    Column("ingested_ms", BigInteger),
    UniqueConstraint("group_pk", "name", name="logs_stream_name"),
    sqlite_autoincrement=True,
    info=QUIET,
)
batch = Table(
    "logs_batch",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("group_pk", Integer, nullable=False),
    Column("stream_pk", Integer, ForeignKey("logs_stream.pk"), nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("ingested_ms", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
    info=QUIET,
)
Index("logs_batch_stream", batch.c.stream_pk, batch.c.pk)
Index("logs_batch_group", batch.c.group_pk, batch.c.pk)


class Group(NamedTuple):
    """One log group."""

    pk: int
    account: str
    region: str
    name: str
    created_ms: int
    retention_days: int | None
    tags: str

    @property
    def arn(self) -> str:
        """The ARN, without the asterisk that some answers add."""
        return f"arn:{PARTITION}:logs:{self.region}:{self.account}:log-group:{self.name}"

    @property
    def tag_map(self) -> dict[str, str]:
        """The tags."""
        return dict(orjson.loads(self.tags))


class Stream(NamedTuple):
    """One log stream."""

    pk: int
    group_pk: int
    name: str
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None


class Batch(NamedTuple):
    """What one PutLogEvents brought to a stream. ``sealed`` is ciphertext."""

    pk: int
    group_pk: int
    stream_pk: int
    first_ms: int
    last_ms: int
    ingested_ms: int
    size: int
    sealed: bytes


_GROUP = [group.c[name] for name in Group._fields]
_STREAM = [stream.c[name] for name in Stream._fields]
_BATCH = [batch.c[name] for name in Batch._fields]
_PLACE = and_(group.c.account == bindparam("account"), group.c.region == bindparam("region"))
_OF_GROUP = bindparam("of_group", type_=Integer)
_OF_STREAM = bindparam("of_stream", type_=Integer)
_SPAN = and_(batch.c.last_ms >= bindparam("since"), batch.c.first_ms < bindparam("until"))
_MOST = bindparam("most", type_=Integer)

_FIND_GROUP = Statement(lambda: select(*_GROUP).where(_PLACE, group.c.name == bindparam("name")))
_GROUP_BY_PK = Statement(lambda: select(*_GROUP).where(group.c.pk == _OF_GROUP))
_GROUPS = Statement(
    lambda: (
        select(*_GROUP)
        .where(
            _PLACE,
            group.c.name > bindparam("after"),
            group.c.name >= bindparam("first"),
            group.c.name < bindparam("end"),
        )
        .order_by(group.c.name)
        .limit(_MOST)
    )
)
_ADD_GROUP = Statement(
    lambda: insert(group).values({name: bindparam(f"v_{name}") for name in Group._fields if name != "pk"})
)
_RETAIN = Statement(lambda: update(group).where(group.c.pk == _OF_GROUP).values(retention_days=bindparam("v_days")))
_TAG = Statement(lambda: update(group).where(group.c.pk == _OF_GROUP).values(tags=bindparam("v_tags")))
_STORED = Statement(lambda: select(func.sum(batch.c.size)).where(batch.c.group_pk == _OF_GROUP))
_FIND_STREAM = Statement(
    lambda: select(*_STREAM).where(stream.c.group_pk == _OF_GROUP, stream.c.name == bindparam("name"))
)
_STREAMS = Statement(
    lambda: (
        select(*_STREAM)
        .where(
            stream.c.group_pk == _OF_GROUP,
            stream.c.name > bindparam("after"),
            stream.c.name >= bindparam("first"),
            stream.c.name < bindparam("end"),
        )
        .order_by(stream.c.name)
        .limit(_MOST)
    )
)
_ALL_STREAMS = Statement(lambda: select(*_STREAM).where(stream.c.group_pk == _OF_GROUP).limit(_MOST))
_ADD_STREAM = Statement(
    lambda: insert(stream).values({name: bindparam(f"v_{name}") for name in Stream._fields if name != "pk"})
)
_NOTE = Statement(
    lambda: (
        update(stream)
        .where(stream.c.pk == _OF_STREAM)
        .values(first_ms=bindparam("v_first"), last_ms=bindparam("v_last"), ingested_ms=bindparam("v_ingested"))
    )
)
_ADD_BATCH = Statement(
    lambda: insert(batch).values({name: bindparam(f"v_{name}") for name in Batch._fields if name != "pk"})
)
_FORWARD = Statement(
    lambda: (
        select(*_BATCH)
        .where(batch.c.stream_pk == _OF_STREAM, _SPAN, batch.c.pk >= bindparam("at"))
        .order_by(batch.c.pk)
        .limit(_MOST)
    )
)
_BACKWARD = Statement(
    lambda: (
        select(*_BATCH)
        .where(batch.c.stream_pk == _OF_STREAM, _SPAN, batch.c.pk <= bindparam("at"))
        .order_by(batch.c.pk.desc())
        .limit(_MOST)
    )
)
_OF_WHOLE_GROUP = Statement(
    lambda: (
        select(*_BATCH)
        .where(batch.c.group_pk == _OF_GROUP, _SPAN, batch.c.pk >= bindparam("at"))
        .order_by(batch.c.pk)
        .limit(_MOST)
    )
)
_DROP_STREAM = (
    Statement(delete(batch).where(batch.c.stream_pk == _OF_STREAM)),
    Statement(delete(stream).where(stream.c.pk == _OF_STREAM)),
)
_DROP_GROUP = (
    Statement(delete(batch).where(batch.c.group_pk == _OF_GROUP)),
    Statement(delete(stream).where(stream.c.group_pk == _OF_GROUP)),
    Statement(delete(group).where(group.c.pk == _OF_GROUP)),
)
_FORGET = Statement(lambda: delete(batch).where(batch.c.group_pk == _OF_GROUP, batch.c.last_ms < bindparam("before")))

BATCHES_AT_ONCE = 16
_BEYOND = "\U0010ffff"


def find_group(tx: Transaction, account: str, region: str, name: str) -> Group | None:
    """The group of a name."""
    row = tx.row(_FIND_GROUP, account=account, region=region, name=name)
    return None if row is None else Group._make(row)


def group_by_pk(tx: Transaction, pk: int) -> Group | None:
    """One group by its number."""
    row = tx.row(_GROUP_BY_PK, of_group=pk)
    return None if row is None else Group._make(row)


def groups(tx: Transaction, account: str, region: str, *, prefix: str, after: str, most: int) -> list[Group]:
    """Groups by name, of those that begin with a prefix."""
    found = tx.rows(_GROUPS, account=account, region=region, after=after, first=prefix, end=prefix + _BEYOND, most=most)
    return [Group._make(row) for row in found]


def add_group(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Store a new group."""
    tx.run(_ADD_GROUP, **{f"v_{name}": value for name, value in values.items()})


def retain(tx: Transaction, pk: int, days: int | None) -> None:
    """Set how long events are kept; None: for ever."""
    tx.run(_RETAIN, of_group=pk, v_days=days)


def write_tags(tx: Transaction, pk: int, tags: Mapping[str, str]) -> None:
    """Replace a group's tags."""
    tx.run(_TAG, of_group=pk, v_tags=orjson.dumps(dict(tags)).decode())


def stored_bytes(tx: Transaction, group_pk: int) -> int:
    """How much a group holds."""
    row = tx.row(_STORED, of_group=group_pk)
    return 0 if row is None or row[0] is None else int(row[0])


def drop_group(tx: Transaction, pk: int) -> None:
    """Delete a group with all that is in it."""
    for statement in _DROP_GROUP:
        tx.run(statement, of_group=pk)


def forget(tx: Transaction, group_pk: int, before_ms: int) -> None:
    """Delete batches whose events are all older."""
    tx.run(_FORGET, of_group=group_pk, before=before_ms)


def find_stream(tx: Transaction, group_pk: int, name: str) -> Stream | None:
    """The stream of a name."""
    row = tx.row(_FIND_STREAM, of_group=group_pk, name=name)
    return None if row is None else Stream._make(row)


def streams(tx: Transaction, group_pk: int, *, prefix: str, after: str, most: int) -> list[Stream]:
    """Streams by name, of those that begin with a prefix."""
    found = tx.rows(_STREAMS, of_group=group_pk, after=after, first=prefix, end=prefix + _BEYOND, most=most)
    return [Stream._make(row) for row in found]


def all_streams(tx: Transaction, group_pk: int, most: int) -> list[Stream]:
    """Streams in no order."""
    return [Stream._make(row) for row in tx.rows(_ALL_STREAMS, of_group=group_pk, most=most)]


def add_stream(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Store a new stream."""
    tx.run(_ADD_STREAM, **{f"v_{name}": value for name, value in values.items()})


def note_events(tx: Transaction, one: Stream, *, first_ms: int, last_ms: int, ingested_ms: int) -> None:
    """Widen what a stream says of its events."""
    first = first_ms if one.first_ms is None else min(one.first_ms, first_ms)
    last = last_ms if one.last_ms is None else max(one.last_ms, last_ms)
    tx.run(_NOTE, of_stream=one.pk, v_first=first, v_last=last, v_ingested=ingested_ms)


def drop_stream(tx: Transaction, pk: int) -> None:
    """Delete a stream with its events."""
    for statement in _DROP_STREAM:
        tx.run(statement, of_stream=pk)


def add_batch(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Store a batch."""
    tx.run(_ADD_BATCH, **{f"v_{name}": value for name, value in values.items()})


def batches(tx: Transaction, stream_pk: int, *, since: int, until: int, at: int, forward: bool) -> Iterator[Batch]:
    """A stream's batches from ``at`` on, in the order they came or against it, a few rows at a time."""
    statement = _FORWARD if forward else _BACKWARD
    while True:
        rows = tx.rows(statement, of_stream=stream_pk, since=since, until=until, at=at, most=BATCHES_AT_ONCE)
        yield from map(Batch._make, rows)
        if len(rows) < BATCHES_AT_ONCE:
            return
        at = rows[-1][0] + (1 if forward else -1)


def batches_of_group(tx: Transaction, group_pk: int, *, since: int, until: int, at: int) -> Iterator[Batch]:
    """The same for all streams of a group, in the order they came."""
    while True:
        rows: Sequence[Any] = tx.rows(
            _OF_WHOLE_GROUP, of_group=group_pk, since=since, until=until, at=at, most=BATCHES_AT_ONCE
        )
        yield from map(Batch._make, rows)
        if len(rows) < BATCHES_AT_ONCE:
            return
        at = rows[-1][0] + 1
