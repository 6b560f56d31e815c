"""A mapping whose names are known and whose values are made when they are first asked for.

A server knows thousands of shapes and is asked for some hundred: to make all of them took a tenth of its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T]):
    """``make(name)`` for each name of ``raw``, in its order; whoever makes one puts it, and others, into ``made``.

    ``make`` sees to it that nothing is made twice, whichever threads ask.
    """

    __slots__ = ("_made", "_make", "_raw")

    def __init__(self, raw: Mapping[str, Any], made: Mapping[str, T], make: Callable[[str], T]) -> None:
        self._raw: Final = raw
        self._made: Final = made
        self._make: Final = make

    def __getitem__(self, name: str) -> T:
        found = self._made.get(name)
        if found is None:
            if name not in self._raw:
                raise KeyError(name)
            found = self._make(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """As of every mapping; each call of a client asks it."""
        found = self._made.get(name)
        if found is None:
            return self._make(name) if name in self._raw else default
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
