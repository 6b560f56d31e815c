"""``strongroom function build``: a zip or a layer with the right packages for the right Python, its imports checked.

The table of packages answers the question that costs users most: which package an import means. ``import pg`` is
PyGreSQL; the package that is named pg is another.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, command, show
from strongroom.server.parts import StartRefused

DRIVERS = {
    "pg": "PyGreSQL",
    "pgdb": "PyGreSQL",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pymysql": "PyMySQL",
    "redis": "redis",
    "ldap3": "ldap3",
    "paramiko": "paramiko",
    "requests": "requests",
    "pymongo": "pymongo",
    "oracledb": "oracledb",
    "pymssql": "pymssql",
    "ibm_db": "ibm_db",
    "influxdb_client": "influxdb-client",
}
"""What an import means, where a directory has no requirements.txt. Source: facts rotation, sections 1 and 3."""

UNPACKED_BYTES = 262_144_000
ZIPPED_BYTES = 52_428_800
_PIP_SECONDS = 900
_CHECK_SECONDS = 120
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".venv", "*.zip", "requirements.txt", "wheels")
_EPOCH = (1980, 1, 1, 0, 0, 0)

# Asked of the function's own Python: which of these modules cannot be found, and which are there and do not import.
_CHECK = """
import importlib, importlib.util, json, os, sys
root, found, tried, extra = json.loads(sys.argv[1])
sys.path[:0] = [root, *extra]
missing = [name for name in found if name not in sys.stdlib_module_names and importlib.util.find_spec(name) is None]
broken = {}
for name in tried:
    if name not in missing:
        try:
            importlib.import_module(name)
        except Exception as error:
            broken[name] = f"{type(error).__name__}: {error}"
print(json.dumps([f"{sys.version_info[0]}.{sys.version_info[1]}", missing, broken]))
"""
_RUNTIME = """
import importlib.util, json, os
specs = [importlib.util.find_spec(name) for name in ("awslambdaric", "boto3")]
print(json.dumps(sorted({os.path.dirname(os.path.dirname(one.origin)) for one in specs if one and one.origin})))
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "function",
        run,
        does=DOES["function"],
        example="strongroom function build ./rotate-db\n  strongroom function build ./drivers --layer",
    )
    made.add_argument("action", choices=("build",))
    made.add_argument("directory", metavar="DIR", help="the code; requirements.txt in it names packages")
    made.add_argument("--output", metavar="FILE", help="default DIR.zip")
    made.add_argument("--layer", action="store_true", help="make a layer: everything below python/")
    made.add_argument(
        "--python", metavar="PATH", default=sys.executable, help="the function's Python (default: the server's)"
    )


def run(given: argparse.Namespace) -> int:
    """Build; 1 where an import would fail."""
    source = Path(given.directory).resolve()
    if not source.is_dir():
        raise StartRefused(f"{given.directory} is not a directory")
    output = Path(given.output or f"{source}.zip")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        shutil.copytree(source, root, ignore=_LEFT_OUT)
        own = modules_of(root)
        wanted = requirements_of(source, own)
        if wanted:
            install(given.python, root, wanted, source)
        version, missing, broken = check(given.python, root, own)
        size = pack(root, output, prefix="python/" if given.layer else "")
    wrong = [f"no module named {name}: name its package in requirements.txt" for name in missing]
    wrong += [f"{name} does not import: {reason}" for name, reason in sorted(broken.items())]
    told = {"file": str(output), "python": version, "bytes": size, "packages": wanted, "wrong": wrong}
    show(given, told, "\n".join([f"{output}: {size} bytes, for python{version}", *(f"  {text}" for text in wrong)]))
    return 1 if wrong else 0


def modules_of(root: Path) -> list[str]:
    """The first parts of all that the directory's own files import, but for its own modules, sorted.

    Raises StartRefused for a file that is no Python.
    """
    names: set[str] = set()
    for file in sorted(root.rglob("*.py")):
        try:
            tree = ast.parse(file.read_bytes(), str(file))
        except SyntaxError as error:
            raise StartRefused(f"{file.relative_to(root)} is no Python: line {error.lineno}") from None
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    own = {path.stem for path in root.iterdir()}
    return sorted(names - own - {"__future__"})


def requirements_of(source: Path, imported: Iterable[str]) -> list[str]:
    """The packages to install: those of requirements.txt, else those that known imports mean."""
    listed = source / "requirements.txt"
    if listed.is_file():
        return ["-r", str(listed)]
    return sorted({DRIVERS[name] for name in imported if name in DRIVERS})


def install(python: str, root: Path, wanted: Sequence[str], source: Path) -> None:
    """Have the function's own Python fetch and build what fits it. Raises StartRefused with pip's last words."""
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    done = _ran([*words, "--target", str(root), *wanted], seconds=_PIP_SECONDS, at=source)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise StartRefused(f"pip could not install {' '.join(wanted)}: {said[-1] if said else 'it does not say why'}")


def check(python: str, root: Path, imported: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
    """Whether what the code imports is there, and whether what was installed can be imported by this Python.

    The directory's own modules are not run: their code is for the function. Raises StartRefused.
    """
    installed = [name for name in imported if (root / name).exists() or any(root.glob(f"{name}.*"))]
    extra: list[str] = json.loads(_ran([python, "-I", "-c", _RUNTIME], seconds=_CHECK_SECONDS, at=root).stdout or "[]")
    asked = json.dumps([str(root), list(imported), installed, extra])
    done = _ran([python, "-I", "-B", "-c", _CHECK, asked], seconds=_CHECK_SECONDS, at=root)
    try:
        version, missing, broken = json.loads(done.stdout)
    except ValueError:
        raise StartRefused(f"{python} could not check the imports: {done.stderr.strip()[-200:]}") from None
    return version, missing, broken


def pack(root: Path, output: Path, *, prefix: str) -> int:
    """Write the zip, the same bytes for the same files; its size. Raises StartRefused where Lambda would."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    total = sum(path.stat().st_size for path in files)
    if total >= UNPACKED_BYTES:
        raise StartRefused(f"unpacked it has {total} bytes; it must be smaller than {UNPACKED_BYTES}")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{prefix}{path.relative_to(root).as_posix()}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.stat().st_mode & 0o111 else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    size = output.stat().st_size
    if size > ZIPPED_BYTES:
        raise StartRefused(f"zipped it has {size} bytes; it must be smaller than {ZIPPED_BYTES}")
    return size


def _ran(words: Sequence[str], *, seconds: float, at: Path) -> subprocess.CompletedProcess[str]:
    """Run the function's Python. It has nothing of ours but what pip needs to find its packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
    try:
        return subprocess.run(  # noqa: S603  the operator names the interpreter
            words,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
            env=kept,
            cwd=at,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StartRefused(f"{words[0]} does not run: {type(error).__name__}") from None
