"""Rows of OpenID Connect providers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.iam.store.tables import openid_provider


@dataclass(frozen=True, slots=True)
class Provider:
    """One registered issuer. ``issuer`` is its URL without the scheme."""

    arn: str
    account: str
    issuer: str
    created: datetime
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]

    @property
    def id(self) -> str:
        """What its tags are kept by."""
        return self.arn

    @property
    def noun(self) -> str:
        """What operation names call it."""
        return "OpenIDConnectProvider"


_COLUMNS = tuple(openid_provider.columns)
_ONE = Statement(lambda: select(*_COLUMNS).where(openid_provider.c.arn == bindparam("arn")))
_OF_ACCOUNT = Statement(
    lambda: select(*_COLUMNS).where(openid_provider.c.account == bindparam("account")).order_by(openid_provider.c.arn)
)
_INSERT = Statement(
    lambda: insert(openid_provider).values({column.name: bindparam(column.name) for column in _COLUMNS})
)
_SAVE = Statement(
    lambda: (
        update(openid_provider)
        .where(openid_provider.c.arn == bindparam("which"))
        .values(client_ids=bindparam("client_ids"), thumbprints=bindparam("thumbprints"))
    )
)
_DELETE = Statement(lambda: delete(openid_provider).where(openid_provider.c.arn == bindparam("which")))


def _provider(row: Row) -> Provider:
    return Provider(row[0], row[1], row[2], from_ms(row[3]), tuple(orjson.loads(row[4])), tuple(orjson.loads(row[5])))


def find(tx: Transaction, arn: str) -> Provider | None:
    """The provider of exactly this ARN."""
    row = tx.row(_ONE, arn=arn)
    return None if row is None else _provider(row)


def of_account(tx: Transaction, account: str) -> list[Provider]:
    """The providers of an account, by ARN. At most a hundred."""
    return [_provider(row) for row in tx.rows(_OF_ACCOUNT, account=account)]


def add(tx: Transaction, one: Provider) -> None:
    """Store a new provider. The caller has looked whether its issuer is free."""
    tx.run(
        _INSERT,
        arn=one.arn,
        account=one.account,
        issuer=one.issuer,
        created_ms=to_ms(one.created),
        client_ids=_json(one.client_ids),
        thumbprints=_json(one.thumbprints),
    )


def save(tx: Transaction, one: Provider) -> None:
    """Replace client ids and thumbprints."""
    tx.run(_SAVE, which=one.arn, client_ids=_json(one.client_ids), thumbprints=_json(one.thumbprints))


def remove(tx: Transaction, one: Provider) -> None:
    """Delete a provider."""
    tx.run(_DELETE, which=one.arn)


def _json(listed: Sequence[str]) -> str:
    return orjson.dumps(list(listed)).decode()
