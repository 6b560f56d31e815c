"""Secrets that a service manages: made on behalf of a user, shown as owned, and not the user's to change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_secretsmanager_life import members, refused, stages, token

from strongroom.kernel.call import Call, Source
from strongroom.kernel.model.errors import ServiceError
from strongroom.services.secretsmanager.errors import InvalidParameterException
from strongroom.services.secretsmanager.rules.tags import OWNING_SERVICE

NAME = "rds!db-1"
OWNED = [{"Key": OWNING_SERVICE, "Value": "rds"}, {"Key": "aws:rds:primaryDBInstanceArn", "Value": "arn:db"}]
MANAGED = ("InvalidRequestException", "This secret is managed by rds, and you must use that service to update it.")


def on_behalf(strongroom: InProcess, account: Account, service: str, operation: str, **params: Any) -> Any:
    """One call as another service's room makes it for this account's administrator."""
    opened = strongroom.product.open_engine(bytes(range(32)), "test_owner")
    try:
        with opened.store.write() as tx:
            credential = opened.chain.principals.credential(tx, account.key_id, None, strongroom.product.clock())
            assert credential is not None
            moment = strongroom.product.clock()
            call = Call(
                kernel=opened.chain,
                service=service,
                name="CreateDBInstance",
                region="us-east-1",
                credential=credential,
                params={},
                now=moment,
                machine_now=moment,
                request_id="r",
                event_id="e",
                source=Source("127.0.0.1"),
            )
            return call.ask(tx, "secretsmanager", operation, **params)
    finally:
        opened.close()


@pytest.fixture
def owned(strongroom: InProcess, account: Account) -> str:
    """The ARN of a secret that a service made."""
    made = on_behalf(
        strongroom,
        account,
        "rds",
        "CreateSecret",
        Name=NAME,
        SecretString="first",
        Tags=OWNED,
        ClientRequestToken=token(),
    )
    return str(made["ARN"])


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def test_an_owned_secret_says_whose_it_is(owned: str, secrets: Any) -> None:
    shown = members(secrets.describe_secret(SecretId=NAME))
    assert ("rds", OWNED, owned) == (shown["OwningService"], shown["Tags"], shown["ARN"])
    found = secrets.list_secrets(Filters=[{"Key": "owning-service", "Values": ["rds"]}])["SecretList"]
    assert [(NAME, "rds")] == [(one["Name"], one["OwningService"]) for one in found]


def test_its_user_may_read_it_and_may_not_change_it(owned: str, secrets: Any) -> None:
    assert "first" == secrets.get_secret_value(SecretId=NAME)["SecretString"]
    (version,) = stages(secrets, NAME)
    for call, params in (
        (secrets.put_secret_value, {"SecretString": "x"}),
        (secrets.update_secret, {"SecretString": "x"}),
        (secrets.update_secret, {"Description": "x"}),
        (secrets.update_secret_version_stage, {"VersionStage": "X", "MoveToVersionId": version}),
        (secrets.delete_secret, {}),
        (secrets.delete_secret, {"ForceDeleteWithoutRecovery": True}),
        (secrets.cancel_rotate_secret, {}),
        (secrets.rotate_secret, {"RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:f"}),
    ):
        assert MANAGED == refused(call, SecretId=NAME, **params)
    assert "first" == secrets.get_secret_value(SecretId=NAME)["SecretString"]


def test_its_user_may_tag_it_and_give_it_a_policy_but_not_touch_the_services_tags(owned: str, secrets: Any) -> None:
    secrets.tag_resource(SecretId=NAME, Tags=[{"Key": "team", "Value": "a"}])
    secrets.untag_resource(SecretId=NAME, TagKeys=["team"])
    statement = {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": statement}
    secrets.put_resource_policy(SecretId=NAME, ResourcePolicy=json.dumps(policy))
    for call, params in (
        (secrets.tag_resource, {"Tags": [{"Key": OWNING_SERVICE, "Value": "mine"}]}),
        (secrets.untag_resource, {"TagKeys": [OWNING_SERVICE]}),
    ):
        assert "InvalidParameterException" == refused(call, SecretId=NAME, **params)[0]
    assert OWNED == secrets.describe_secret(SecretId=NAME)["Tags"]


def test_nobody_makes_an_owned_secret_by_themselves(secrets: Any, strongroom: InProcess, account: Account) -> None:
    assert "InvalidParameterException" == refused(secrets.create_secret, Name="mine", SecretString="x", Tags=OWNED)[0]
    with pytest.raises(InvalidParameterException):
        on_behalf(strongroom, account, "redshift", "CreateSecret", Name="x", Tags=OWNED, ClientRequestToken=token())


def test_the_owner_changes_it_and_another_service_may_not(
    owned: str, secrets: Any, strongroom: InProcess, account: Account
) -> None:
    told = {"SecretId": owned, "SecretString": "second", "ClientRequestToken": token()}
    with pytest.raises(ServiceError, match="managed by rds"):
        on_behalf(strongroom, account, "redshift", "PutSecretValue", **told)
    on_behalf(strongroom, account, "rds", "PutSecretValue", **told)
    assert "second" == secrets.get_secret_value(SecretId=NAME)["SecretString"]


def test_its_user_may_ask_for_a_rotation_and_set_when_but_not_by_which_function(owned: str, secrets: Any) -> None:
    rules = {"ScheduleExpression": "rate(10 days)"}
    begun = secrets.rotate_secret(SecretId=NAME, RotationRules=rules)["VersionId"]
    shown = secrets.describe_secret(SecretId=NAME)
    assert shown["RotationEnabled"] and "RotationLambdaARN" not in shown
    assert ["AWSPENDING"] == stages(secrets, NAME)[begun]
    assert MANAGED == refused(
        secrets.rotate_secret,
        SecretId=NAME,
        RotationLambdaARN="arn:aws:lambda:us-east-1:123456789012:function:f",
    )
