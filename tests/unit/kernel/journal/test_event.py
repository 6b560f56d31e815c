"""Events, compared whole with the records that AWS was measured to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.journal.event import PRODUCT_TIME, Standing, event_source, service_event
from strongroom.kernel.model.catalogue import CATALOGUE

NOW = datetime(2024, 7, 31, 12, 36, 52, 123000, tzinfo=UTC)
USER = Principal(
    PrincipalKind.USER,
    arn="arn:aws:iam::123456789012:user/x",
    account="123456789012",
    unique_id="AIDA1",
    user_id="AIDA1",
    name="x",
    entity_arn="arn:aws:iam::123456789012:user/x",
)
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-4Rzn83"


def call(**changed: Any) -> dict[str, Any]:
    """The event of a GetSecretValue, with some of its facts changed."""
    facts: dict[str, Any] = {
        "event_id": "e",
        "request_id": "r",
        "when": NOW,
        "product_now": NOW,
        "service": "secretsmanager",
        "name": "GetSecretValue",
        "region": "us-east-1",
        "principal": USER,
        "access_key_id": "AKIA1",
        "invoked_by": None,
        "source_ip": "203.0.113.9",
        "user_agent": "aws-cli",
        "host": "secretsmanager.us-east-1.amazonaws.com",
        "tls_version": "TLSv1.3",
        "tls_cipher": "TLS_AES_128_GCM_SHA256",
        "read_only": True,
        "params": {"SecretId": SECRET_ARN},
        "answer": {"ARN": SECRET_ARN, "SecretString": "hunter2"},
        "shown": (),
        "resource": None,
        "error_code": None,
        "error_message": None,
    }
    facts |= changed
    if "model" not in facts:
        facts["model"] = CATALOGUE.operation(facts["service"], facts["name"])
    own = {name: facts.pop(name) for name in _OF_ONE_CALL}
    return Standing(**facts).event(**own)


_OF_ONE_CALL = (
    "event_id", "request_id", "when", "product_now", "params", "answer", "resource", "error_code", "error_message",
)  # fmt: skip


def test_a_read_is_recorded_as_aws_records_it() -> None:
    """Source: a GetSecretValue record of 2024: these 18 keys, in this order."""
    expected = {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDA1",
            "arn": "arn:aws:iam::123456789012:user/x",
            "accountId": "123456789012",
            "accessKeyId": "AKIA1",
            "userName": "x",
        },
        "eventTime": "2024-07-31T12:36:52Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "aws-cli",
        "requestParameters": {"secretId": SECRET_ARN},
        "responseElements": None,
        "requestID": "r",
        "eventID": "e",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "secretsmanager.us-east-1.amazonaws.com",
        },
    }

    assert expected == call()
    assert list(expected) == list(call())


def test_a_write_repeats_what_the_room_shows_of_its_answer() -> None:
    event = call(
        name="PutSecretValue",
        read_only=False,
        shown=("ARN",),
        answer={"ARN": SECRET_ARN, "VersionId": "v"},
        params={"SecretId": "db", "SecretString": "hunter2", "ClientRequestToken": "t"},
    )

    assert {"arn": SECRET_ARN} == event["responseElements"]
    assert {"secretId": "db", "clientRequestToken": "t"} == event["requestParameters"]
    assert event["readOnly"] is False


def test_a_refusal_has_its_code_and_text_and_access_denied_in_cloudtrails_spelling() -> None:
    denied = call(error_code="AccessDeniedException", error_message="User: x is not authorized", answer=None)
    missing = call(error_code="ResourceNotFoundException", error_message="Secrets Manager can't find", answer=None)

    assert ("AccessDenied", "User: x is not authorized") == (denied["errorCode"], denied["errorMessage"])
    assert "ResourceNotFoundException" == missing["errorCode"]
    assert "errorMessage" not in call(error_code="InvalidCiphertextException")


def test_a_call_on_behalf_names_the_service_and_no_tls() -> None:
    """Source: KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail"."""
    event = call(
        service="kms",
        name="Decrypt",
        invoked_by="secretsmanager.amazonaws.com",
        params={"CiphertextBlob": b"sealed", "EncryptionContext": {"SecretARN": SECRET_ARN}},
        answer={"Plaintext": b"hunter2", "KeyId": "k"},
        resource=("arn:key", "123456789012", "AWS::KMS::Key"),
    )

    assert "secretsmanager.amazonaws.com" == event["sourceIPAddress"] == event["userAgent"]
    assert "secretsmanager.amazonaws.com" == event["userIdentity"]["invokedBy"]
    assert {"encryptionContext": {"SecretARN": SECRET_ARN}} == event["requestParameters"]
    assert [{"accountId": "123456789012", "type": "AWS::KMS::Key", "ARN": "arn:key"}] == event["resources"]
    assert "tlsDetails" not in event


def test_without_tls_there_are_no_tls_details() -> None:
    assert "tlsDetails" not in call(tls_version=None)


def test_the_products_clock_is_carried_only_where_it_differs() -> None:
    assert PRODUCT_TIME not in call(product_now=replace_nothing(NOW))
    assert "2024-08-31T12:36:52Z" == call(product_now=NOW + timedelta(days=31))[PRODUCT_TIME]


def replace_nothing(moment: datetime) -> datetime:
    """An equal moment that is another object."""
    return moment + timedelta(0)


def test_what_a_client_can_make_long_is_cut() -> None:
    event = call(user_agent="a" * 5000, error_code="E", error_message="m" * 5000, host="h" * 5000)

    assert (1024, 1024, 1024) == (
        len(event["userAgent"]),
        len(event["errorMessage"]),
        len(event["tlsDetails"]["clientProvidedHostHeader"]),
    )


def test_an_unknown_operation_of_an_unknown_service_is_recorded_all_the_same() -> None:
    event = call(service="", name="x" * 500, model=None, params={"a": 1})

    assert ("unknown.amazonaws.com", "x" * 128, None) == (
        event["eventSource"],
        event["eventName"],
        event["requestParameters"],
    )


def test_nobodys_call_is_recorded_for_the_resources_account() -> None:
    nobody = Principal(PrincipalKind.ANONYMOUS, arn="anonymous", account="")
    event = call(principal=nobody, access_key_id="", resource=("arn", "210987654321", "AWS::KMS::Key"))

    assert "210987654321" == event["recipientAccountId"]
    assert {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"} == event["userIdentity"]


@pytest.mark.parametrize(("service", "source"), [("kms", "kms.amazonaws.com"), ("strongroom", "strongroom")])
def test_sources_are_service_principals_and_ours_is_not_awss(service: str, source: str) -> None:
    assert source == event_source(service)


def test_a_services_own_event_is_recorded_as_aws_records_it() -> None:
    """Source: Secrets Manager User Guide, the RotationFailed record."""
    principal = "secretsmanager.amazonaws.com"
    expected = {
        "eventVersion": "1.09",
        "userIdentity": {"accountId": "123456789012", "invokedBy": principal},
        "eventTime": "2024-07-31T12:36:52Z",
        "eventSource": principal,
        "eventName": "RotationFailed",
        "awsRegion": "us-east-2",
        "sourceIPAddress": principal,
        "userAgent": principal,
        "errorMessage": "Error when executing lambda",
        "requestParameters": None,
        "responseElements": None,
        "additionalEventData": {"SecretId": SECRET_ARN},
        "requestID": "Rotation-x",
        "eventID": "e",
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
    }
    event = service_event(
        event_id="e",
        request_id="Rotation-x",
        when=NOW,
        product_now=NOW,
        service="secretsmanager",
        name="RotationFailed",
        region="us-east-2",
        account="123456789012",
        details={"SecretId": SECRET_ARN},
        error_message="Error when executing lambda",
    )

    assert expected == event
    assert list(expected) == list(event)


def test_a_service_event_carries_the_products_clock_too() -> None:
    event = service_event(
        event_id="e",
        request_id="r",
        when=NOW,
        product_now=NOW + timedelta(days=1),
        service="kms",
        name="n",
        region="r",
        account="a",
        details={"keyId": "arn:aws:kms:r:a:key/k"},
    )

    assert "2024-08-01T12:36:52Z" == event[PRODUCT_TIME]
    assert "errorMessage" not in event


def test_two_principals_do_not_share_an_identity() -> None:
    other = replace(USER, name="y", arn="arn:aws:iam::123456789012:user/y")

    assert "y" == call(principal=other)["userIdentity"]["userName"]
    assert "x" == call()["userIdentity"]["userName"]
