"""AccessDenied says what AWS says, with or without the resource."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account


@pytest.mark.parametrize(
    ("service", "call", "says"),
    [
        ("secretsmanager", lambda c: c.list_secrets(), "secretsmanager:ListSecrets because no identity-based policy"),
        ("secretsmanager", lambda c: c.get_random_password(), "secretsmanager:GetRandomPassword because no"),
        ("secretsmanager", lambda c: c.get_secret_value(SecretId="x/y"), "on resource: x/y because no identity-based"),
        ("kms", lambda c: c.create_key(), "kms:CreateKey on resource: * because no identity-based policy"),
    ],
)
def test_a_denial_names_the_resource_where_aws_does(account: Account, service: str, call: Any, says: str) -> None:
    users = account.client("iam")
    users.create_user(UserName="nobody")
    key = users.create_access_key(UserName="nobody")["AccessKey"]
    client = account.client(service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    with pytest.raises(ClientError) as refused:
        call(client)
    assert "user/nobody is not authorized to perform: " in str(refused.value)
    assert says in str(refused.value)
