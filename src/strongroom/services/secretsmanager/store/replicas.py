"""Statements about replication: which Regions a primary is copied to, and how each copy fares."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Integer, bindparam, delete, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.store.tables import replica, secret


class Replica(NamedTuple):
    """One Region of a primary. ``secret_pk`` is the copy's own number, None until there is one."""

    primary_pk: int
    region: str
    kms_key_id: str | None
    status: str
    status_message: str | None
    secret_pk: int | None


_COLUMNS = [replica.c[name] for name in Replica._fields]
_OF_PRIMARY = bindparam("of_primary", type_=Integer)
_HERE = (replica.c.primary_pk == _OF_PRIMARY, replica.c.region == bindparam("in_region"))

_ALL = Statement(lambda: select(*_COLUMNS).where(replica.c.primary_pk == _OF_PRIMARY).order_by(replica.c.region))
_READ_DAYS = Statement(lambda: select(secret.c.region, secret.c.accessed_day).where(secret.c.primary_pk == _OF_PRIMARY))
_ADD = Statement(lambda: insert(replica).values({name: bindparam(f"v_{name}") for name in Replica._fields}))
_SET = Statement(
    lambda: (
        update(replica)
        .where(*_HERE)
        .values({name: bindparam(f"v_{name}") for name in ("kms_key_id", "status", "status_message", "secret_pk")})
    )
)
_DROP = Statement(lambda: delete(replica).where(*_HERE))


def replicas_of(tx: Transaction, primary_pk: int) -> list[Replica]:
    """The Regions of a primary, by name."""
    return [Replica._make(row) for row in tx.rows(_ALL, of_primary=primary_pk)]


def read_days(tx: Transaction, primary_pk: int) -> dict[str, int]:
    """On which day (ms, 0 for never) each copy was last read."""
    return {str(region): int(day) for region, day in tx.rows(_READ_DAYS, of_primary=primary_pk)}


def add_replica(tx: Transaction, one: Replica) -> None:
    """Note a new Region of a primary."""
    tx.run(_ADD, **{f"v_{name}": value for name, value in one._asdict().items()})


def set_replica(tx: Transaction, one: Replica) -> None:
    """Change what is known of a Region of a primary."""
    tx.run(
        _SET,
        of_primary=one.primary_pk,
        in_region=one.region,
        v_kms_key_id=one.kms_key_id,
        v_status=one.status,
        v_status_message=one.status_message,
        v_secret_pk=one.secret_pk,
    )


def drop_replica(tx: Transaction, primary_pk: int, region: str) -> None:
    """Forget a Region of a primary."""
    tx.run(_DROP, of_primary=primary_pk, in_region=region)
