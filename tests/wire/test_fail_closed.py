"""Forgetting to authorise is impossible, not merely wrong."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account

from strongroom.kernel import steps


def test_a_chain_that_forgets_to_decide_answers_nobody(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    client = account.client("secretsmanager")
    client.create_secret(Name="a", SecretString="one")
    forgetful = tuple(step for step in steps.INSIDE if step is not steps.decide_the_call)
    monkeypatch.setattr(steps, "INSIDE", forgetful)
    with pytest.raises(ClientError) as refused:
        client.get_secret_value(SecretId="a")
    assert 500 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert "one" not in str(refused.value)
