"""The code of a ready-made rotation function: ours, and the packages its engine needs, as one zip.

The packages are those that ``make`` installs from the pinned list into a place of their own, which no server imports
from; else those of this Python's environment (``pip install strongroom[rotation]``). Decision 0037.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import strongroom
from strongroom.rotations.engines import KINDS
from strongroom.server.parts import StartRefused

PLACE = Path(sys.prefix, "share", "strongroom", "drivers")
"""Where ``make`` installs requirements/drivers.txt."""

HANDLER = "strongroom.rotations.handler.rotate"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", "tests", "test", "bin")


def function_zip(engine: str, place: Path | None = None) -> bytes:
    """The zip of one engine's function, the same bytes for the same files. Raises StartRefused.

    ``place``: a directory that packages were installed into; default: ``PLACE`` where it is, else the environment.
    """
    found = dict(_own(engine))
    for package in KINDS[engine].packages:
        found.update(_files(package, place or (PLACE if PLACE.is_dir() else None)))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(found):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, found[name].read_bytes())
    return made.getvalue()


def _own(engine: str) -> Iterator[tuple[str, Path]]:
    root = Path(strongroom.__file__).parent
    engines = {"__init__", KINDS[engine].module, *KINDS[engine].parts}
    yield "strongroom/__init__.py", root / "__init__.py"
    for file in sorted((root / "rotations").rglob("*.py")):
        if file.parent.name != "engines" or file.stem in engines:
            yield f"strongroom/{file.relative_to(root).as_posix()}", file


def _files(package: str, place: Path | None) -> Iterator[tuple[str, Path]]:
    """The files of a package and of all that it requires."""
    wanted, seen = [package], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        one = _distribution(name, place)
        yield from _kept(one)
        wanted += _needs(one.requires or ())


def _distribution(name: str, place: Path | None) -> metadata.Distribution:
    if place is None:
        try:
            return metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise StartRefused(
                f"the package {name} is not there; `make` or `pip install strongroom[rotation]` brings it"
            ) from None
    found = next(iter(metadata.distributions(name=name, path=[str(place)])), None)
    if found is None:
        raise StartRefused(f"the package {name} is not in {place}")
    return found


def _kept(one: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for file in one.files or ():
        if file.parts[0] != ".." and not set(file.parts) & set(_LEFT_OUT):
            path = Path(str(one.locate_file(file)))
            if path.is_file():
                yield file.as_posix(), path


def _needs(requires: Iterable[str]) -> list[str]:
    found = []
    for need in requires:
        name, _, marker = need.partition(";")
        # Of the markers that our drivers have, the others are about extras, other systems or other Pythons.
        if "extra" in marker or "win32" in marker or not _holds(marker):
            continue
        matched = re.match(r"[A-Za-z0-9_.-]+", name.strip())
        if matched is not None:
            found.append(matched[0])
    return found


def _holds(marker: str) -> bool:
    """Whether what a marker such as ``python_version < "3.13"`` says of Python is true of this one."""
    for sign, version in re.findall(r"python(?:_full)?_version\s*(<=|>=|<|>)\s*[\"']([\d.]+)[\"']", marker):
        other = tuple(int(part) for part in version.split("."))
        this = tuple(sys.version_info[: len(other)])
        if not {"<": this < other, "<=": this <= other, ">": this > other, ">=": this >= other}[sign]:
            return False
    return True
