"""Statements about functions, their versions, aliases, policies and code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Integer, and_, bindparam, delete, func, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.functions.store.tables import (
    Alias,
    Function,
    Version,
    alias,
    code,
    event,
    function,
    layer,
    policy,
    version,
)

_FUNCTION = [function.c[name] for name in Function._fields]
_VERSION = [version.c[name] for name in Version._fields]
_ALIAS = [alias.c[name] for name in Alias._fields]
_PLACE = and_(function.c.account == bindparam("account"), function.c.region == bindparam("region"))
_OF = bindparam("of_function", type_=Integer)

_BY_NAME = Statement(lambda: select(*_FUNCTION).where(_PLACE, function.c.name == bindparam("name")))
_BY_PK = Statement(lambda: select(*_FUNCTION).where(function.c.pk == _OF))
_PAGE = Statement(
    lambda: (
        select(*_FUNCTION)
        .where(_PLACE, function.c.name > bindparam("after"))
        .order_by(function.c.name)
        .limit(bindparam("most"))
    )
)
_ADD_FUNCTION = Statement(
    lambda: (
        insert(function)
        .values({name: bindparam(f"v_{name}") for name in Function._fields if name != "pk"})
        .returning(function.c.pk)
    )
)
_TAGS = Statement(lambda: update(function).where(function.c.pk == _OF).values(tags=bindparam("v_tags")))
_RESERVE = Statement(lambda: update(function).where(function.c.pk == _OF).values(reserved=bindparam("v_reserved")))
_COUNT_UP = Statement(lambda: update(function).where(function.c.pk == _OF).values(last_version=bindparam("v_last")))
_VERSION_AT = Statement(
    lambda: select(*_VERSION).where(version.c.function_pk == _OF, version.c.number == bindparam("number"))
)
_VERSION_BY_PK = Statement(lambda: select(*_VERSION).where(version.c.pk == bindparam("at_pk")))
_VERSIONS = Statement(
    lambda: (
        select(*_VERSION)
        .where(version.c.function_pk == _OF, version.c.number > bindparam("after"))
        .order_by(version.c.number)
        .limit(bindparam("most"))
    )
)
_ADD_VERSION = Statement(
    lambda: insert(version).values({name: bindparam(f"v_{name}") for name in Version._fields if name != "pk"})
)
_CHANGE_VERSION = Statement(
    lambda: (
        update(version)
        .where(version.c.function_pk == _OF, version.c.number == 0)
        .values(
            {name: bindparam(f"v_{name}") for name in Version._fields if name not in ("pk", "function_pk", "number")}
        )
    )
)
_DROP_VERSION = Statement(
    lambda: delete(version).where(version.c.function_pk == _OF, version.c.number == bindparam("number"))
)
_ADD_CODE = Statement(lambda: insert(code).values(sealed=bindparam("v_sealed")).returning(code.c.pk))
_CODE = Statement(lambda: select(code.c.sealed).where(code.c.pk == bindparam("at_pk")))
_USES = Statement(lambda: select(func.count()).select_from(version).where(version.c.code_pk == bindparam("at_pk")))
_LAYER_USES = Statement(lambda: select(func.count()).select_from(layer).where(layer.c.code_pk == bindparam("at_pk")))
_DROP_CODE = Statement(lambda: delete(code).where(code.c.pk == bindparam("at_pk")))
_CODES = Statement(lambda: select(version.c.code_pk).where(version.c.function_pk == _OF).distinct())
_ALIAS_AT = Statement(lambda: select(*_ALIAS).where(alias.c.function_pk == _OF, alias.c.name == bindparam("name")))
_ALIASES = Statement(
    lambda: (
        select(*_ALIAS)
        .where(alias.c.function_pk == _OF, alias.c.name > bindparam("after"))
        .order_by(alias.c.name)
        .limit(bindparam("most"))
    )
)
_ADD_ALIAS = Statement(lambda: insert(alias).values({name: bindparam(f"v_{name}") for name in Alias._fields}))
_DROP_ALIAS = Statement(lambda: delete(alias).where(alias.c.function_pk == _OF, alias.c.name == bindparam("name")))
_POLICY = Statement(
    lambda: select(policy.c.text, policy.c.revision).where(
        policy.c.function_pk == _OF, policy.c.qualifier == bindparam("qualifier")
    )
)
_ADD_POLICY = Statement(
    lambda: insert(policy).values(
        {name: bindparam(f"v_{name}") for name in ("function_pk", "qualifier", "text", "revision")}
    )
)
_DROP_POLICY = Statement(
    lambda: delete(policy).where(policy.c.function_pk == _OF, policy.c.qualifier == bindparam("qualifier"))
)
_PURGE = (
    *(Statement(delete(table).where(table.c.function_pk == _OF)) for table in (event, policy, alias, version)),
    Statement(delete(function).where(function.c.pk == _OF)),
)


def find(tx: Transaction, account: str, region: str, name: str) -> Function | None:
    """The function of a name."""
    row = tx.row(_BY_NAME, account=account, region=region, name=name)
    return None if row is None else Function._make(row)


def by_pk(tx: Transaction, pk: int) -> Function | None:
    """One function by its number."""
    row = tx.row(_BY_PK, of_function=pk)
    return None if row is None else Function._make(row)


def page(tx: Transaction, account: str, region: str, *, after: str, most: int) -> list[Function]:
    """Functions by name."""
    return [Function._make(row) for row in tx.rows(_PAGE, account=account, region=region, after=after, most=most)]


def add(tx: Transaction, account: str, region: str, name: str, tags: Mapping[str, str]) -> Function:
    """Store a new function, without any version."""
    values = (account, region, name, 0, None, orjson.dumps(dict(tags)).decode())
    row = tx.row(_ADD_FUNCTION, **{f"v_{key}": value for key, value in zip(Function._fields[1:], values, strict=True)})
    if row is None:
        raise RuntimeError("an insert answered no key")
    return Function(row[0], *values)


def write_tags(tx: Transaction, pk: int, tags: Mapping[str, str]) -> None:
    """Replace a function's tags."""
    tx.run(_TAGS, of_function=pk, v_tags=orjson.dumps(dict(tags)).decode())


def reserve(tx: Transaction, pk: int, reserved: int | None) -> None:
    """Set how many invocations of a function may run at once; None: as many as there is room for."""
    tx.run(_RESERVE, of_function=pk, v_reserved=reserved)


def purge(tx: Transaction, pk: int) -> None:
    """Delete a function with all that is its own."""
    codes = [row[0] for row in tx.rows(_CODES, of_function=pk)]
    for statement in _PURGE:
        tx.run(statement, of_function=pk)
    for code_pk in codes:
        drop_unused_code(tx, code_pk)


# ---------------------------------------------------------------------- versions and code


def version_at(tx: Transaction, function_pk: int, number: int) -> Version | None:
    """One version; 0 is $LATEST."""
    row = tx.row(_VERSION_AT, of_function=function_pk, number=number)
    return None if row is None else Version._make(row)


def version_by_pk(tx: Transaction, pk: int) -> Version | None:
    """One version by its row's number."""
    row = tx.row(_VERSION_BY_PK, at_pk=pk)
    return None if row is None else Version._make(row)


def versions(tx: Transaction, function_pk: int, *, after: int, most: int) -> list[Version]:
    """Versions by number; ``after`` -1 begins with $LATEST."""
    return [Version._make(row) for row in tx.rows(_VERSIONS, of_function=function_pk, after=after, most=most)]


def add_version(tx: Transaction, function_pk: int, number: int, values: Mapping[str, Any]) -> None:
    """Store a new version."""
    row = {**values, "function_pk": function_pk, "number": number}
    tx.run(_ADD_VERSION, **{f"v_{name}": value for name, value in row.items()})


def change_latest(tx: Transaction, function_pk: int, values: Mapping[str, Any]) -> None:
    """Replace $LATEST."""
    tx.run(_CHANGE_VERSION, of_function=function_pk, **{f"v_{name}": value for name, value in values.items()})


def count_up(tx: Transaction, function_pk: int, number: int) -> None:
    """Note the number last published."""
    tx.run(_COUNT_UP, of_function=function_pk, v_last=number)


def drop_version(tx: Transaction, function_pk: int, number: int) -> None:
    """Delete one published version."""
    tx.run(_DROP_VERSION, of_function=function_pk, number=number)


def add_code(tx: Transaction, sealed: bytes) -> int:
    """Store sealed code; its number."""
    row = tx.row(_ADD_CODE, v_sealed=sealed)
    if row is None:
        raise RuntimeError("an insert answered no key")
    return int(row[0])


def code_of(tx: Transaction, pk: int) -> bytes:
    """Sealed code. Raises LookupError where it is gone."""
    row = tx.row(_CODE, at_pk=pk)
    if row is None:
        raise LookupError(f"code {pk} is gone")
    return bytes(row[0])


def drop_unused_code(tx: Transaction, pk: int) -> None:
    """Delete code that no version and no layer has any more."""
    for statement in (_USES, _LAYER_USES):
        row = tx.row(statement, at_pk=pk)
        if row is not None and row[0]:
            return
    tx.run(_DROP_CODE, at_pk=pk)


# ---------------------------------------------------------------------- aliases and policies


def alias_at(tx: Transaction, function_pk: int, name: str) -> Alias | None:
    """One alias."""
    row = tx.row(_ALIAS_AT, of_function=function_pk, name=name)
    return None if row is None else Alias._make(row)


def aliases(tx: Transaction, function_pk: int, *, after: str, most: int) -> Sequence[Alias]:
    """Aliases by name."""
    return [Alias._make(row) for row in tx.rows(_ALIASES, of_function=function_pk, after=after, most=most)]


def put_alias(tx: Transaction, one: Alias) -> None:
    """Store an alias, in place of the one of its name."""
    drop_alias(tx, one.function_pk, one.name)
    tx.run(_ADD_ALIAS, **{f"v_{name}": value for name, value in one._asdict().items()})


def drop_alias(tx: Transaction, function_pk: int, name: str) -> bool:
    """Delete an alias; whether there was one."""
    return tx.run(_DROP_ALIAS, of_function=function_pk, name=name) > 0


def policy_of(tx: Transaction, function_pk: int, qualifier: str) -> tuple[str, str] | None:
    """The resource policy of a function ("") or of one of its versions or aliases: text and revision."""
    row = tx.row(_POLICY, of_function=function_pk, qualifier=qualifier)
    return None if row is None else (str(row[0]), str(row[1]))


def put_policy(tx: Transaction, function_pk: int, qualifier: str, text: str | None, revision: str) -> None:
    """Replace or remove a resource policy."""
    tx.run(_DROP_POLICY, of_function=function_pk, qualifier=qualifier)
    if text is not None:
        tx.run(_ADD_POLICY, v_function_pk=function_pk, v_qualifier=qualifier, v_text=text, v_revision=revision)
