"""A second version of Python runs functions beside the server's own: each in the one that its runtime names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.deployment import ROOT
from tests.functions.packing import PYTHON, invoke, make_function
from tests.inprocess import InProcess

OTHER = ROOT / ".venv-functions" / "bin" / "python"
TELL = """
import boto3, json, sys
def handler(event, context):
    return [list(sys.version_info[:2]), boto3.__version__, context.function_name]
"""

pytestmark = pytest.mark.skipif(
    not OTHER.exists(), reason="no second version of Python is on this machine (`make test` looks for one)"
)


def runtime_of(python: Path) -> str:
    """The name of its runtime, from the interpreter itself."""
    said = subprocess.run(
        [python, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


@pytest.fixture(scope="module")
def strongroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose settings name the other interpreter."""
    server = InProcess(tmp_path_factory.mktemp("two-pythons") / "data", function_pythons=(str(OTHER),))
    yield server
    server.close()


def test_each_function_runs_in_the_version_that_it_names(strongroom: InProcess) -> None:
    account, other = strongroom.account(), runtime_of(OTHER)
    assert other != PYTHON
    client = account.client("lambda")
    for name, runtime in (("own", PYTHON), ("other", other)):
        make_function(account, name, TELL, Runtime=runtime)
        done = invoke(client, name)
        assert done.error is None, done.value
        assert f"python{'.'.join(map(str, done.value[0]))}" == runtime
        assert name == done.value[2]
    client.update_function_configuration(FunctionName="own", Runtime=other)
    assert f"python{'.'.join(map(str, invoke(client, 'own').value[0]))}" == other


def test_what_is_not_offered_is_refused_by_the_names_that_are(strongroom: InProcess) -> None:
    with pytest.raises(ClientError) as refused:
        make_function(strongroom.account(), "f", TELL, Runtime="python3.9")
    error = refused.value.response["Error"]
    assert "InvalidParameterValueException" == error["Code"]
    assert {PYTHON, runtime_of(OTHER)} <= set(re.findall(r"python3\.\d+", error["Message"]))
