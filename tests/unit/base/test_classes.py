"""Our dataclasses are the library's in all but when their methods are written."""

from __future__ import annotations

import dataclasses
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from strongroom.base import classes

_BODY = '''
from __future__ import annotations

@make(**options)
class Base:
    """One."""
    name: str
    size: int = 3
    parts: list[int] = field(default_factory=list)
    secret: bytes = field(default=b"hidden", repr=False)
    aside: int = field(default=0, compare=False)
    memo: dict[str, int] = field(default_factory=dict, init=False, compare=False)

@make(**options)
class More(Base):
    """One and more."""
    more: str = "more"

@make(**options)
class After:
    wanted: int
    worked_out: int = field(init=False)
    fixed: int = field(default=7, init=False)

    def __post_init__(self):
        object.__setattr__(self, "worked_out", self.wanted + 1)

@make(**options)
class Own:
    """Says itself how it is equal and shown."""
    name: str

    def __eq__(self, other):
        return True

    def __repr__(self):
        return "Own"

@make(**options)
class Empty:
    """Nothing."""

class Plain(Base):
    """Not one itself."""
'''
_OPTIONS: list[dict[str, bool]] = [
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"slots": True, "eq": False},
    {"slots": True, "unsafe_hash": True},
]


def _classes(make: Any, options: dict[str, bool]) -> dict[str, Any]:
    space: dict[str, Any] = {"make": make, "options": options, "field": dataclasses.field, "__name__": __name__}
    exec(_BODY, space)
    return space


def _tried(act: Any) -> Any:
    """What came out; of a failure its kind and words."""
    try:
        return act()
    except (TypeError, AttributeError) as failure:
        return type(failure), str(failure)


def _told(space: dict[str, Any]) -> list[Any]:
    """Everything that can be told of the classes from without."""
    base, more, after, own, empty, plain = (space[name] for name in ("Base", "More", "After", "Own", "Empty", "Plain"))
    one, other = base("a"), base("a", aside=9)
    found: list[Any] = [
        repr(one),
        repr(more("a", 4, more="x")),
        repr(after(1)),
        repr(own("a")),
        repr(empty()),
        repr(plain("a")),
        one == other,
        one == base("b"),
        one == more("a"),
        one == plain("a"),
        plain("a") == plain("a"),
        one == "a",
        own("a") == own("b"),
        empty() == empty(),
        one.parts is other.parts,
        one.memo,
        dataclasses.asdict(more("a")),
        repr(dataclasses.replace(one, size=5)),
        [(found.name, found.init, found.compare) for found in dataclasses.fields(more)],
        base.__match_args__,
        base.__doc__,
        hasattr(one, "__dict__"),
        base.__hash__ is None,
        own.__hash__ is None,
        base.__init__.__qualname__.rpartition(".")[2],
    ]
    changes = (
        base,
        lambda: base("a", 1, [], b"", 0, 1),
        lambda: base("a", other=1),
        lambda: after(1, 2),
        lambda: base("a", name="b"),
        lambda: hash(empty()) == hash(empty()) or "by identity",
        lambda: _tried(lambda: hash(after(1)) == hash(after(1))),
        lambda: setattr(base("a"), "name", "b"),
        lambda: delattr(base("a"), "name"),
        lambda: setattr(more("a"), "name", "b"),
        lambda: setattr(plain("a"), "name", "b"),
    )
    return [*found, *map(_tried, changes)]


@pytest.mark.parametrize("options", _OPTIONS, ids=str)
def test_they_do_what_the_librarys_do(options: dict[str, bool]) -> None:
    assert _told(_classes(dataclasses.dataclass, options)) == _told(_classes(classes.dataclass, options))


def test_a_method_is_written_at_its_first_call() -> None:
    made = _classes(classes.dataclass, {"frozen": True, "slots": True})["Base"]
    first = made.__init__
    one = made("a")
    assert made.__init__ is not first
    assert made.__init__.__code__.co_varnames[:3] == ("self", "name", "size")
    equal, hashed = made.__eq__, made.__hash__
    assert one == made("a")
    assert _tried(lambda: hash(one)) == (TypeError, "unhashable type: 'list'")
    assert made.__eq__ is not equal
    assert made.__hash__ is not hashed


def test_threads_that_come_first_together_all_get_what_they_asked_for() -> None:
    made = _classes(classes.dataclass, {"frozen": True, "slots": True})["More"]
    together, found = threading.Barrier(8), []

    def ask(number: int) -> None:
        together.wait()
        found.append(made("a", number) == made("a", number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [True] * 8 == found


def test_other_options_are_left_to_the_library() -> None:
    made = classes.dataclass(order=True)(type("Made", (), {"__annotations__": {"size": int}, "__doc__": "One."}))
    assert made(1) < made(2)


def test_a_class_does_not_say_two_things_of_how_it_is_hashed_or_changed() -> None:
    def told(_self: object, *_: object) -> int:
        return 1

    with pytest.raises(TypeError, match="says itself how it is hashed"):
        classes.dataclass(unsafe_hash=True)(type("Made", (), {"__hash__": told, "__doc__": "One."}))
    with pytest.raises(TypeError, match="is frozen and says how it is changed"):
        classes.dataclass(frozen=True)(type("Made", (), {"__setattr__": told, "__doc__": "One."}))


def test_our_classes_are_made_this_way() -> None:
    source = Path(classes.__file__).parents[1]
    others = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"^from dataclasses import .*\bdataclass\b", path.read_text(), re.MULTILINE)
    }
    # What runs in a function imports nothing else of ours.
    assert [] == [path for path in others if not path.startswith("rotations/")]
