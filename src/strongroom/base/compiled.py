# Paths are texts here, as in Python's own import: to make objects of them would cost what is won.
# ruff: noqa: PTH105, PTH108, PTH116, PTH117, PTH120, PTH123, PTH208
"""Compiled modules read from one file: a server imports nine hundred, and Python looks for each, opens and checks it.

The file lies beside Python's own compiled modules and is trusted as they are: whoever may write there writes our code.
What it has of a module is what that module's ``.pyc`` has, and is taken only where Python would take just that:

- the source is as old and as long as it was, and the ``.pyc`` as old;
- nothing was added to the directory where the module was found, nor taken away;
- a package is where its parent says; no directory that comes before on ``sys.path`` has anything of a module's name;
- whatever is asked for modules before Python searches ``sys.path`` is still asked before.

Anything else is imported as if the file were not there, and the file is written anew.
Our choice: docs/decisions/0060-start.md.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

_PYC_HEADER: Final = 16  # bytes of a .pyc before its code. Source: PEP 552
_MAGIC: Final = importlib.util.MAGIC_NUMBER
_LENGTH: Final = 8
_UNREADABLE: Final = (OSError, ValueError, EOFError, TypeError)


class _Kept(NamedTuple):
    """One module of the file: ``searched`` is where it was found, ``at`` and ``size`` say where its code lies."""

    source: str
    cached: str
    is_package: bool
    searched: str
    searched_ns: int
    cached_ns: int
    source_ns: int
    source_size: int
    at: int = 0
    size: int = 0


class _Loader(SourceFileLoader):
    """Python's own, which has the code already."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> CodeType | None:
        code, self._code = self._code, None
        return super().get_code(fullname) if code is None else code


class _Finder:
    """Finds modules in one file, in ``sys.meta_path`` from ``begin`` to ``end``."""

    def __init__(self, file: str) -> None:
        self._file: Final = file
        self._opened: int | None = None
        self._codes_at = 0
        self._known: dict[str, _Kept] = {}
        self._refused: set[str] = set()
        self._before: Final = frozenset(sys.modules)
        self._ages: dict[str, int] = {}
        self._names: dict[str, frozenset[str] | None] = {}
        with suppress(*_UNREADABLE):
            self._read()

    def _read(self) -> None:
        self._opened = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        head = os.read(self._opened, len(_MAGIC) + _LENGTH)
        if head.startswith(_MAGIC):
            length = int.from_bytes(head[len(_MAGIC) :], "little")
            index = marshal.loads(os.pread(self._opened, length, len(head)))  # noqa: S302  as any compiled module
            self._known = {name: _Kept(*kept) for name, kept in index.items()}
            self._codes_at = len(head) + length

    def _text(self, kept: _Kept) -> bytes:
        return b"" if self._opened is None else os.pread(self._opened, kept.size, self._codes_at + kept.at)

    def _code(self, kept: _Kept) -> CodeType | None:
        with suppress(*_UNREADABLE):
            code = marshal.loads(self._text(kept))  # noqa: S302  as above
            return code if isinstance(code, CodeType) else None
        return None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, where the file has just what Python would find."""
        kept = self._known.get(name)
        if kept is None:
            return None
        if not self._is_as_it_was(name, kept, path):
            self._refused.add(name)
            return None
        code = self._code(kept)
        if code is None:
            del self._known[name]
            return None
        within = [os.path.dirname(kept.source)] if kept.is_package else None
        spec = importlib.util.spec_from_file_location(
            name, kept.source, loader=_Loader(name, kept.source, code), submodule_search_locations=within
        )
        if spec is not None:
            spec.cached = kept.cached
        return spec

    def _is_as_it_was(self, name: str, kept: _Kept, path: Sequence[str] | None) -> bool:
        comes_first = self._is_first(name, kept.searched) if path is None else list(path) == [kept.searched]
        try:
            now = os.stat(kept.source)
            return (
                comes_first
                and self._age(kept.searched) == kept.searched_ns
                and os.stat(kept.cached).st_mtime_ns == kept.cached_ns
                and (now.st_mtime_ns, now.st_size) == (kept.source_ns, kept.source_size)
            )
        except OSError:
            return False

    def _age(self, directory: str) -> int:
        age = self._ages.get(directory)
        if age is None:
            age = self._ages[directory] = os.stat(directory).st_mtime_ns
        return age

    def _is_first(self, name: str, searched: str) -> bool:
        """Whether a search of ``sys.path`` comes to this directory before it finds anything of that name."""
        for entry in sys.path:
            if entry == searched:
                return True
            names = self._names_in(entry)
            if names is None or name in names:
                return False
        return False

    def _names_in(self, entry: str) -> frozenset[str] | None:
        """What modules a directory may have; None where nobody can tell."""
        if entry not in self._names:
            try:
                names: frozenset[str] | None = frozenset(one.partition(".")[0] for one in os.listdir(entry or "."))
            except FileNotFoundError:
                names = frozenset() if os.path.isabs(entry) else None  # else it may be a word that a hook knows
            except OSError:
                names = None
            self._names[entry] = names
        return self._names[entry]

    def end(self) -> None:
        """Find no more. Where Python's own search was needed, write the file with all that it should have had."""
        sys.meta_path.remove(self)
        new = dict(filter(None, map(_compiled, self._imported())))
        if not sys.dont_write_bytecode and any(self._has(name) != kept for name, (kept, _) in new.items()):
            known = {name: kept for name, kept in self._known.items() if name not in self._refused}
            texts = {name: self._text(kept) for name, kept in known.items()}
            known |= {name: kept for name, (kept, _) in new.items()}
            texts |= {name: text for name, (_, text) in new.items()}
            with suppress(OSError):  # as Python, which tells nobody that it could not write a compiled module
                _write(self._file, known, texts)
        if self._opened is not None:
            os.close(self._opened)

    def _has(self, name: str) -> _Kept | None:
        kept = self._known.get(name)
        return None if kept is None else kept._replace(at=0, size=0)

    def _imported(self) -> list[ModuleSpec]:
        """What Python's own loader has imported since the beginning, under its own name."""
        specs = [(name, getattr(sys.modules[name], "__spec__", None)) for name in sys.modules.keys() - self._before]
        return [one for name, one in specs if one and one.name == name and type(one.loader) is SourceFileLoader]


def _compiled(spec: ModuleSpec) -> tuple[str, tuple[_Kept, bytes]] | None:
    """A module as its ``.pyc`` has it; None where that is not of this source."""
    source, cached = spec.origin, spec.cached
    if source is None or cached is None:
        return None
    is_package = spec.submodule_search_locations is not None
    searched = os.path.dirname(os.path.dirname(source) if is_package else source)
    try:
        around, now = os.stat(searched), os.stat(source)
        with open(cached, "rb") as opened:
            of_cached = os.fstat(opened.fileno())
            text = opened.read()
    except OSError:
        return None
    of = (int(now.st_mtime) & 0xFFFFFFFF, now.st_size & 0xFFFFFFFF)
    if text[:_PYC_HEADER] != _MAGIC + bytes(4) + b"".join(one.to_bytes(4, "little") for one in of):
        return None
    ages = (around.st_mtime_ns, of_cached.st_mtime_ns, now.st_mtime_ns)
    kept = _Kept(source, cached, is_package, searched, *ages, now.st_size)
    return spec.name, (kept, text[_PYC_HEADER:])


def _write(file: str, known: dict[str, _Kept], texts: dict[str, bytes]) -> None:
    """Put the file in its place whole, or not at all. Raises OSError."""
    index, at = {}, 0
    for name, text in texts.items():
        index[name] = tuple(known[name]._replace(at=at, size=len(text)))
        at += len(text)
    told = marshal.dumps(index)
    draft = f"{file}.{os.getpid()}"
    try:
        with open(draft, "xb") as opened:
            opened.writelines([_MAGIC, len(told).to_bytes(_LENGTH, "little"), told, *texts.values()])
        os.replace(draft, file)
    except OSError:
        with suppress(OSError):
            os.unlink(draft)
        raise


def begin() -> None:
    """Find modules in the file from now on, where Python itself would search ``sys.path``."""
    finders: list[Any] = sys.meta_path
    if PathFinder in finders:
        file = importlib.util.cache_from_source(__file__).removesuffix(".pyc") + ".together"
        finders.insert(finders.index(PathFinder), _Finder(file))


def end() -> None:
    """Let Python find all modules again, and have the file as this process would have needed it."""
    for one in list(sys.meta_path):
        if isinstance(one, _Finder):
            one.end()
