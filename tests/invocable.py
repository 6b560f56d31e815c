"""Functions as a rotation's configuration needs them: there, and invocable by whom their policies name.

Stands in for Lambda's own room where a test is about the asking, not about the running: it answers a dry run of
Invoke by the function's resource policy, and nothing else. No function runs.
"""

from __future__ import annotations

import json
from typing import Any

from strongroom.app import Facts, Product
from strongroom.kernel.authz.document import Document, DocumentKind, load_document
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.registry import Mode, Registry, Room
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction

ROTATOR = "secretsmanager.amazonaws.com"


class LambdaError(ServiceError, service="lambda"):
    """Base of what Invoke may answer with."""


class ResourceNotFoundException(LambdaError):
    """No such function."""


class WithFunctions(Product):
    """The product, with functions that tests make."""

    functions: dict[str, Document | None]

    def function(self, account: str, name: str = "rotator", region: str = "us-east-1", **statement: Any) -> str:
        """A function's ARN; ``statement`` is its policy's one statement, by default for Secrets Manager."""
        arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
        told = {
            "Effect": "Allow",
            "Principal": {"Service": ROTATOR},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
        } | statement
        text = json.dumps({"Version": "2012-10-17", "Statement": [told]})
        self.functions[arn] = load_document(text, DocumentKind.RESOURCE, arn)
        return arn

    def registry(self, facts: Facts, keyring: Keyring) -> Registry:
        """All rooms, and this one."""
        found = super().registry(facts, keyring)
        functions = self.functions = getattr(self, "functions", {})
        room = Room("lambda")

        def locate(call: Call, tx: Transaction) -> Target:
            arn = call["FunctionName"]
            missing = ResourceNotFoundException(f"Function not found: {arn}")
            there = arn in functions
            return Target(arn, arn.split(":")[4], arn if there else None, missing=missing, policy=functions.get(arn))

        @room.operation("Invoke", mode=Mode.SLOW, action="lambda:InvokeFunction", locate=locate)
        def invoke(call: Call, found: str, tx: Transaction) -> Answer:
            assert "DryRun" == call["InvocationType"], "nothing runs inside a transaction"
            return {"StatusCode": 204}

        found.rooms["lambda"] = room
        return found
