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
_HELP = """
from __future__ import annotations
import argparse, contextlib, gc, importlib, locale, shutil, sys, textwrap, typing

before = set(sys.modules)
import strongroom.cli

with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    strongroom.cli.main(["--help"])
print(*set(sys.modules) - before)
"""
_HALVES = """
import sys
from strongroom.app import Product
from strongroom.server.serve import _import_the_rest
from strongroom.settings import load_settings

product = Product(load_settings({"data": sys.argv[1], "tls": "off"}, {}))
print(*sys.modules)
_import_the_rest(product, 0o077)
print(*sys.modules)
"""
_CALLS = """
import sys
from pathlib import Path
from strongroom.app import Product
from strongroom.server.serve import _import_the_rest
from strongroom.settings import load_settings

_import_the_rest(Product(load_settings({"data": sys.argv[1], "tls": "off"}, {})), 0o077)
ready = set(sys.modules)

from tests.inprocess import InProcess

served = InProcess(Path(sys.argv[1], "data"))
account = served.account()
secrets, keys = account.client("secretsmanager"), account.client("kms")
secrets.create_secret(Name=sys.argv[2], SecretString="value", Tags=[{"Key": "of", "Value": "test"}])
secrets.put_secret_value(SecretId=sys.argv[2], SecretString="other")
secrets.get_secret_value(SecretId=sys.argv[2])
secrets.batch_get_secret_value(SecretIdList=[sys.argv[2]])
secrets.describe_secret(SecretId=sys.argv[2])
secrets.list_secrets()
secrets.update_secret(SecretId=sys.argv[2], Description="described")
secrets.delete_secret(SecretId=sys.argv[2])
sealed = keys.encrypt(KeyId=keys.create_key()["KeyMetadata"]["KeyId"], Plaintext=b"text")
keys.decrypt(CiphertextBlob=sealed["CiphertextBlob"])
account.client("sts").get_caller_identity()
account.client("iam").list_users()
served.close()
ours = ("strongroom", "sqlalchemy", "cryptography", "httptools", "orjson")
new = {name for name in set(sys.modules) - ready if name.split(".")[0] in ours}
print(*(name for name in new if not name.startswith("strongroom.kernel.storage.migrations")))  # a child's affair
"""
_LIBRARIES = {
    "click",
    "cryptography",
    "httptools",
    "orjson",
    "sqlalchemy",
    "strongroom",
    "typing_extensions",
    "uvicorn",
    "uvloop",
}
"""All that a start may import beside Python's own. Whoever adds one makes every start wait for it."""
_WITHOUT_FILES = {"cython_runtime", "sitecustomize"}
_LATER = {
    "click",
    "httptools",
    "multiprocessing",
    "strongroom.app.runner",
    "strongroom.app.worker",
    "strongroom.server.asgi",
    "strongroom.server.supervisor",
    "strongroom.services.secretsmanager.operations",
    "uvicorn",
    "uvloop",
}
"""What is imported while a child prepares the store, and not before."""
_UNUSED = {
    "ctypes.util",
    "cryptography.x509",
    "getpass",
    "html",
    "http.client",
    "http.server",
    "pdb",
    "pydoc",
    "sqlalchemy.ext",
    "sqlalchemy.orm",
    "strongroom.console.pages",
    "strongroom.console.site",
    "strongroom.rotations",
    "strongroom.server.otlp",
    "unittest",
    "urllib.request",
    "xml",
}
"""What a server on plain HTTP does without until somebody asks for what needs it."""
_NEVER = {"botocore", "boto3", "awslambdaric", "alembic", "pygments", "pkcs11"}
_PAGES = {"jinja2", "starlette"}
"""What the console's pages are made with: imported when the first is asked for."""
_ENGINES = {
    "sqlite": {"strongroom.kernel.storage.sqlite", "sqlalchemy.dialects.sqlite"},
    "postgresql": {"strongroom.kernel.storage.postgres", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"},
}


@pytest.mark.parametrize(("engine", "store"), [("sqlite", ""), ("postgresql", "postgresql://nobody@127.0.0.1/none")])
def test_a_start_imports_the_engine_of_its_store_and_no_other(engine: str, store: str, tmp_path: Path) -> None:
    [found] = _told(_PROGRAM, str(tmp_path), store)
    assert _ENGINES[engine] <= found
    if engine == "sqlite":
        assert set() == found & _ENGINES["postgresql"]
    assert set() == found & (_NEVER | _PAGES)
    assert [] == sorted(tmp_path.iterdir()), "nothing is opened or made"


def test_help_needs_nothing_but_the_names_of_the_commands() -> None:
    assert [{"strongroom", "strongroom.cli", "strongroom.cli.commands"}] == _told(_HELP)


def test_a_start_imports_no_library_that_is_not_known_here(tmp_path: Path) -> None:
    _, found = _told(_HALVES, str(tmp_path))
    libraries = {name.split(".")[0] for name in found if not name.startswith("_")}
    assert _LIBRARIES == libraries - sys.stdlib_module_names - _WITHOUT_FILES
    assert set() == found & _UNUSED


def test_the_store_is_prepared_before_what_only_workers_need_is_imported(tmp_path: Path) -> None:
    before, found = _told(_HALVES, str(tmp_path))
    assert set() == before & _LATER
    assert found >= _LATER


def test_the_first_calls_import_nothing_more(tmp_path: Path) -> None:
    _told(_CALLS, str(tmp_path), "first")  # makes the store, which imports what makes tables
    assert [set()] == _told(_CALLS, str(tmp_path), "second")


def _told(program: str, *words: str) -> list[set[str]]:
    """The modules that each line of a program's output names."""
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=clean_environment(), check=True)
    return [set(line.split()) for line in done.stdout.decode().split("\n")[:-1]]
