"""From a Core construct to the text and the order of values that a driver takes.

A ``Statement`` is compiled once an engine, and once more for each size of a list in ``IN``: sizes are rounded
up to powers of two and filled with the last value again, which changes no answer and keeps the texts few. An
INSERT or UPDATE without ``values()`` sets the columns whose names are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from operator import and_, eq, itemgetter
from typing import Any, Protocol, cast

from sqlalchemy import ScalarSelect, Select, Table
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Delete, Insert, Update, UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ClauseElement, TextClause
from sqlalchemy.sql.expression import Executable
from sqlalchemy.sql.visitors import cloned_traverse, iterate

from strongroom.kernel.storage.port import Statement
from strongroom.kernel.storage.upsert import Upsert

MAX_LIST = 16_384  # values in one IN; SQLite takes 32,766 in a statement, PostgreSQL 65,535
_MAX_VARIANTS = 64  # texts kept for one Statement and engine

_DRIVERS = {"sqlite": ("pysqlite", "qmark"), "postgresql": ("psycopg", "format")}
"""Each engine's module among SQLAlchemy's dialects, and how its driver's values stand in a text."""


class Plan:
    """One compiled text. ``names`` is the order of its values; ``defaults`` those that the construct brought
    along. ``noisy``: whether it may change a table that is not quiet (schema.QUIET), unless ``owner`` names the value
    that says whose rows alone it changes (schema.of_one). ``makes``: of an INSERT of owners themselves, the values that
    are the name of the one it makes; ``follows``: of one of rows of an owner who is found by its name, those.
    ``reads_quiet``: whether its answer may hang on a table that
    is quiet; ``reads_owned``: on one whose rows have owners.

    ``lists`` are the values that stand in ``IN``. ``pick`` puts values into the order of ``names``.
    """

    __slots__ = (
        "by_columns",
        "count",
        "defaults",
        "follows",
        "lists",
        "makes",
        "names",
        "noisy",
        "owner",
        "pick",
        "reads_owned",
        "reads_quiet",
        "required",
        "returns",
        "sql",
        "table",
        "together",
        "variants",
        "writes",
    )

    def __init__(self, construct: Executable, compiled: SQLCompiler) -> None:
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise TypeError("a column default computed in Python is not supported: give the value by name")
        bound = compiled.binds
        self.sql = str(compiled)
        self.names = tuple(compiled.positiontup or ())
        self.pick = _picked(self.names)
        self.defaults = {name: bind.effective_value for name, bind in bound.items() if not bind.required}
        self.required = frozenset(name for name, bind in bound.items() if bind.required)
        self.lists = frozenset(name for name, bind in bound.items() if bind.expanding)
        self.count = len(self.required)
        self.writes = isinstance(construct, UpdateBase)  # plain text is left to the engine to refuse
        self.returns = bool(compiled.effective_returning)
        self.table: frozenset[str] = frozenset()
        if isinstance(construct, UpdateBase):
            self.table = frozenset(construct.table.c.keys())
        # What is no construct of ours says nothing about its tables, so the worst is taken for true.
        named: set[Table] = {one for one in iterate(cast("Any", construct)) if isinstance(one, Table)}
        written: set[Table] = {cast("Table", construct.table)} if isinstance(construct, UpdateBase) else set()
        self.noisy = isinstance(construct, TextClause) or any(not one.info.get("quiet") for one in written)
        self.owner = _owner_changed(construct)
        self.makes = _name_made(construct)
        self.follows = _name_followed(construct)
        self.reads_quiet = isinstance(construct, TextClause) or any(one.info.get("quiet") for one in named - written)
        self.reads_owned = isinstance(construct, TextClause) or any("owner" in one.info for one in named)
        self.by_columns = bool(compiled.column_keys)
        self.variants: dict[object, Plan] = {}
        self.together: dict[object, Any] = {}  # texts for several sets of values (sqlite_together.py)


class _Values(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...


def _picked(names: Sequence[str]) -> Callable[[_Values], tuple[Any, ...]]:
    """Values by name, put into this order. Raises KeyError where one is missing."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


def _owner_changed(construct: Executable) -> str | None:
    """Which value names the one owner of all rows that a construct may change; None where nobody can tell.

    An INSERT gives the owner's column that value; UPDATE and DELETE ask for it, among conditions that are all to be
    met, and leave the column as it is. What replaces a row replaces one of the same owner.
    """
    if not isinstance(construct, Insert | Update | Delete):
        return None
    table = cast("Table", construct.table)
    if "owner" not in table.info:
        return None
    column = table.c[table.info["owner"]]
    rows = _rows_given(construct)
    if isinstance(construct, Insert):
        names = {_named(row.get(column.name)) for row in rows}
        known = len(names) == 1 and (column.primary_key or not _replaces(construct))
        return names.pop() if known and not table.info.get("named_by") else None
    kept = (column.name, *table.info.get("named_by", ()))
    if any(name in row for row in rows for name in kept) or (isinstance(construct, Update) and not rows):
        return None
    for condition in _all_to_be_met(construct.whereclause):
        if isinstance(condition, BinaryExpression) and condition.operator is eq and condition.left is column:
            name = _named(condition.right)
            if name is not None:
                return name
    return None


def _name_made(construct: Executable) -> tuple[str, ...] | None:
    """Which values are the name of the one owner that an INSERT makes, whose number the engine draws; else None."""
    if not isinstance(construct, Insert) or _replaces(construct):
        return None
    table, rows = cast("Table", construct.table), _rows_given(construct)
    columns = table.info.get("named_by")
    if not columns or len(rows) != 1 or table.info["owner"] in rows[0]:
        return None
    return _all_named([rows[0].get(column) for column in columns])


def _name_followed(construct: Executable) -> tuple[str, ...] | None:
    """Which values are the name by which an INSERT finds the owner of all its rows; None where it does not."""
    if not isinstance(construct, Insert) or _replaces(construct):
        return None
    table, rows = cast("Table", construct.table), _rows_given(construct)
    if "owner" not in table.info or table.info.get("named_by") or len(rows) != 1:
        return None
    found = rows[0].get(table.info["owner"])
    asked = found.element if isinstance(found, ScalarSelect) else None
    if not isinstance(asked, Select) or len(asked.selected_columns) != 1:
        return None
    (number,) = asked.selected_columns
    owners = getattr(number, "table", None)
    info = getattr(owners, "info", {})
    if not info.get("named_by") or number.name != info["owner"] or asked.get_final_froms() != [owners]:
        return None
    conditions = list(_all_to_be_met(asked.whereclause))
    asks = {one.left.name: one.right for one in conditions if isinstance(one, BinaryExpression) and one.operator is eq}
    if len(conditions) != len(info["named_by"]):
        return None
    return _all_named([asks.get(column) for column in info["named_by"]])


def _all_named(values: Sequence[object]) -> tuple[str, ...] | None:
    names = [_named(value) for value in values]
    return None if None in names else tuple(cast("list[str]", names))


def _replaces(construct: Insert) -> bool:
    return getattr(construct, "_post_values_clause", None) is not None


def _rows_given(construct: UpdateBase) -> list[dict[str, object]]:
    """What ``values()`` was given, by columns: several rows only for an INSERT.

    SQLAlchemy tells it to nobody; what is not found where it keeps it counts as not said.
    """
    one, many = getattr(construct, "_values", None), getattr(construct, "_multi_values", None)
    rows = [one] if one else [row for part in many or () for row in part if isinstance(row, dict)]
    return [{str(getattr(column, "name", column)): value for column, value in row.items()} for row in rows]


def _all_to_be_met(condition: ClauseElement | None) -> Iterator[ClauseElement]:
    if isinstance(condition, BooleanClauseList) and condition.operator is and_:
        for one in condition.clauses:
            yield from _all_to_be_met(one)
    elif condition is not None:
        yield condition


def _named(value: object) -> str | None:
    """The name of a value that is given when the statement is run, once for all of it."""
    if isinstance(value, BindParameter) and value.required and not value.expanding:
        return value.key
    return None


def bind(statement: Statement | Executable, engine: str, values: Mapping[str, Any]) -> tuple[Plan, Sequence[Any]]:
    """The plan to run and its values in order. Raises TypeError where names are missing or unknown."""
    if type(statement) is Statement:
        plan = statement.compiled.get(engine)
        if plan is None:
            plan = statement.compiled[engine] = _compile(_spelled(statement.construct, engine), engine)
        if len(values) == plan.count and not plan.lists:
            try:
                return plan, plan.pick({**plan.defaults, **values} if plan.defaults else values)
            except KeyError:
                pass
        return _bind_slowly(plan, _spelled(statement.construct, engine), engine, values)
    construct = cast("Executable", statement)
    return _bind_slowly(_compile(construct, engine), construct, engine, values)


def bind_many(
    statement: Statement, engine: str, values: Sequence[Mapping[str, Any]]
) -> tuple[Plan, Sequence[Sequence[Any]]]:
    """The one plan to run, and each set of values in order. Raises TypeError as ``bind`` does, and for sets that need
    plans of their own, lists, and what answers rows.
    """
    known: Plan | None = statement.compiled.get(engine)
    plan = known or bind(statement, engine, values[0])[0]
    if plan.lists or plan.returns or not plan.writes:
        raise TypeError("not one change for all of these values")
    if not plan.defaults and [len(one) for one in values] == [plan.count] * len(values):
        try:
            return plan, list(map(plan.pick, values))
        except KeyError:
            pass  # other names, as many: told below
    bound = [bind(statement, engine, one) for one in values]
    plan = bound[0][0]
    if any(one is not plan for one, _ in bound):
        raise TypeError("not one change for all of these values")
    return plan, [parameters for _, parameters in bound]


def _spelled(construct: Executable | Upsert, engine: str) -> Executable:
    return construct.construct(engine) if isinstance(construct, Upsert) else construct


@cache
def dialect_of(engine: str) -> Dialect:
    """How SQLAlchemy writes for an engine. Imported when it is asked for: a process speaks one of them."""
    module, paramstyle = _DRIVERS[engine]
    made: Dialect = import_module(f"sqlalchemy.dialects.{engine}.{module}").dialect(paramstyle=paramstyle)
    return made


def _bind_slowly(
    plan: Plan, construct: Executable, engine: str, values: Mapping[str, Any]
) -> tuple[Plan, Sequence[Any]]:
    """Defaults, lists, and columns set by their names."""
    if not _fits(plan, values):
        plan = _by_columns(plan, construct, engine, values)
    known = {**plan.defaults, **values}
    if not plan.lists:
        return plan, [known[name] for name in plan.names]
    lists = {name: _rounded(name, known.pop(name)) for name in plan.lists}
    shape = tuple((name, len(lists[name])) for name in sorted(lists))
    sized = plan.variants.get(shape)
    if sized is None:
        keys = _columns(plan, values) if plan.by_columns else frozenset()
        sized = _kept(plan, shape, _compile(construct, engine, sizes=dict(shape), keys=keys))
    for name, listed in lists.items():
        known.update((f"{name}_{at}", value) for at, value in enumerate(listed, start=1))
    return sized, [known[name] for name in sized.names]


def _fits(plan: Plan, values: Mapping[str, Any]) -> bool:
    return plan.required <= values.keys() and values.keys() <= plan.required | plan.defaults.keys()


def _by_columns(plan: Plan, construct: Executable, engine: str, values: Mapping[str, Any]) -> Plan:
    """The variant of an INSERT or UPDATE that sets just the columns named by ``values``."""
    keys = _columns(plan, values)
    found = plan.variants.get(keys)
    if found is None and keys:
        found = _kept(plan, keys, _compile(construct, engine, keys=keys))
    if found is None or not _fits(found, values):
        wanted = sorted(plan.required)
        raise TypeError(f"the statement takes the values {wanted}, not {sorted(values)}")
    return found


def _columns(plan: Plan, values: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(plan.table & values.keys())


def _kept(plan: Plan, key: object, variant: Plan) -> Plan:
    if len(plan.variants) >= _MAX_VARIANTS:
        plan.variants.clear()
    plan.variants[key] = variant
    return variant


def _rounded(name: str, values: Sequence[Any]) -> list[Any]:
    """The list filled up to the next power of two with its own last value."""
    listed = list(values)
    if len(listed) > MAX_LIST:
        raise ValueError(f"{name} holds {len(listed)} values; a statement takes {MAX_LIST}")
    if listed:
        listed += listed[-1:] * ((1 << (len(listed) - 1).bit_length()) - len(listed))
    return listed


def _compile(
    construct: Executable,
    engine: str,
    *,
    sizes: Mapping[str, int] | None = None,
    keys: frozenset[str] = frozenset(),
) -> Plan:
    clause = cast("ClauseElement", construct)
    if isinstance(clause, Insert) and not clause.exported_columns:
        clause = clause.inline()  # else PostgreSQL's dialect adds a RETURNING that nobody asked for
    kwargs: dict[str, Any] = {}
    if sizes is not None:
        clause = _sized(clause, sizes)
        kwargs["render_postcompile"] = True  # which wants every value now: the columns' too
        if keys and isinstance(clause, Insert | Update):
            clause = clause.values(dict.fromkeys(keys))
    compiled = clause.compile(
        dialect=dialect_of(engine), column_keys=sorted(keys) if keys else None, compile_kwargs=kwargs
    )
    return Plan(construct, cast("SQLCompiler", compiled))


def _sized(clause: ClauseElement, sizes: Mapping[str, int]) -> ClauseElement:
    """A copy whose lists have these sizes; all other values wait for the run."""

    def fill(bind: BindParameter[Any]) -> None:
        if bind.expanding:
            bind.value = [None] * sizes[bind.key]
        bind.required = False

    options = {"maintain_key": True, "detect_subquery_cols": True}
    return cast("ClauseElement", cloned_traverse(cast("Any", clause), options, {"bindparam": fill}))
