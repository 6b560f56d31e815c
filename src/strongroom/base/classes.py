"""Dataclasses whose methods are written when they are first called: ``from strongroom.base.classes import dataclass``.

The library writes and compiles up to six methods for each class when its module is imported: with two hundred classes
a tenth of a start, for classes most of which a process never makes. Here ``__init__``, ``__eq__`` and ``__hash__`` put
themselves in place at their first call; ``__repr__`` and the refusals of what is frozen need not be written at all.
Everything else (fields, slots, ``replace``, ``asdict``) is the library's, and to the type checker all of it is.

Our choice: whatever is not among the options below (ordering, say) is left to the library whole. What is frozen cannot
be pickled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(made=None, /, *, frozen=False, slots=False, eq=True, unsafe_hash=False, **more):
        """As ``dataclasses.dataclass``."""

        def make(cls):
            if more:
                return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq, unsafe_hash=unsafe_hash, **more)(cls)
            return _made(cls, frozen=frozen, slots=slots, eq=eq, unsafe_hash=unsafe_hash)

        return make if made is None else make(made)


__all__ = ["dataclass", "field"]


def _made(cls: type, *, frozen: bool, slots: bool, eq: bool, unsafe_hash: bool) -> type:
    own = dict(cls.__dict__)
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # the library would work out a signature
    cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    made: dict[str, Any] = {"__init__": _init_at_first_call(cls, frozen=frozen), "__repr__": _repr}
    if eq:
        made["__eq__"] = _eq_at_first_call(cls)
    said = own.get("__hash__") is not None or ("__hash__" in own and "__eq__" not in own)
    if said and unsafe_hash:
        raise TypeError(f"{cls.__name__} says itself how it is hashed")
    if unsafe_hash or (eq and not said):
        own.pop("__hash__", None)  # None, which Python puts there where a class says how it is equal
        made["__hash__"] = _hash_at_first_call(cls) if unsafe_hash or frozen else None
    if frozen:
        if "__setattr__" in own or "__delattr__" in own:
            raise TypeError(f"{cls.__name__} is frozen and says how it is changed")
        made["__setattr__"], made["__delattr__"] = _refusals(cls)
    for name, member in made.items():
        if name not in own:
            setattr(cls, name, member)
    return cls


def _init_at_first_call(cls: type, *, frozen: bool) -> Callable[..., None]:
    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807
        made = _written(cls, "__init__", *_init(cls, frozen=frozen))
        made(self, *given, **named)

    return __init__


def _eq_at_first_call(cls: type) -> Callable[[Any, object], Any]:
    def __eq__(self: Any, other: object) -> Any:  # noqa: N807
        ours, theirs = (_tuple(part, [one.name for one in _compared(cls)]) for part in ("self", "other"))
        text = f"return {ours} == {theirs} if other.__class__ is self.__class__ else NotImplemented"
        return _written(cls, "__eq__", "self, other", [text], {})(self, other)

    return __eq__


def _hash_at_first_call(cls: type) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: N807
        names = [one.name for one in dataclasses.fields(cls) if (one.compare if one.hash is None else one.hash)]
        made = _written(cls, "__hash__", "self", [f"return hash({_tuple('self', names)})"], {})
        return int(made(self))

    return __hash__


@recursive_repr()
def _repr(self: Any) -> str:
    told = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({told})"


def _refusals(cls: type) -> tuple[Callable[..., None], Callable[..., None]]:
    """What refuses to change a field, and anything else of this very class; a subclass may have more."""
    names = frozenset(cls.__dict__["__dataclass_fields__"])

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]  # a class known at run time

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)  # type: ignore[arg-type]  # as above

    return __setattr__, __delattr__


def _compared(cls: type) -> list[dataclasses.Field[Any]]:
    return [one for one in dataclasses.fields(cls) if one.compare]


def _tuple(of: str, names: list[str]) -> str:
    return "(" + "".join(f"{of}.{name}, " for name in names) + ")"


def _init(cls: type, *, frozen: bool) -> tuple[str, list[str], dict[str, Any]]:
    """Parameters and lines of ``__init__``, and the values that they name."""
    parameters, lines, known = ["self"], [], {"_set": object.__setattr__, "_missing": MISSING}
    for one in dataclasses.fields(cls):
        name = value = one.name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}" if one.init else f"_make_{name}()"
            parameter = f"{name}=_missing"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            value = name if one.init else f"_default_{name}"
            parameter = f"{name}=_default_{name}"
        else:
            parameter = name
            if not one.init:
                continue  # __post_init__ gives it
        if one.init:
            parameters.append(parameter)
        lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    return ", ".join(parameters), lines or ["pass"], known


def _written(cls: type, name: str, parameters: str, lines: list[str], known: dict[str, Any]) -> Callable[..., Any]:
    """Compile a method and put it where the one stands that was called."""
    text = f"def {name}({parameters}):\n" + "".join(f"    {line}\n" for line in lines)
    space = {**known, "__name__": cls.__module__}
    exec(text, space)  # noqa: S102  names of fields, which Python's own grammar has let through
    made: Callable[..., Any] = space[name]
    made.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, made)
    return made
