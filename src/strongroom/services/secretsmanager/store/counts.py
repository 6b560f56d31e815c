"""How many secrets each account has in each Region: one row each, so that a quota costs one statement."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, func, select, update

from strongroom.kernel.registry import Counted
from strongroom.kernel.storage.counting import add_one
from strongroom.kernel.storage.foresight import Counter
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.upsert import Upsert
from strongroom.services.secretsmanager.store.tables import count, secret

_THIS = (count.c.account == bindparam("of_account"), count.c.region == bindparam("of_region"))

_MORE = Statement(
    lambda: Upsert(
        count,
        {"account": bindparam("of_account"), "region": bindparam("of_region"), "secrets": bindparam("number")},
        lambda _: {"secrets": count.c.secrets + bindparam("number", type_=Integer)},
        returning=(count.c.secrets,),
    )
)
_ADD = Statement(
    lambda: Upsert(
        count,
        {"account": bindparam("of_account"), "region": bindparam("of_region"), "secrets": bindparam("number")},
        lambda _: {"secrets": count.c.secrets + bindparam("number", type_=Integer)},
    )
)
_LESS = Statement(lambda: update(count).where(*_THIS).values(secrets=count.c.secrets - 1))
_ALL = Statement(lambda: select(count.c.account, count.c.region, count.c.secrets).where(count.c.secrets > 0))
_DELETED = Statement(
    lambda: (
        select(secret.c.account, secret.c.region, func.count())
        .where(secret.c.deleted_ms.is_not(None))
        .group_by(secret.c.account, secret.c.region)
    )
)
_COUNT = Statement(lambda: select(count.c.secrets).where(*_THIS))


COUNTER = Counter(_COUNT, _ADD, _MORE)


def one_more(tx: Transaction, account: str, region: str, most: int) -> bool:
    """Count a secret more; False where there are more than ``most`` then."""
    return add_one(tx, COUNTER, most, of_account=account, of_region=region)


def more(tx: Transaction, account: str, region: str, number: int = 1) -> int:
    """Count a secret more, or so many; how many there are then."""
    row = tx.row(_MORE, of_account=account, of_region=region, number=number)
    if row is None:
        raise RuntimeError("a count answered nothing")
    return int(row[0])


def one_less(tx: Transaction, account: str, region: str) -> None:
    """Count a secret less."""
    tx.run(_LESS, of_account=account, of_region=region)


def secrets_of(tx: Transaction, account: str, region: str) -> int:
    """How many secrets there are, copies and those that wait for their deletion counted."""
    row = tx.row(_COUNT, of_account=account, of_region=region)
    return 0 if row is None else int(row[0])


def census(tx: Transaction) -> list[Counted]:
    """As the registry's Census. Looks at every secret: for the runner, once an hour."""
    waiting = {(account, region): int(number) for account, region, number in tx.rows(_DELETED)}
    return [
        Counted(account, region, number, number - waiting.get((account, region), 0))
        for account, region, number in tx.rows(_ALL)
    ]
