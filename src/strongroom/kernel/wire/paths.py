"""Paths of rest-json services: which operation a method and a path mean.

Source: Smithy specification, "HTTP binding traits", http trait: labels, literal before label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Refusal
from strongroom.kernel.model.shapes import ServiceModel
from strongroom.kernel.wire.form import decoded

MAX_SEGMENTS: Final = 32


@dataclass(frozen=True, slots=True)
class Template:
    """One operation's path. A segment is a literal, or None where a label stands."""

    service: str
    operation: str
    segments: tuple[str | None, ...]
    labels: tuple[str, ...]
    query: frozenset[bytes]  # literal fields that the query string must hold (``?List=ALL``)

    @property
    def rank(self) -> tuple[bool | int, ...]:
        """Orders templates so that the more special comes first."""
        return (-len(self.query), *(segment is None for segment in self.segments))


class Paths:
    """All templates of some services, found by method and number of segments."""

    def __init__(self, services: Iterable[ServiceModel]) -> None:
        self._templates: dict[tuple[str, int], list[Template]] = {}
        for service in services:
            for operation, (method, uri) in service.lines.items():
                template = _template(service.name, operation, uri)
                self._templates.setdefault((method, len(template.segments)), []).append(template)
        for found in self._templates.values():
            found.sort(key=lambda template: template.rank)

    def find(self, method: str, path: bytes, query: bytes) -> tuple[Template, Mapping[str, str]] | None:
        """The template that fits, with its labels decoded; None where none does."""
        if path.count(b"/") > MAX_SEGMENTS:
            return None
        try:
            segments = tuple(decoded(piece, plus_is_space=False) for piece in _pieces(path))
        except Refusal:
            return None  # a path that is no text names no operation
        fields = frozenset(query.split(b"&")) if query else frozenset()
        for template in self._templates.get((method, len(segments)), ()):
            labels = _labels(template, segments)
            if labels is not None and template.query <= fields:
                return template, labels
        return None


def _pieces(path: bytes) -> list[bytes]:
    """The segments of a path. One slash at the end is the same as none: SDKs send both forms."""
    return path.removeprefix(b"/").removesuffix(b"/").split(b"/")


def _labels(template: Template, segments: tuple[str, ...]) -> dict[str, str] | None:
    values = []
    for wanted, given in zip(template.segments, segments, strict=True):
        if wanted is None:
            if not given:
                return None
            values.append(given)
        elif wanted != given:
            return None
    return dict(zip(template.labels, values, strict=True))


def _template(service: str, operation: str, uri: str) -> Template:
    path, _, query = uri.partition("?")
    if "+}" in path:
        raise ValueError(f"{service}:{operation} has a greedy label, which no service had so far")
    pieces = [piece.decode() for piece in _pieces(path.encode())]
    return Template(
        service=service,
        operation=operation,
        segments=tuple(None if piece.startswith("{") else piece for piece in pieces),
        labels=tuple(piece[1:-1] for piece in pieces if piece.startswith("{")),
        query=frozenset(query.encode().split(b"&")) if query else frozenset(),
    )
