"""Functions run: stock boto3 makes and invokes them, AWS's runtime client runs them."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from strongroom.server.functions.process import left_to_functions
from tests.functions.packing import ECHO, PYTHON, invoke, make_function, make_role, zipped
from tests.inprocess import Account, InProcess


def told(call: Any, **params: Any) -> tuple[str, str]:
    """Code and text of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_function_answers_with_what_its_handler_returns_and_logs_what_it_prints(account: Account) -> None:
    client = account.client("lambda")
    make_function(account, "f", "def handler(e, c):\n    print('seen', e)\n    return {'twice': e['n'] * 2}\n")
    done = invoke(client, "f", {"n": 21})

    assert ({"twice": 42}, None) == (done.value, done.error)
    lines = done.log.splitlines()
    assert re.fullmatch(r"START RequestId: [0-9a-f-]{36} Version: \$LATEST", lines[0])
    assert "seen {'n': 21}" == lines[1]
    assert re.fullmatch(r"END RequestId: [0-9a-f-]{36}", lines[2])
    assert re.search(r"REPORT RequestId: \S+\tDuration: \S+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB", lines[3])


def test_a_process_is_kept_warm_for_its_function_and_ended_when_that_changes(account: Account) -> None:
    client = account.client("lambda")
    code = "import os\ncount = 0\ndef handler(e, c):\n    global count\n    count += 1\n    return count\n"
    make_function(account, "f", code)
    assert [1, 2, 3] == [invoke(client, "f").value for _ in range(3)]
    client.update_function_configuration(FunctionName="f", Description="changed")
    assert 1 == invoke(client, "f").value


def test_a_process_that_has_been_up_for_long_still_answers(account: Account, strongroom: InProcess) -> None:
    """However short its timeout: that counts from when an event is taken, not from when the process began."""
    client = account.client("lambda")
    code = "count = 0\ndef handler(e, c):\n    global count\n    count += 1\n    return count\n"
    make_function(account, "old", code, Timeout=1)
    assert 1 == invoke(client, "old").value
    for place in strongroom.runner.house._pool._places:  # type: ignore[union-attr]
        if place.process is not None:
            place.process._begun -= 3600
    answers = [invoke(client, "old") for _ in range(20)]
    assert [(number, None) for number in range(2, 22)] == [(one.value, one.error) for one in answers]


def test_a_function_leaves_a_processor_to_the_server_alone(account: Account) -> None:
    code = """
import os
def handler(e, c):
    return sorted(os.sched_getaffinity(0))
"""
    make_function(account, "beside", code)
    ours = sorted(os.sched_getaffinity(0))
    assert (ours[1:] or ours) == invoke(account.client("lambda"), "beside").value
    assert ours == sorted(os.sched_getaffinity(0))


def test_as_many_processors_are_left_to_functions_as_are_set() -> None:
    ours = sorted(os.sched_getaffinity(0))
    assert frozenset(ours[-1:]) == left_to_functions(1)
    assert frozenset(ours) == left_to_functions(len(ours)) == left_to_functions(4096)


def test_a_function_leaves_the_processor_to_the_server(account: Account) -> None:
    """Also where the kernel shares it out among sessions, of which every function is one (sched(7), autogroup).

    From Linux 6.12 on its turns are the longest there are, so that whoever wakes need not wait for their end.
    """
    code = """
import ctypes, os, struct
def turn():
    told, number = ctypes.create_string_buffer(48), {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, 0, told, 48, 0) == 0
    return struct.unpack("IIQiIQQQ", told.raw)[5]
def handler(e, c):
    try:
        group = open("/proc/self/autogroup").read().split()[-1]
    except OSError:
        group = None
    return [os.getpriority(os.PRIO_PROCESS, 0), group, turn()]
"""
    make_function(account, "behind", code)
    nice, group, turn = invoke(account.client("lambda"), "behind").value
    assert nice == min(19, 10 + os.getpriority(os.PRIO_PROCESS, 0))
    assert group in (None, "10")
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    assert turn == 100_000_000 or release < (6, 12)


def test_the_context_and_environment_are_lambdas(account: Account) -> None:
    """Source: facts lambda-and-others, section 1.5."""
    code = (
        "import os\n"
        "def handler(e, c):\n"
        "    return {'env': dict(os.environ), 'cwd': os.getcwd(),\n"
        "            'name': c.function_name, 'arn': c.invoked_function_arn, 'version': c.function_version,\n"
        "            'left': c.get_remaining_time_in_millis(), 'memory': c.memory_limit_in_mb,\n"
        "            'group': c.log_group_name, 'stream': c.log_stream_name, 'context': c.client_context.custom}\n"
    )
    made = make_function(account, "f", code, Environment={"Variables": {"COLOUR": "blue"}}, MemorySize=256)
    client = account.client("lambda")
    found = invoke(client, "f", ClientContext="eyJjdXN0b20iOnsiYSI6MX19").value

    env = found["env"]
    assert ("blue", "f", "$LATEST", "256") == (
        env["COLOUR"],
        env["AWS_LAMBDA_FUNCTION_NAME"],
        env["AWS_LAMBDA_FUNCTION_VERSION"],
        env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    )
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert ("/var/task", "/var/task", "us-east-1") == (env["LAMBDA_TASK_ROOT"], found["cwd"], env["AWS_REGION"])
    assert account.url == env["AWS_ENDPOINT_URL"] == env["SECRETS_MANAGER_ENDPOINT"]
    assert (made["FunctionArn"], "f", "$LATEST", "256") == (
        found["arn"],
        found["name"],
        found["version"],
        found["memory"],
    )
    assert 0 < found["left"] <= 10_000
    assert "/aws/lambda/f" == found["group"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found["stream"])
    assert {"a": 1} == found["context"]


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("def handler(e, c):\n    raise ValueError('no')\n", "ValueError", "no"),
        ("import gone\n", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'gone'"),
        ("x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(e, c):\n    return {1, 2}\n", "Runtime.MarshalError", "not JSON serializable"),
        ("import os\ndef handler(e, c):\n    os._exit(7)\n", "Runtime.ExitError", "exited with error: exit status 7"),
        ("import os\ndef handler(e, c):\n    os._exit(0)\n", "Runtime.ExitError", "exited without providing a reason"),
        (
            "import time\ndef handler(e, c):\n    time.sleep(60)\n",
            "Sandbox.Timedout",
            "Task timed out after 1.00 seconds",
        ),
    ],
)  # fmt: skip
def test_a_failure_is_told_as_lambda_tells_it(account: Account, code: str, kind: str, text: str) -> None:
    """Source: facts lambda-and-others, section 1.3."""
    make_function(account, "f", code, Timeout=1)
    done = invoke(account.client("lambda"), "f", {})
    assert ("Unhandled", kind) == (done.error, done.value["errorType"])
    assert text in done.value["errorMessage"]


def test_after_a_timeout_the_next_event_finds_a_new_process(account: Account) -> None:
    code = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'\n"
    make_function(account, "f", code, Timeout=1)
    client = account.client("lambda")
    assert "Unhandled" == invoke(client, "f", 30).error
    assert "done" == invoke(client, "f", 0).value


def test_what_is_no_json_is_refused_and_what_is_empty_is_an_empty_object(account: Account) -> None:
    make_function(account, "f", ECHO)
    client = account.client("lambda")
    code, text = told(client.invoke, FunctionName="f", Payload=b"{no")
    assert ("InvalidRequestContentException", True) == (
        code,
        text.startswith("Could not parse request body into json: Could not parse payload into json"),
    )
    assert {} == json.loads(client.invoke(FunctionName="f")["Payload"].read())


def test_a_dry_run_runs_nothing(account: Account) -> None:
    make_function(account, "f", "raise SystemExit\n")
    answer = account.client("lambda").invoke(FunctionName="f", InvocationType="DryRun")
    assert (204, b"") == (answer["StatusCode"], answer["Payload"].read())


def test_an_unknown_function_is_told_by_its_arn(account: Account) -> None:
    arn = f"arn:aws:lambda:us-east-1:{account.id}:function:never"
    assert ("ResourceNotFoundException", f"Function not found: {arn}") == told(
        account.client("lambda").invoke, FunctionName="never"
    )


@pytest.mark.parametrize(
    "form", ["f", "f:$LATEST", "{a}:function:f", "{a}:f", "function:f", "arn:aws:lambda:us-east-1:{a}:function:f"]
)
def test_a_function_is_known_by_every_form_of_its_name(account: Account, form: str) -> None:
    """Source: facts lambda-and-others, section 1.1."""
    make_function(account, "f", ECHO)
    assert "x" == invoke(account.client("lambda"), form.format(a=account.id), "x").value


def test_many_invocations_at_once_wait_for_a_place(account: Account) -> None:
    """Six places, nine events at once: each gets its own answer."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    make_function(account, "f", "import time\ndef handler(e, c):\n    time.sleep(0.05)\n    return e\n")
    client = account.client("lambda")
    with ThreadPoolExecutor(9) as threads:
        found = list(threads.map(lambda n: invoke(client, "f", n).value, range(9)))
    assert list(range(9)) == found


def test_reserved_concurrency_bounds_how_many_run(account: Account) -> None:
    make_function(account, "f", ECHO)
    client = account.client("lambda")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert ("TooManyRequestsException", "Rate Exceeded.") == told(client.invoke, FunctionName="f")
    assert {"ReservedConcurrentExecutions": 0} == client.get_function(FunctionName="f")["Concurrency"]
    client.delete_function_concurrency(FunctionName="f")
    assert 1 == invoke(client, "f", 1).value


def test_layers_are_unpacked_in_order_and_found_by_python(account: Account) -> None:
    client = account.client("lambda")
    layers = [
        client.publish_layer_version(
            LayerName=name, Content={"ZipFile": zipped({f"python/{name}.py": f"x = '{name}'"})}
        )
        for name in ("one", "two")
    ]
    make_function(
        account,
        "f",
        "import one, two\ndef handler(e, c):\n    return [one.x, two.x]\n",
        Layers=[layer["LayerVersionArn"] for layer in layers],
    )
    assert ["one", "two"] == invoke(client, "f").value


def test_a_file_that_may_be_executed_is_executable_from_the_working_directory(account: Account) -> None:
    """AWS's templates run ./kinit so. Source: facts rotation, section 1."""
    code = (
        "import subprocess\ndef handler(e, c):\n"
        "    return subprocess.run(['./say.sh'], capture_output=True).stdout.decode()\n"
    )
    account.client("lambda").create_function(
        FunctionName="f",
        Role=make_role(account),
        Runtime=PYTHON,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": code, "say.sh": "#!/bin/sh\necho said\n"})},
    )
    assert "said\n" == invoke(account.client("lambda"), "f").value
