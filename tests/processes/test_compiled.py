"""Modules come from the one file where Python would find just them, and as Python finds them everywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from strongroom.base import compiled

sys.path[:0] = sys.argv[1].split(":")
{before}
compiled.begin()
try:
    import alone, package.inner
except ImportError as missing:
    print("missing", missing.name)
else:
    for module in (alone, package, package.inner):
        paths = module.__file__, module.__cached__, *getattr(module, "__path__", ())
        print(module.VALUE, type(module.__loader__).__name__, *paths)
compiled.end()
print(any("strongroom" in type(one).__module__ for one in sys.meta_path))
"""
_PLAIN = "SourceFileLoader"


class Tree:
    """Two directories of modules on ``sys.path``, and where compiled ones lie."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.first, self.second = root / "first", root / "second"
        self.first.mkdir()
        (self.second / "package").mkdir(parents=True)
        self.write("second/alone.py", "alone")
        self.write("second/package/__init__.py", "package")
        self.write("second/package/inner.py", "inner")

    def write(self, path: str, value: str) -> None:
        """A module with that value."""
        (self.root / path).write_text(f"VALUE = {value!r}\n")

    def start(self, before: str = "", **environment: str) -> list[list[str]]:
        """The words of each line of a program that imports them."""
        known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        known |= {"PYTHONPYCACHEPREFIX": str(self.root / "compiled")} | environment
        command = [sys.executable, "-c", _PROGRAM.format(before=before), f"{self.first}:{self.second}"]
        done = subprocess.run(command, env=known, stdout=subprocess.PIPE, text=True, check=True)
        *told, finder_left = [line.split(" ") for line in done.stdout.splitlines()]
        assert ["False"] == finder_left
        return told

    @property
    def file(self) -> Path:
        """The one file."""
        [found] = (self.root / "compiled").rglob("*.together")
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Modules that were imported twice: the second time no directory was made any more."""
    made = Tree(tmp_path)
    made.start()
    made.start()
    return made


def _values(told: list[list[str]]) -> list[str]:
    return [words[0] for words in told]


def _loaders(told: list[list[str]]) -> list[str]:
    return [words[1] for words in told]


def test_modules_of_the_file_are_as_python_makes_them(tree: Tree) -> None:
    plain = tree.start("compiled.begin = lambda: None")
    kept = tree.start()
    assert ["alone", "package", "inner"] == _values(kept)
    assert ([_PLAIN] * 3, ["_Loader"] * 3) == (_loaders(plain), _loaders(kept))
    assert [words[2:] for words in plain] == [words[2:] for words in kept]


def test_a_file_that_has_all_is_left_as_it_is(tree: Tree) -> None:
    before = tree.file.stat()
    tree.start()
    assert (before.st_ino, before.st_mtime_ns) == (tree.file.stat().st_ino, tree.file.stat().st_mtime_ns)


def _longer(tree: Tree) -> None:
    tree.write("second/alone.py", "another")


def _as_long(tree: Tree) -> None:
    tree.write("second/alone.py", "ALONE")
    os.utime(tree.second / "alone.py", (2_000_000_000, 2_000_000_000))  # Python itself counts whole seconds


def _older(tree: Tree) -> None:
    tree.write("second/alone.py", "ALONE")
    os.utime(tree.second / "alone.py", (1, 1))


def _before_it(tree: Tree) -> None:
    tree.write("first/alone.py", "shadow")


def _package_before_it(tree: Tree) -> None:
    (tree.first / "alone").mkdir()
    tree.write("first/alone/__init__.py", "shadow")


def _package_beside_it(tree: Tree) -> None:
    (tree.second / "alone").mkdir()
    tree.write("second/alone/__init__.py", "beside")


def _compiled_anew(tree: Tree) -> None:
    """The same age and length, which Python believes: what it has compiled is then what counts."""
    source = tree.second / "alone.py"
    age = source.stat()
    tree.write("second/alone.py", "ALONE")
    os.utime(source, ns=(age.st_atime_ns, age.st_mtime_ns))
    for compiled in (tree.root / "compiled").rglob("alone.*.pyc"):
        compiled.unlink()


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (_longer, "another"),
        (_as_long, "ALONE"),
        (_older, "ALONE"),
        (_before_it, "shadow"),
        (_package_before_it, "shadow"),
        (_package_beside_it, "beside"),
        (_compiled_anew, "ALONE"),
    ],
)
def test_what_has_changed_is_what_python_finds(change: Callable[[Tree], None], value: str, tree: Tree) -> None:
    change(tree)
    plain = tree.start("compiled.begin = lambda: None", PYTHONDONTWRITEBYTECODE="1")
    assert [value, "package", "inner"] == _values(plain)
    assert [value, "package", "inner"] == _values(tree.start())
    again = tree.start()
    assert [value, "package", "inner"] == _values(again)
    assert ["_Loader"] * 3 == _loaders(again), "the file was written anew"


def test_what_is_gone_is_gone(tree: Tree) -> None:
    (tree.second / "alone.py").unlink()
    assert [["missing", "alone"]] == tree.start()


def test_a_package_is_found_where_its_parent_says(tree: Tree) -> None:
    (tree.first / "other").mkdir()
    tree.write("first/other/inner.py", "elsewhere")
    before = "import package; package.__path__.insert(0, sys.path[0] + '/other')"
    assert ["alone", "package", "elsewhere"] == _values(tree.start(before))


def test_who_is_asked_before_python_searches_is_asked_before_the_file(tree: Tree) -> None:
    tree.write("first/elsewhere.py", "hooked")
    before = (
        "import importlib.util\n"
        "class Hook:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'alone':\n"
        "            return importlib.util.spec_from_file_location(name, sys.path[0] + '/elsewhere.py')\n"
        "sys.meta_path.insert(0, Hook)"
    )
    assert ["hooked", "package", "inner"] == _values(tree.start(before))


@pytest.mark.parametrize("entry", ["a_word_of_a_hook", __file__])
def test_where_nobody_can_tell_what_an_entry_of_the_path_has_python_searches(entry: str, tree: Tree) -> None:
    told = tree.start(f"sys.path.insert(0, {entry!r})")
    assert [_PLAIN, _PLAIN, "_Loader"] == _loaders(told)


@pytest.mark.parametrize("part", [0.0, 0.02, 0.1, 0.5, 0.9])
def test_a_broken_file_is_as_none(part: float, tree: Tree) -> None:
    whole = tree.file.read_bytes()
    for broken in (whole[: int(len(whole) * part)], whole[: int(len(whole) * part)].ljust(len(whole), b"\0")):
        tree.file.write_bytes(broken)
        assert ["alone", "package", "inner"] == _values(tree.start())
        assert ["_Loader"] * 3 == _loaders(tree.start()), "the file was written anew"


def test_a_file_of_another_python_is_as_none(tree: Tree) -> None:
    tree.file.write_bytes(b"\1" + tree.file.read_bytes()[1:])
    assert [_PLAIN] * 3 == _loaders(tree.start())


def test_nothing_is_written_where_python_writes_nothing(tree: Tree) -> None:
    tree.file.unlink()
    assert [_PLAIN] * 3 == _loaders(tree.start(PYTHONDONTWRITEBYTECODE="1"))
    assert [] == list(tree.root.rglob("*.together"))


def test_what_was_compiled_of_an_older_source_is_not_taken(tree: Tree) -> None:
    _longer(tree)
    before = (
        "end = compiled.end\n"
        "compiled.end = lambda: (setattr(sys, 'dont_write_bytecode', False), end())\n"
        "sys.dont_write_bytecode = True"
    )
    for _ in range(2):
        assert ["another", "package", "inner"] == _values(tree.start(before))


def test_a_place_that_cannot_be_written_stops_nobody(tree: Tree) -> None:
    file = tree.file
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    assert ["alone", "package", "inner"] == _values(tree.start())
    assert [file] == list(file.parent.glob("*.together*")), "no draft stays"
