"""What the model omits is data with a source: a room's ``overlay.toml`` and ``refused.toml``.

    some_setting = "..."                           before any table: settings of the whole service

    [DeleteSecret.RecoveryWindowInDays]            an operation's own member
    min = 7
    max = 30
    refuse_with = "InvalidParameterException"      an error of the room; without it the validation error
    text = "..."                                   without it AWS's wording of the limit
    source = "API reference, DeleteSecret, RecoveryWindowInDays"

An entry with a text and no limit gives AWS's own words for the limits that the model does have.
``refused.toml`` is ``Operation = "reason"`` for every modelled operation that is not offered.
A file that names what the model does not have, or gives no source, is refused when it is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.errors import error_class
from strongroom.kernel.model.shapes import Shape
from strongroom.kernel.model.walker import Rule, explained, own_rules, path_of, rules_of

_KEYS: Final = frozenset({"min", "max", "pattern", "text", "refuse_with", "source"})
_LIMITS: Final = ("min", "max", "pattern")

# Rooms are named for what they are; those not listed have their service's name.
_ROOMS: Final = {
    "lambda": "functions",
    "cloudtrail": "trail",
    "cloudwatch": "metrics",
    "ssm": "parameters",
    "strongroom": "local",
}
_SERVICES: Final = Path(__file__).resolve().parents[2] / "services"


@dataclass(frozen=True, slots=True)
class Limit:
    """What an overlay says about one member."""

    service: str
    member: str
    shape: Shape
    rules: tuple[Rule, ...]
    refuse_with: str | None
    text: str | None
    source: str

    def check(self, value: Any) -> None:
        """Nothing where the value keeps the limits. Raises the room's error, or Refusal(VALIDATION)."""
        broken = next((rule for rule in self.rules if not rule.keeps(value)), None)
        if broken is not None:
            raise self._refusal(explained(self.shape, value, path_of(self.member), broken.words))

    def _refusal(self, words: str) -> Answerable:
        if self.refuse_with is not None:
            return error_class(self.service, self.refuse_with)(self.text or words)
        return Refusal(Kind.VALIDATION, self.text or f"1 validation error detected: {words}")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One room's additions to its service's model."""

    service: str
    settings: Mapping[str, str]
    limits: Mapping[str, tuple[Limit, ...]]

    def check(self, operation: str, params: Mapping[str, Any]) -> None:
        """Nothing where an operation's parameters keep every limit of the overlay; raises the first refusal.

        It comes before the model's own validation, whose words a text-only entry replaces.
        """
        for limit in self.limits.get(operation, ()):
            value = params.get(limit.member)
            if value is not None:
                limit.check(value)


@lru_cache(maxsize=64)
def overlay_of(service: str, directory: Path | None = None) -> Overlay:
    """The overlay in a room's directory; an empty one where there is no file. Raises ValueError."""
    settings: dict[str, str] = {}
    limits: dict[str, tuple[Limit, ...]] = {}
    for name, members in _read(service, directory, "overlay.toml").items():
        if isinstance(members, dict):
            limits[name] = tuple(_limit(service, name, member, says) for member, says in members.items())
        else:
            settings[name] = str(members)
    return Overlay(service, settings, limits)


def refused_operations(service: str, directory: Path | None = None) -> dict[str, str]:
    """The operations that a room declares not to offer, each with its reason. Raises ValueError."""
    refused = _read(service, directory, "refused.toml")
    modelled = CATALOGUE.service(service).operations
    for operation, reason in refused.items():
        if operation not in modelled:
            raise ValueError(f"{service} has no operation {operation} to refuse")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"{service}:{operation} is refused without a reason")
    return refused


def overlay_entries(service: str, directory: Path | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """Operation, member and limits of each entry, for the test that the model does not say the same."""
    return [
        (operation, member, {key: says[key] for key in _LIMITS if key in says})
        for operation, members in _read(service, directory, "overlay.toml").items()
        if isinstance(members, dict)
        for member, says in members.items()
    ]


def _read(service: str, directory: Path | None, name: str) -> dict[str, Any]:
    path = (directory or _SERVICES / _ROOMS.get(service, service)) / name
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def _limit(service: str, operation: str, member: str, says: Mapping[str, Any]) -> Limit:
    where = f"{service}:{operation}.{member}"
    model = CATALOGUE.service(service).operations.get(operation)
    if model is None or model.input is None or member not in model.input.members:
        raise ValueError(f"the overlay limits {where}, which the model does not have")
    if unknown := set(says) - _KEYS:
        raise ValueError(f"the overlay of {where} has the unknown keys {', '.join(sorted(unknown))}")
    if not str(says.get("source", "")).strip():
        raise ValueError(f"the overlay of {where} gives no source")
    shape = model.input.members[member].shape
    rules = rules_of(shape, least=says.get("min"), most=says.get("max"), pattern=says.get("pattern"))
    if not rules:
        if "text" not in says:
            raise ValueError(f"the overlay of {where} sets no limit and has no text")
        rules = own_rules(shape)
    return Limit(service, member, shape, rules, says.get("refuse_with"), says.get("text"), says["source"])
