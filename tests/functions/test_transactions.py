"""No function is called inside a transaction: not by Invoke, and not by whoever asks for it on the way.

Source: DESIGN.md, "Writes on SQLite"; decision 0033.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.functions.packing import ECHO, invoke, make_function, make_role
from tests.inprocess import Account, InProcess


def test_an_invocation_asked_for_inside_a_transaction_is_a_bug_and_not_a_wait(
    account: Account, strongroom: InProcess
) -> None:
    arn = make_function(account, "f", ECHO)["FunctionArn"]
    account.client("lambda").add_permission(
        FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    engine: Any = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    chain = engine.chain
    asking = chain.unasked(
        chain.service("secretsmanager.amazonaws.com"), "secretsmanager", "RotateSecret", region="us-east-1"
    )
    with engine.store.read() as tx:
        dry = chain.ask(asking, tx, "lambda", "Invoke", {"FunctionName": arn, "InvocationType": "DryRun"})
        with pytest.raises(RuntimeError, match="was asked inside a transaction"):
            chain.ask(asking, tx, "lambda", "Invoke", {"FunctionName": arn})
    assert {"StatusCode": 204} == dry


def test_while_a_function_runs_others_write_and_it_may_call_back(account: Account) -> None:
    """The function writes a secret before it answers: a held writer's place would wait for itself."""
    code = (
        "import boto3\n"
        "def handler(e, c):\n"
        "    return boto3.client('secretsmanager').create_secret(Name='from-inside', SecretString='x')['Name']\n"
    )
    writes = make_role(account, "writes", {"Action": "secretsmanager:CreateSecret", "Resource": "*"})
    make_function(account, "f", code, writes)
    assert "from-inside" == invoke(account.client("lambda"), "f").value
