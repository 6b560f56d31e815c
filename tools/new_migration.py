"""Write the next migration from the difference between the declared tables and the last step.

    python tools/new_migration.py "secrets know their replicas"

``--rewrite`` writes the first step anew from nothing; only while no release holds it.
The file is a proposal: read it, and add what moves data. Then a test compares both engines with the
declarations.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import re
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

import strongroom.services
from strongroom.console import store as console_store
from strongroom.kernel.storage import migrations
from strongroom.kernel.storage.migrations import on_sqlite, upgrade
from strongroom.kernel.storage.schema import METADATA, tell_partial

VERSIONS = upgrade.HERE / "versions"
TEMPLATE = '''"""{title}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    """Make the change."""
    {body}
'''


def declared() -> None:
    """Import the ``store`` of every room, file or directory, so that METADATA holds all tables."""
    _ = console_store.session
    for room in pkgutil.iter_modules(strongroom.services.__path__):
        name = f"strongroom.services.{room.name}.store"
        if importlib.util.find_spec(name) is None:
            continue
        store = importlib.import_module(name)
        for part in pkgutil.iter_modules(getattr(store, "__path__", ())):
            importlib.import_module(f"{name}.{part.name}")


def difference(reached: str | None) -> str:
    """The body of ``upgrade()``: what a store at ``reached`` lacks."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        if reached is not None:
            upgrade.upgrade(f"sqlite:{path}")
        with on_sqlite.locked(path) as connection:
            context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
            proposed = produce_migrations(context, tell_partial(METADATA))
            if proposed.upgrade_ops is None or proposed.upgrade_ops.is_empty():
                sys.exit("The declared tables are those of the last step: nothing to write.")
            return render_python_code(proposed.upgrade_ops, render_as_batch=reached is not None)


def body_of(code: str) -> str:
    """The generated statements without Alembic's own remarks."""
    return "\n".join(line for line in code.splitlines() if not line.strip().startswith("# ###")).strip()


def main() -> None:
    """Write the file and move HEAD."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("title", help="what the step does, in a few words")
    parser.add_argument("--rewrite", action="store_true", help="write step 0001 anew from nothing")
    wanted = parser.parse_args()
    declared()
    last = None if wanted.rewrite else migrations.HEAD
    revision = f"{int(last or '0') + 1:04d}"
    if wanted.rewrite:
        for old in VERSIONS.glob("m0001_*.py"):
            old.unlink()
    slug = re.sub(r"[^a-z0-9]+", "_", wanted.title.lower()).strip("_")
    target = VERSIONS / f"m{revision}_{slug}.py"
    body = body_of(difference(last))
    down = "None" if last is None else f'"{last}"'
    title = wanted.title[:1].upper() + wanted.title[1:].rstrip(".")
    target.write_text(TEMPLATE.format(title=title, revision=revision, down=down, body=body))
    package = Path(migrations.__file__)
    moved = re.sub(r'^HEAD = "\d+"', f'HEAD = "{revision}"', package.read_text(), flags=re.MULTILINE)
    package.write_text(moved)
    print(f"Wrote {target}. Read it, format it, and run tests/exercise/test_migrations.py.")


if __name__ == "__main__":
    main()
