"""A request and a reply as bytes with names: the form in which ``server``, ``wire`` and ``signing`` share them."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.base.classes import dataclass, field
from strongroom.base.values import value_object

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class HTTPRequest:
    """One request as it stood on the wire.

    ``path`` and ``query`` are the raw, still percent-encoded bytes; ``headers`` keep order and repetition, names
    lower-cased by the server. ``body`` is complete and already bounded.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    body: bytes
    _index: dict[bytes, bytes] | None = field(default=None, repr=False)

    @property
    def by_name(self) -> dict[bytes, bytes]:
        """The headers by name, repeated ones joined by commas; not to be changed."""
        index = self._index
        if index is None:
            index = dict(self.headers)
            if len(index) != len(self.headers):
                index = {}
                for key, value in self.headers:
                    index[key] = index[key] + b"," + value if key in index else value
            self._index = index
        return index

    def header(self, name: bytes) -> str | None:
        """One header's value as text (Latin-1), repeated ones joined by commas; None where it is absent."""
        index = self._index
        found = (self.by_name if index is None else index).get(name)
        return None if found is None else found.decode("latin-1")


@value_object
class HTTPReply:
    """One answer, ready to be written. The server adds ``date`` and ``content-length``."""

    status: int
    headers: Headers
    body: bytes
