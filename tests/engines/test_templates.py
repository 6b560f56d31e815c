"""Functions of the call shapes of AWS's rotation templates run whole cycles, with their own drivers and TLS.

Source: facts rotation, section 1: calls, environment, layout, certificates. The code is this test's own.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.engines.rotating import Rotating
from tests.functions.packing import PYTHON, make_role
from tests.inprocess import InProcess
from tests.targets.mariadb import MariaDBTarget
from tests.targets.postgresql import PostgreSQLTarget

PLACE = Path(sys.prefix, "share", "strongroom", "templates")
HERE = Path(__file__).parent / "templates"
DRIVERS = {"postgresql": "PyGreSQL", "mariadb": "PyMySQL"}


@pytest.fixture(scope="module")
def trusting(
    tmp_path_factory: pytest.TempPathFactory, postgres_target: PostgreSQLTarget, mariadb_target: MariaDBTarget
) -> Iterator[InProcess]:
    """A server whose functions trust the authorities of both databases."""
    place = tmp_path_factory.mktemp("trusting")
    (place / "own.pem").write_text(postgres_target.authority + mariadb_target.authority)
    server = InProcess(place / "data", function_processes=4, function_authorities=(str(place / "own.pem"),))
    yield server
    server.close()


def packed(target: str) -> bytes:
    """The function of a target, with its driver at the task root."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(HERE / "skeleton.py", "lambda_function.py")
        archive.write(HERE / f"{target}.py", "target.py")
        archive.writestr("beside.txt", "beside")
        (driver,) = metadata.distributions(name=DRIVERS[target], path=[str(PLACE)])
        for file in driver.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                archive.write(str(driver.locate_file(file)), file.as_posix())
    return made.getvalue()


@pytest.mark.parametrize("ssl", [None, True, False])
@pytest.mark.parametrize("kind", sorted(DRIVERS))
def test_a_function_of_their_shape_rotates_twice(
    trusting: InProcess,
    postgres_target: PostgreSQLTarget,
    mariadb_target: MariaDBTarget,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    ssl: bool | None,
) -> None:
    if not PLACE.is_dir():
        pytest.skip("PyGreSQL was not built: gcc and libpq-dev are needed (make test installs them)")
    target: Any = postgres_target if kind == "postgresql" else mariadb_target
    rotating = Rotating(trusting.account(), monkeypatch)
    value = target.make_user(f"template {ssl}", "first")
    del value["ca"]
    if ssl is not None:
        value["ssl"] = ssl
    rotating.make("db", value)
    allow = {"Action": ["secretsmanager:*", "logs:*"], "Resource": "*"}
    client = rotating.account.client("lambda")
    function = client.create_function(
        FunctionName="template",
        Role=make_role(rotating.account, "template", allow),
        Runtime=PYTHON,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": packed(kind)},
        Timeout=60,
        Environment={"Variables": {"PASSWORD_LENGTH": "24", "EXCLUDE_PUNCTUATION": "true"}},
    )["FunctionArn"]
    client.add_permission(
        FunctionName="template",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=rotating.account.id,
    )
    token = rotating.secrets.rotate_secret(SecretId="db", RotationLambdaARN=function)["VersionId"]
    rotating.wait("db", token)
    second = rotating.read("db")
    assert (24, True) == (len(second["password"]), second["password"].isalnum())
    third = rotating.rotate("db")
    assert [True, False, False] == [target.opens(one) for one in (third, second, value)]
    assert [ssl is not False, ssl is False] == [
        f"connected with ssl={one}" in rotating.said("db") for one in (True, False)
    ]
