"""kernel/storage/postgres_connection: addresses without their passwords, errors without their values."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from strongroom.kernel.storage.errors import Conflict, StoreBusy, StoreError, StoreUnavailable
from strongroom.kernel.storage.postgres_connection import LOCK, connect, parsed, place, translated

URL = "postgresql://strong:canary@db.example:6432/vault?sslmode=verify-full"


def test_an_address_is_told_without_user_and_password() -> None:
    assert "PostgreSQL database 'vault' at db.example:6432" == place(parsed(URL))


def test_its_options_are_kept() -> None:
    assert "verify-full" == parsed(URL)["sslmode"]


@pytest.mark.parametrize("where", ["postgresql://u:canary@h/d?sslmode", "postgresql://u:canary@h:p:q/d?x=%zz"])
def test_an_unreadable_address_is_not_repeated(where: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as refused:
        parsed(where)
    assert "canary" not in repr(refused.value)
    assert refused.value.__suppress_context__


def test_nobody_at_the_address_is_told_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"at 127\.0\.0\.1:1 cannot be reached") as refused:
        connect("postgresql://u:canary@127.0.0.1:1/vault")
    assert "canary" not in repr(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.UniqueViolation, Conflict),
        (errors.ForeignKeyViolation, Conflict),
        (errors.NotNullViolation, Conflict),
        (errors.LockNotAvailable, StoreBusy),
        (errors.QueryCanceled, StoreBusy),
        (errors.SerializationFailure, StoreBusy),
        (errors.AdminShutdown, StoreUnavailable),
        (errors.DiskFull, StoreUnavailable),
        (errors.ReadOnlySqlTransaction, StoreUnavailable),
        (errors.IdleInTransactionSessionTimeout, StoreUnavailable),
        (psycopg.OperationalError, StoreUnavailable),
        (errors.UndefinedTable, StoreError),
        (psycopg.ProgrammingError, StoreError),
    ],
)
def test_errors_have_the_stores_names(error: type[psycopg.Error], kind: type[Exception]) -> None:
    assert kind is type(translated(error("said")))


def test_a_value_that_does_not_fit_is_not_repeated() -> None:
    told = translated(errors.InvalidTextRepresentation('invalid input syntax for type integer: "canary"'))
    assert "canary" not in str(told)
    assert "22P02" in str(told)


def test_details_are_left_out() -> None:
    told = translated(errors.UniqueViolation("duplicate key value\nDETAIL:  Key (name)=(canary) already exists."))
    assert "canary" not in str(told)


def test_the_lock_is_one_number_for_ever() -> None:
    """Two versions of the program that disagreed about it would both write."""
    assert 6004514703760904781 == LOCK
    assert LOCK < 2**63
