"""Where the value of a setting comes from.

It is taken from the command line, else from ``STRONGROOM_<NAME>``, else from ``DIR/settings.toml``, else it is the
default. Unknown names refuse to start.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom.server.parts import StartRefused
from strongroom.settings.declared import Settings

PREFIX = "STRONGROOM_"
CLIENT_VARIABLES = frozenset({"STRONGROOM_ENDPOINT", "STRONGROOM_FORMAT", "STRONGROOM_CALLED_AS"})
"""Variables of the command line that are not settings of the server."""
_WORDS_ON = frozenset({"1", "true", "yes", "on"})
_WORDS_OFF = frozenset({"0", "false", "no", "off"})


def load_settings(given: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """The settings from all places; ``given`` is the command line's. Raises StartRefused for an unknown name.

    The data directory itself comes from the command line or the environment, because the file lies in it.
    """
    known = {one.name: one for one in dataclasses.fields(Settings)}
    texts = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in CLIENT_VARIABLES
    } | dict(given)
    values: dict[str, Any] = {}
    data = Path(texts.get("data", Settings().data))
    for name, value in _file_values(data / "settings.toml").items():
        if name not in known or name == "data":
            raise StartRefused(f"{data / 'settings.toml'} has an unknown setting: {name}")
        values[name] = _typed(name, known[name].default, value)
    for name, text in texts.items():
        if name not in known:
            raise StartRefused(f"unknown setting {PREFIX}{name.upper()}")
        values[name] = _typed(name, known[name].default, text)
    return Settings(**values)


def _file_values(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path} cannot be read: {error}") from None


def _typed(name: str, default: object, value: object) -> object:
    """A value of the default's type, from a text or from TOML. Raises StartRefused."""
    try:
        match default:
            case bool():
                return value if isinstance(value, bool) else _word(str(value))
            case int():
                return int(str(value))
            case float():
                return float(str(value))
            case Path():
                return Path(str(value))
            case tuple():
                listed = value if isinstance(value, list) else str(value).split(",")
                return tuple(str(item).strip() for item in listed if str(item).strip())
            case _:
                return str(value)
    except ValueError:
        raise StartRefused(f"setting {name} cannot be {value!r}") from None


def _word(text: str) -> bool:
    if text.lower() in _WORDS_ON | _WORDS_OFF:
        return text.lower() in _WORDS_ON
    raise ValueError(text)
