"""What a server imports before it forks: all that its children share, and nothing that it will never use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import clean_environment

_PROGRAM = """
import sys
from strongroom.app import Product
from strongroom.server.serve import serve
from strongroom.settings import load_settings

Product(load_settings({"data": sys.argv[1], "store": sys.argv[2]}, {})).preload()
print(*sys.modules)
"""
_NEVER = {"botocore", "boto3", "awslambdaric", "alembic", "pygments", "pkcs11"}
_PAGES = {"jinja2", "starlette"}
"""What the console's pages are made with: imported when the first is asked for."""
_ENGINES = {
    "sqlite": {"strongroom.kernel.storage.sqlite", "sqlalchemy.dialects.sqlite"},
    "postgresql": {"strongroom.kernel.storage.postgres", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"},
}


@pytest.mark.parametrize(("engine", "store"), [("sqlite", ""), ("postgresql", "postgresql://nobody@127.0.0.1/none")])
def test_a_start_imports_the_engine_of_its_store_and_no_other(engine: str, store: str, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _PROGRAM, str(tmp_path), store]
    done = subprocess.run(words, stdout=subprocess.PIPE, env=clean_environment(), check=True)
    found = set(done.stdout.decode().split())
    assert _ENGINES[engine] <= found
    if engine == "sqlite":
        assert set() == found & _ENGINES["postgresql"]
    assert set() == found & (_NEVER | _PAGES)
    assert [] == sorted(tmp_path.iterdir()), "nothing is opened or made"
