"""What can go wrong between us and the store, in words that are the same on both engines.

    StoreError
        Conflict            a constraint refused a change; the call is over
        StoreBusy           a place (the writer's, a connection) did not come free in time
        StoreUnavailable    the store cannot be reached or has failed; nothing of the transaction was kept
        CommitUnknown       the answer to COMMIT was lost: kept or not, only the store can tell
        SchemaMismatch      the tables are not those of this program

INVARIANT: no message holds a value of a row or a password.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all failures of a store."""


class Conflict(StoreError):
    """A constraint (unique, foreign key, not null) refused a change.

    One writer at a time makes "look, then insert" safe, so this is a guard and not a way to look.
    On PostgreSQL the call's savepoint is lost with it: a handler that catches this must end the call.
    """


class StoreBusy(StoreError):
    """The writer's place or a connection did not come free within the bounded wait. Nothing was done."""


class StoreUnavailable(StoreError):
    """The store is out of reach, full or failing. Nothing of the transaction was kept."""


class CommitUnknown(StoreError):
    """COMMIT was sent and its answer never came.

    ``askable``: whether a new writing transaction can tell the outcome by looking for what was written.
    After a failed sync of an embedded store only the next start can (its log is read again from the disk).
    """

    def __init__(self, message: str, *, askable: bool) -> None:
        super().__init__(message)
        self.askable = askable


class SchemaMismatch(StoreError):
    """The store's tables are older or newer than this program's."""
