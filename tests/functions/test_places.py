"""Places for processes: kept warm, given to others where they are short, emptied when they idle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.functions.packing import invoke, make_function, make_role
from tests.inprocess import InProcess

TELLS = "import os, time\nborn = time.time()\ndef handler(e, c):\n    return [c.function_name, born]\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """Two places, and little patience with those who idle."""
    server = InProcess(tmp_path_factory.mktemp("small") / "data", function_processes=2, function_idle=1.5)
    yield server
    server.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_more_functions_than_places_take_turns_and_idle_ones_end(small: InProcess) -> None:
    account = small.account()
    client, role = account.client("lambda"), make_role(account)
    for name in ("a", "b", "c"):
        make_function(account, name, TELLS, role)
    first = invoke(client, "a").value
    assert first == invoke(client, "a").value  # the same process
    for name in ("b", "c", "a", "b"):
        assert name == invoke(client, name).value[0]
        assert small.runner.house.processes <= 2
    assert first != invoke(client, "a").value
    until(lambda: small.runner.house.processes == 0)
    assert "a" == invoke(client, "a").value[0]


def test_functions_of_two_roles_share_no_process(small: InProcess) -> None:
    account = small.account()
    client = account.client("lambda")
    make_function(account, "f", TELLS, make_role(account, "one"))
    before = invoke(client, "f").value
    client.update_function_configuration(FunctionName="f", Role=make_role(account, "two"))
    assert before != invoke(client, "f").value
    assert small.runner.house.processes <= 1 + 1


def test_a_function_that_waits_for_itself_is_throttled_and_not_hung(small: InProcess) -> None:
    """Three deep in two places: the third has none."""
    account = small.account()
    role = make_role(account, "calls", {"Action": "lambda:InvokeFunction", "Resource": "*"})
    code = (
        "import boto3, json\n"
        "from botocore.config import Config\n"
        "client = boto3.client('lambda', config=Config(retries={'total_max_attempts': 1}, read_timeout=50))\n"
        "def handler(e, c):\n"
        "    if e == 0:\n"
        "        return 'deep'\n"
        "    try:\n"
        "        return json.loads(client.invoke(FunctionName='f', Payload=str(e - 1))['Payload'].read())\n"
        "    except Exception as error:\n"
        "        return type(error).__name__\n"
    )
    make_function(account, "f", code, role, Timeout=25)
    client = account.client("lambda")
    assert "deep" == invoke(client, "f", 1).value
    assert "TooManyRequestsException" == invoke(client, "f", 2).value
