"""Migrations: from nothing to what is declared, on both engines, once, and never backwards."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from tools.new_migration import declared

from strongroom.kernel.storage import migrations
from strongroom.kernel.storage.errors import SchemaMismatch
from strongroom.kernel.storage.migrations import migrate, on_postgres, on_sqlite, upgrade, version
from strongroom.kernel.storage.open import open_store, sqlite_path
from strongroom.kernel.storage.schema import METADATA, tell_partial
from tests.exercise.things import process

MIGRATOR = """
import sys
from strongroom.kernel.storage.migrations import migrate
print("ready", flush=True)
sys.stdin.readline()
print(len(migrate(sys.argv[1])), flush=True)
"""


def differences(place: str) -> list[object]:
    """What Alembic finds different between a store and the declared tables."""
    path = sqlite_path(place)
    with on_postgres.locked(place) if path is None else on_sqlite.locked(path) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
        found: list[object] = compare_metadata(context, tell_partial(METADATA))
    return found


def test_a_migrated_store_has_exactly_the_declared_tables(place: str) -> None:
    declared()
    assert [] == differences(place)


def test_an_empty_place_becomes_a_store_in_one_step(empty_place: str) -> None:
    assert version(empty_place) is None
    assert 1 == len(migrate(empty_place))
    assert migrations.HEAD == version(empty_place)
    store = open_store(empty_place)
    with store.write() as tx:
        tx.raise_generation("1", "iam")
    store.close()


def test_a_store_at_head_is_left_alone(place: str) -> None:
    assert () == migrate(place)


def test_processes_that_start_together_migrate_once(empty_place: str) -> None:
    with process(MIGRATOR, empty_place) as one, process(MIGRATOR, empty_place) as two:
        both = [(each.stdin, each.stdout) for each in (one, two)]
        for _, out in both:
            assert out is not None and "ready\n" == out.readline()
        for into, _ in both:
            assert into is not None
            into.write("go\n")
        for _, out in both:
            assert out is not None and out.readline() in {"0\n", "1\n"}
        assert [0, 0] == [each.wait(20) for each in (one, two)]
    assert migrations.HEAD == version(empty_place)
    declared()
    assert [] == differences(empty_place)


def test_a_store_of_a_newer_program_is_refused_in_one_sentence(place: str) -> None:
    store = open_store(place)
    with store.write() as tx:
        tx.run(text("UPDATE kernel_migration SET version_num = '9999'"))
    store.close()
    said = r"^The store was written by a newer Strongroom \(schema 9999\); .*\.$"
    with pytest.raises(SchemaMismatch, match=said):
        migrate(place)
    assert "9999" == version(place)


def test_a_step_that_fails_leaves_nothing(empty_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(config: object, to: str) -> None:
        real(config, to)  # type: ignore[arg-type]
        raise ZeroDivisionError

    real = command.upgrade
    monkeypatch.setattr(command, "upgrade", half)
    with pytest.raises(ZeroDivisionError):
        migrate(empty_place)
    monkeypatch.undo()
    assert version(empty_place) is None
    assert 1 == len(migrate(empty_place))


def test_a_start_at_head_imports_no_alembic(place: str) -> None:
    program = (
        "import sys\nfrom strongroom.kernel.storage.migrations import migrate\n"
        "assert () == migrate(sys.argv[1])\n"
        "assert 'alembic' not in sys.modules, 'alembic was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program, place], env={"PYTHONPATH": "src"}, check=False)
    assert 0 == done.returncode


def test_head_is_the_last_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(upgrade.HERE))
    assert migrations.HEAD == scripts.get_current_head()
    numbered = sorted(path.name for path in Path(upgrade.HERE / "versions").glob("m*.py"))
    assert [f"m{at:04d}_" for at in range(1, len(numbered) + 1)] == [name[:6] for name in numbered]
    assert re.fullmatch(r"\d{4}", migrations.HEAD)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_every_text_column_on_postgresql_sorts_by_its_bytes(place: str) -> None:
    store = open_store(place)
    with store.read() as tx:
        others = tx.rows(
            text(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
            )
        )
    store.close()
    assert [] == others
