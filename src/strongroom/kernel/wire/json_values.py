"""JSON values to parameters and back, by shape: what json 1.1 and rest-json bodies have in common.

Each shape is compiled once into a closure and kept under its identity; a request then only runs closures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from strongroom.kernel.model.shapes import Member, Shape
from strongroom.kernel.wire.scalars import AnswerMismatch, base64_text, blob, malformed, misfit, moment, whole

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

MAX_NESTING: Final = 64  # levels of lists and objects where a shape sets no bound; Python gives up near 1,000

_READERS: dict[Shape, Reader] = {}
_WRITERS: dict[Shape, Writer] = {}


class Mould:
    """The members of a structure that stay the same, written once, for one shape.

    ``head`` is without the closing brace; ``text`` the one member that is made anew where that is a text, and
    ``lead`` all that stands before its value then.
    """

    __slots__ = ("head", "lead", "shape", "text")

    def __init__(self) -> None:
        self.shape: Shape | None = None
        self.head = self.lead = b""
        self.text: str | None = None

    def set(self, shape: Shape, head: bytes, made: Mapping[str, Any], write: Writer) -> None:
        """Keep what stays of a structure of this shape, of which ``made`` is made anew each time."""
        self.shape, self.head, self.text = shape, head, None
        if len(made) == 1:
            ((name, value),) = made.items()
            if type(value) is str and type(next(iter(write(made).values()))) is str:
                comma = b"," if len(head) > 1 else b""
                self.text, self.lead = name, b"%b%b%b" % (head, comma, orjson.dumps(write({name: ""}))[1:-3])


class Moulded(Mapping[str, Any]):
    """A structure of an answer that was written before but for some members: ``made``, the same ones each time."""

    __slots__ = ("_stays", "made", "mould")

    def __init__(self, stays: Mapping[str, Any], made: Mapping[str, Any], mould: Mould) -> None:
        self._stays = stays
        self.made = made
        self.mould = mould

    def written(self, shape: Shape, write: Writer) -> orjson.Fragment:
        """Its JSON; ``write`` is the shape's own. Raises AnswerMismatch."""
        mould, made = self.mould, self.made
        if mould.shape is not shape:
            stays = self._stays
            head = orjson.dumps(write({name: stays[name] for name in stays if name not in made}))[:-1]
            mould.set(shape, head, made, write)
        if mould.text is not None and len(made) == 1:
            value = made.get(mould.text)
            if type(value) is str:
                return orjson.Fragment(b"%b%b}" % (mould.lead, orjson.dumps(value)))
        anew = orjson.dumps(write(made))
        if len(mould.head) == 1 or len(anew) == 2:  # one of them is empty
            return orjson.Fragment(mould.head + anew[1:])
        return orjson.Fragment(b"%b,%b" % (mould.head, anew[1:]))

    def get(self, name: str, default: Any = None) -> Any:
        """As Mapping.get, which would go by way of an exception."""
        made = self.made
        return made[name] if name in made else self._stays.get(name, default)

    def __getitem__(self, name: str) -> Any:
        made = self.made
        return made[name] if name in made else self._stays[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._stays, **self.made})

    def __len__(self) -> int:
        return len(self._stays.keys() | self.made.keys())


def read_body(shape: Shape | None, body: bytes) -> Any:
    """The value of a JSON body by its shape; None has it read, and nothing taken from it.

    Raises the SERIALIZATION refusal, without text for what is not JSON or is nested too deeply.
    Source: facts measured on a json 1.1 service: truncated, empty, trailing comma.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise malformed() from None
    if shape is None or shape.type_name == "structure":
        if type(value) is list:
            raise misfit(value, "structure")
        if type(value) is not dict:
            raise malformed()
    if shape is None:
        return {}
    if shape.unbounded and deeper_than(value, MAX_NESTING):
        raise malformed()
    return reader(shape)(value)


def reader(shape: Shape) -> Reader:
    """The function from a JSON value to a parameter of this shape. It raises the SERIALIZATION refusal."""
    found = _READERS.get(shape)
    return found if found is not None else _READERS.setdefault(shape, _new_reader(shape))


def writer(shape: Shape) -> Writer:
    """The function from an answer's value to what JSON can carry. It raises AnswerMismatch."""
    found = _WRITERS.get(shape)
    return found if found is not None else _WRITERS.setdefault(shape, _new_writer(shape))


def body_members(shape: Shape) -> list[Member]:
    """The members of a structure that travel in the body."""
    return [member for member in shape.members.values() if member.location is None]


def deeper_than(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested more deeply than so many levels."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return any(isinstance(left, (dict, list)) for left in layer)


# Values of exactly these types pass as they are; all others go through the shape's own function.
_EXACT_READ: Final[Mapping[str, type]] = {"string": str, "boolean": bool}
EXACT_WRITTEN: Final[Mapping[str, type]] = {"string": str, "boolean": bool, "integer": int, "long": int}


def _new_reader(shape: Shape) -> Reader:
    if shape.document:
        return _as_it_is
    if shape.member is not None:
        return _list_reader(shape.member.shape)
    if shape.value is not None:
        return _map_reader(shape.value.shape)
    return _SCALAR_READERS.get(shape.type_name) or _structure_reader(shape)


def _as_it_is(value: Any) -> Any:
    return value


def _structure_reader(shape: Shape) -> Reader:
    shapes = {member.wire_name: (member.name, member.shape) for member in body_members(shape)}
    readers: dict[str, tuple[str, type | None, Reader]] = {}

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise misfit(value, "structure")
        params: dict[str, Any] = {}
        for key, given in value.items():
            entry = readers.get(key)
            if entry is None:  # first use of this member, or no member at all
                if key not in shapes:
                    continue
                name, inner = shapes[key]
                entry = readers[key] = (name, _EXACT_READ.get(inner.type_name), reader(inner))
            name, exact, read_one = entry
            if type(given) is exact:  # most are strings: spare them the call
                params[name] = given
            elif given is not None:
                params[name] = read_one(given)
        return params

    return read


def _list_reader(inner: Shape) -> Reader:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise misfit(value, "list")
        one = reader(inner)
        # A null element stays, for the walker to refuse: dropping it would move the others.
        return [None if element is None else one(element) for element in value]

    return read


def _map_reader(inner: Shape) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise misfit(value, "map")
        one = reader(inner)
        return {key: None if element is None else one(element) for key, element in value.items()}

    return read


def _read_string(value: Any) -> str:
    if type(value) is not str:
        raise misfit(value, "string")
    return value


def _read_whole(type_name: str) -> Reader:
    def read(value: Any) -> int:
        if type(value) is not int and type(value) is not float:
            raise misfit(value, type_name)
        return whole(value, type_name)

    return read


def _read_float(type_name: str) -> Reader:
    def read(value: Any) -> float:
        # Texts as "NaN" are refused: what compares with nothing would pass every limit.
        if (type(value) is not int and type(value) is not float) or not math.isfinite(value):
            raise misfit(value, type_name)
        return float(value)

    return read


def _read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise misfit(value, "boolean")
    return value


def _read_timestamp(value: Any) -> datetime:
    if type(value) is not int and type(value) is not float:
        raise misfit(value, "timestamp")
    return moment(value)


def _read_blob(value: Any) -> bytes:
    if type(value) is not str:
        raise misfit(value, "blob")
    return blob(value)


_SCALAR_READERS: Final[dict[str, Reader]] = {
    "string": _read_string,
    "integer": _read_whole("integer"),
    "long": _read_whole("long"),
    "float": _read_float("float"),
    "double": _read_float("double"),
    "boolean": _read_boolean,
    "timestamp": _read_timestamp,
    "blob": _read_blob,
}


def _new_writer(shape: Shape) -> Writer:
    if shape.document:
        return _as_it_is
    if shape.member is not None:
        return _list_writer(shape.member.shape)
    if shape.value is not None:
        return _map_writer(shape.value.shape)
    if shape.type_name == "structure":
        return _structure_writer(shape)
    return _scalar_writer(shape.type_name)


def _structure_writer(shape: Shape) -> Writer:
    table: dict[str, tuple[str, Shape]] = {m.name: (m.wire_name, m.shape) for m in body_members(shape)}
    writers: dict[str, tuple[str, type | None, Writer]] = {}

    def write(value: Any) -> Any:
        if type(value) is not dict:
            if type(value) is Moulded:
                return value.written(shape, write)
            if not isinstance(value, Mapping):
                raise AnswerMismatch(f"{shape.name} is a structure, not a {type(value).__name__}")
        out: dict[str, Any] = {}
        for name, part in value.items():
            entry = writers.get(name)
            if entry is None:  # once per member; recursive shapes find themselves here
                if name not in table:
                    raise AnswerMismatch(f"{shape.name} has no member {name}")
                wire_name, inner = table[name]
                entry = writers[name] = (wire_name, EXACT_WRITTEN.get(inner.type_name), writer(inner))
            wire_name, exact, write_one = entry
            if type(part) is exact:
                out[wire_name] = part
            elif part is not None:
                out[wire_name] = write_one(part)
        return out

    return write


def _list_writer(inner: Shape) -> Writer:
    exact = EXACT_WRITTEN.get(inner.type_name)

    def write(value: Any) -> list[Any]:
        if type(value) is not list and not isinstance(value, (list, tuple)):
            raise AnswerMismatch(f"a list of {inner.name} was wanted, not a {type(value).__name__}")
        one = writer(inner)
        return [element if type(element) is exact else one(element) for element in value]

    return write


def _map_writer(inner: Shape) -> Writer:
    def write(value: Any) -> dict[str, Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise AnswerMismatch(f"a map of {inner.name} was wanted, not a {type(value).__name__}")
        one = writer(inner)
        return {key: one(element) for key, element in value.items()}

    return write


def _scalar_writer(type_name: str) -> Writer:
    match type_name:
        case "timestamp":
            return _write_timestamp
        case "blob":
            return _write_blob
    kinds: tuple[type, ...] = _SCALAR_KINDS[type_name]

    def write(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise AnswerMismatch(f"a {type(value).__name__} was given for a {type_name}")
        return value

    return write


_SCALAR_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


def _write_timestamp(value: Any) -> float:
    """Epoch seconds with three decimals, as AWS's json services give them."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise AnswerMismatch("an aware datetime was wanted for a timestamp")
    seconds = value.timestamp()
    return round(seconds, 3) if value.microsecond % 1000 else seconds  # stores keep milliseconds anyway


def _write_blob(value: Any) -> str:
    if not isinstance(value, bytes):
        raise AnswerMismatch(f"a {type(value).__name__} was given for a blob")
    return base64_text(value)
