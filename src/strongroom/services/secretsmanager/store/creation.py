"""A new secret stored whole: its row, its first version with its label, its tags and words, in one statement a table.

The engine draws the secret's number, and nobody waits to be told: what belongs to it finds it by its name, which was
free (storage/vacancies.py). So many secrets go together, each in its own call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, bindparam, insert, literal_column, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.rules.labels import CURRENT
from strongroom.services.secretsmanager.store import words
from strongroom.services.secretsmanager.store.secrets import NAMED
from strongroom.services.secretsmanager.store.tables import Secret, label, secret, tag, version, word

_NUMBER = select(secret.c.pk).where(NAMED).scalar_subquery()
_NONE: ColumnElement[int] = literal_column("0")
_COLUMNS = (
    "account",
    "region",
    "name",
    "suffix",
    "created_ms",
    "changed_ms",
    "kms_key_id",
    "owning_service",
    "type",
    "tags",
    "description",
)
_SECRET = Statement(
    lambda: insert(secret).values(
        {**{name: bindparam(name) for name in _COLUMNS}, "accessed_day": _NONE, "has_policy": _NONE}
    )
)
_MADE = ("version_id", "created_ms", "labels", "form", "sealed", "wrapped", "kms_key_id")
_VERSION = Statement(
    lambda: insert(version).values(
        {"secret_pk": _NUMBER, "accessed_day": _NONE, **{name: bindparam(name) for name in _MADE}}
    )
)
_FIRST = select(version.c.pk).where(version.c.secret_pk == _NUMBER).scalar_subquery()
_LABEL = Statement(
    lambda: insert(label).values({"secret_pk": _NUMBER, "label": bindparam("label"), "version_pk": _FIRST})
)
_TAG = Statement(
    lambda: insert(tag).values({"secret_pk": _NUMBER, "key": bindparam("key"), "value": bindparam("value")})
)
_WORD = Statement(
    lambda: insert(word).values({"mark": bindparam("mark"), "word": bindparam("word"), "secret_pk": _NUMBER})
)
_LABELS = orjson.dumps([CURRENT]).decode()


_EMPTY: dict[str, Any] = {**dict.fromkeys(Secret._fields), "pk": 0, "accessed_day": 0, "has_policy": 0}


def to_be(**values: Any) -> Secret:
    """A secret that has no row yet, of these columns: its number means nothing."""
    return Secret(**{**_EMPTY, **values})


def add(tx: Transaction, one: Secret, value: Mapping[str, Any] | None, tags: Sequence[Mapping[str, str]]) -> None:
    """Store a secret ``to_be`` whose name is free. ``value``: its only version, which is current: ``version_id``,
    ``form``, ``sealed`` and ``wrapped``.
    """
    name = {"account": one.account, "region": one.region, "name": one.name}
    row = one._asdict()
    tx.many(_SECRET, ({column: row[column] for column in _COLUMNS},))
    if value is not None:
        made = {**value, "created_ms": one.created_ms, "labels": _LABELS, "kms_key_id": one.kms_key_id}
        tx.many(_VERSION, ({**name, **made},))
        tx.many(_LABEL, ({**name, "label": CURRENT},))
    tx.many(_TAG, [{**name, "key": each["Key"], "value": each["Value"]} for each in tags])
    # In the index's order, so that every node takes its locks in the same one.
    mark = words.mark(one.account)
    tx.many(_WORD, [{**name, "mark": mark, "word": each} for each in sorted(words.of(one))])
