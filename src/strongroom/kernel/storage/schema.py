"""The one table catalogue. A room declares its tables here-from, in its own ``store.py``, named
``<room>_<noun>``.

Columns are ``Integer``/``BigInteger`` (also for moments, in milliseconds, and for yes/no as 0/1), ``Text`` or
``LargeBinary``, so that a row needs no conversion on either engine and a hot statement can go straight to the
driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()
QUIET = {"quiet": True}
"""``info`` of a table of which no steady operation's answer, decision or record says anything (decision 0016).

A commit that has changed nothing but such tables leaves what is remembered of a snapshot as it is. Whoever marks a
table so answers for it; what is not marked is not quiet.
"""
CONTENT = ("", "content")
"""The generation (account, kind) that every transaction raises which changes a table that is not quiet, but for
those that have changed nothing but rows of known owners."""


def of_one(column: str, *, named_by: Sequence[str] = ()) -> dict[str, Any]:
    """``info`` of a table each of whose rows belongs to one thing, whose number this column has: to a secret.

    A statement that changes such rows of one owner alone, and says so in its own words (``Plan.owner``), leaves what is
    remembered of the others as it is. All owners are of one kind, whose numbers are never given twice.
    ``named_by``: of the table whose rows are the owners themselves, the columns that name one: they are unique, and
    never change. That there is none of a name is known by the name's vacancy (storage/vacancies.py).
    """
    return {"owner": column, "named_by": tuple(named_by)}


PARTIAL = "partial"
"""``info`` of an index of some rows: the condition, under this name. Only who makes tables tells the engines
(``tell_partial``): named in the engines' own words, as SQLAlchemy has it, it would make every start import both."""


def tell_partial(tables: MetaData) -> MetaData:
    """The same tables, whose indexes of some rows say so to both engines."""
    for table in tables.tables.values():
        for index in table.indexes:
            if PARTIAL in index.info:
                for engine in ("sqlite", "postgresql"):
                    index.dialect_options[engine]["where"] = index.info[PARTIAL]
    return tables


changed = Table(
    "kernel_changed",
    METADATA,
    # SQLite numbers its rows itself; on PostgreSQL numbers have gaps, and outgrow four bytes.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("owner", BigInteger, nullable=False),
    info=QUIET,
)
"""Whose rows the last commits changed that raised no generation of all, in their order; about the last thousand."""

generation = Table(
    "kernel_generation",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
setting = Table(
    "kernel_setting",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
commit = Table(
    "kernel_commit",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("chain", Text, nullable=False),
    Column("committed_ms", BigInteger, nullable=False),
    info=QUIET,
    # Every write passes here, some of them twice: one tree. It stays at some hundreds of rows, so nobody misses others.
    sqlite_with_rowid=False,
)
"""The event ids of calls that were committed, until the journal's chain has been settled up to them."""

token_key = Table(
    "kernel_token_key",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)
"""The keys that session tokens are sealed under, sealed themselves; the two newest, and no others, are kept."""

job = Table(
    "jobs_job",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("due_ms", BigInteger, nullable=False),
    Column("owner", Text),
    Column("lease_until_ms", BigInteger),
    Column("fence", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lane", Text),  # of one lane only so many are under way at once
    Index("jobs_job_by_due", "due_ms"),
    info=QUIET,
)
"""Work that happens later. ``due_ms`` is product time, ``lease_until_ms`` machine time."""

job_fence = Table(
    "jobs_fence",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    info=QUIET,
)
"""The last number that was drawn for a lease, in one row. Not among the settings: jobs are leased all the time."""

root = Table(
    "sealing_root",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("check_value", Text, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("retired_ms", BigInteger),
    Column("under_next", LargeBinary),
    Column("under_previous", LargeBinary),
    Column("progress", Text),
)
"""Every root key that this store has had: its check value, and when it was replaced. While one is being replaced,
each of the two also lies here sealed under the other. ``progress``: JSON, how far the re-wrapping under this
root is (rewrap.Progress); null when nothing is left to do.
"""

root_holder = Table(
    "sealing_holder",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("noted_ms", BigInteger, nullable=False),
)
"""Which root the seal of each node gives: the older one is not forgotten while a seal still gives it."""

kernel_key = Table(
    "sealing_key",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Keys of the kernel's own under the root key, by name.

``client-tokens``: what clients hold (pages, grants, imports) is sealed under it.
``journal-heads``: the private key that signs the heads of all nodes' journals.
``audit-digests``: the private key that signs the digests of exported log files, from the first export on.
"""

feed_event = Table(
    "feed_event",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("feed_event_by_moment", "at_ms"),
    info=QUIET,
)
"""What has changed, numbered in the order of the commits, for webhooks and streams."""

webhook = Table(
    "feed_webhook",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("dead", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
    info=QUIET,
)
"""How far each webhook is: the last event that it has or never will have, who delivers, and what went wrong."""

dead_letter = Table(
    "feed_dead_letter",
    METADATA,
    Column("webhook", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("body", Text, nullable=False),
    info=QUIET,
)
"""Events that a webhook did not take, the newest thousand of each."""

trail_piece = Table(
    "trail_piece",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begin", BigInteger, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    info=QUIET,
)
"""Where several nodes share a store: a run of whole lines of a segment of some node's journal, deflated.

``begin`` and ``size`` count the bytes of the segment as it was written.
"""

trail_copied = Table(
    "trail_copied",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    info=QUIET,
)
"""How much of each segment lies in the store as pieces."""

trail_head = Table(
    "trail_head",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    info=QUIET,
)
"""The signed heads of every node's journal; of older ones only what the policy keeps."""
node_question = Table(
    "nodes_question",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("asked_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    info=QUIET,
)
"""What one node asks the others (kernel.asking); sealed under the key of clients' tokens, gone within minutes."""

node_answer = Table(
    "nodes_answer",
    METADATA,
    Column("question", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    info=QUIET,
)
