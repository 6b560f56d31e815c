"""Prometheus's text format, version 0.0.4. Source: prometheus.io, "Exposition formats", "Text-based format"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from strongroom.base.classes import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples: each a suffix of the name, labels, and a number."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[tuple[str, Labels, float]] = field(default=())


def gauge(name: str, told: str, value: float, **labels: str) -> Family:
    """A metric of one number that may fall."""
    return Family(name, "gauge", told, (("", tuple(labels.items()), value),))


def written(families: Iterable[Family]) -> bytes:
    """The whole page. A family that has no samples is left out."""
    lines: list[str] = []
    for one in families:
        if one.samples:
            lines.append(f"# HELP {one.name} {_plain(one.help)}")
            lines.append(f"# TYPE {one.name} {one.kind}")
            lines.extend(f"{one.name}{end}{_labels(labels)} {_number(value)}" for end, labels, value in one.samples)
    return ("\n".join(lines) + "\n").encode()


def histogram(labels: Labels, bounds: Mapping[str, int], total_seconds: float) -> list[tuple[str, Labels, float]]:
    """The samples of one histogram from the numbers of each bucket alone, in the order of their bounds."""
    samples: list[tuple[str, Labels, float]] = []
    count = 0
    for bound, number in bounds.items():
        count += number
        samples.append(("_bucket", (*labels, ("le", bound)), count))
    return [*samples, ("_sum", labels, total_seconds), ("_count", labels, count)]


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
