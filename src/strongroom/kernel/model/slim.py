"""A service's model without its texts for people, which are two thirds of it: read slimmer from the second time on.

What is left is kept beside Python's compiled modules and trusted as they are. It is taken for as long as botocore's
file has the length and the checksum that it had.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from strongroom.kernel.model.ondemand import OnDemand

_TRAILER = 8  # bytes: CRC and length of what was compressed. Source: RFC 1952, 2.3.1


def read_model(file: Path, service: str) -> Mapping[str, Any]:
    """The raw model of a ``service-2.json.gz``, without its texts."""
    with file.open("rb") as opened:
        of = [str(file), opened.seek(-_TRAILER, os.SEEK_END), opened.read().hex()]
    kept = Path(importlib.util.cache_from_source(__file__)).with_suffix(f".{service}.json")
    with suppress(OSError, ValueError, TypeError, LookupError):
        found = orjson.loads(kept.read_bytes())
        if found["of"] == of:
            return {**found["rest"], "shapes": _parsed_on_demand(found["shapes"])}
    model = _slim(orjson.loads(gzip.decompress(file.read_bytes())))
    if not sys.dont_write_bytecode:
        rest = {part: told for part, told in model.items() if part != "shapes"}
        shapes = {name: orjson.dumps(given).decode() for name, given in model["shapes"].items()}
        _keep(kept, orjson.dumps({"of": of, "rest": rest, "shapes": shapes}))
    return model


def _parsed_on_demand(texts: Mapping[str, str]) -> Mapping[str, Any]:
    """Shapes by name, as they are asked for: a server needs one in ten. Threads that ask at once may both parse it."""
    made: dict[str, Any] = {}
    return OnDemand(texts, made, lambda name: made.setdefault(name, orjson.loads(texts[name])))


def _slim(model: dict[str, Any]) -> dict[str, Any]:
    for given in (*model["operations"].values(), *model["shapes"].values()):
        given.pop("documentation", None)
        for ref in given.get("members", {}).values():
            ref.pop("documentation", None)
    return model


def _keep(file: Path, text: bytes) -> None:
    """Put it there whole or not at all; as Python, which tells nobody that it could not."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        try:
            draft.write_bytes(text)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
