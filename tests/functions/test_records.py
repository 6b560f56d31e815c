"""What the journal says of functions: who invoked what, as whom it ran; and nothing of what went in or out."""

from __future__ import annotations

from tests.functions.packing import invoke, make_function, make_role
from tests.inprocess import Account, InProcess
from tests.journals import Entry, entries
from tests.processes.canaries import canary

WRITES_LOGS = {"Action": "logs:*", "Resource": "*"}


def records(strongroom: InProcess, account: Account) -> list[Entry]:
    """The records of one account."""
    found = entries(strongroom.settings.data)
    return [entry for entry in found if account.id in str(entry.event)]


def test_an_invocation_is_recorded_and_so_is_the_session_that_it_ran_with(
    account: Account, strongroom: InProcess
) -> None:
    arn = make_function(account, "f", "def handler(e, c):\n    return e\n", make_role(account, "runs"))["FunctionArn"]
    invoke(account.client("lambda"), "f", 1)
    found = {entry.name: entry.event for entry in records(strongroom, account)}

    invoked = found["Invoke"]
    assert ("lambda.amazonaws.com", False, {"functionName": "f", "logType": "Tail"}) == (
        invoked["eventSource"],
        invoked["readOnly"],
        invoked["requestParameters"],
    )
    assumed = next(
        entry.event
        for entry in records(strongroom, account)
        if entry.name == "AssumeRole" and entry.event["userIdentity"]["type"] == "AWSService"
    )
    assert "lambda.amazonaws.com" == assumed["userIdentity"]["invokedBy"] == assumed["sourceIPAddress"]
    assert {"roleArn": f"arn:aws:iam::{account.id}:role/runs", "roleSessionName": "f"} == {
        name: assumed["requestParameters"][name] for name in ("roleArn", "roleSessionName")
    }
    assert arn == found["CreateFunction"]["responseElements"]["functionArn"]


def test_no_record_repeats_code_environment_payload_or_lines(account: Account, strongroom: InProcess) -> None:
    words = [canary() for _ in range(4)]
    role = make_role(account, "writes", WRITES_LOGS)
    code = f"x = '{words[0]}'\ndef handler(e, c):\n    print('{words[1]}')\n    return e\n"
    make_function(account, "f", code, role, Environment={"Variables": {"WORD": words[2]}})
    invoke(account.client("lambda"), "f", words[3])
    account.client("logs").filter_log_events(logGroupName="/aws/lambda/f", filterPattern=words[1])
    found = records(strongroom, account)
    assert {"CreateFunction", "Invoke", "PutLogEvents", "FilterLogEvents"} <= {entry.name for entry in found}
    assert [] == [word for word in words if word in str([entry.event for entry in found])]
