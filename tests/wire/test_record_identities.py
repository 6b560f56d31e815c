"""``userIdentity``, whole, of each kind of caller that a stock client can be.

Source: facts lambda-and-others, section 3.2; CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

import re
from typing import Any

from tests.inprocess import Account, InProcess
from tests.journals import Entry, entries
from tests.wire.test_report_access import role, session, taken
from tests.wire.test_secretsmanager_policies import allow, user

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SERVICE = "secretsmanager.amazonaws.com"


def newest(strongroom: InProcess, account: Account, name: str) -> dict[str, Any]:
    """The newest record of an operation in the account."""
    found = [entry for entry in entries(strongroom.settings.data) if _is(entry, account, name)]
    return found[-1].event


def _is(entry: Entry, account: Account, name: str) -> bool:
    return entry.name == name and entry.event["recipientAccountId"] == account.id


def attributes(context: dict[str, Any]) -> dict[str, Any]:
    """The session's attributes with their moment checked and left out."""
    told = dict(context["attributes"])
    assert MOMENT.fullmatch(told.pop("creationDate"))
    return told


def test_a_user_and_a_session_of_the_user(account: Account, strongroom: InProcess) -> None:
    keys = user(account, "ann", allow("secretsmanager:*"))
    account.client("secretsmanager", **keys).list_secrets()
    plain = newest(strongroom, account, "ListSecrets")["userIdentity"]
    session_keys = taken(account.client("sts", **keys).get_session_token()["Credentials"])
    account.client("secretsmanager", **session_keys).list_secrets()
    later = newest(strongroom, account, "ListSecrets")["userIdentity"]

    assert plain.pop("principalId").startswith("AIDA")
    form = {"type": "IAMUser", "arn": f"arn:aws:iam::{account.id}:user/ann", "accountId": account.id, "userName": "ann"}
    assert form | {"accessKeyId": keys["aws_access_key_id"]} == plain
    assert {"mfaAuthenticated": "false"} == attributes(later.pop("sessionContext"))
    assert form | {"accessKeyId": session_keys["aws_access_key_id"]} == {
        k: later[k] for k in later if k != "principalId"
    }


def test_a_session_of_a_role_names_the_role_as_its_issuer(account: Account, strongroom: InProcess) -> None:
    role(account, "reader", allow("secretsmanager:*"))
    keys = session(account, "reader")
    account.client("secretsmanager", **keys).list_secrets()
    who = newest(strongroom, account, "ListSecrets")["userIdentity"]
    context = who.pop("sessionContext")
    unique = account.client("iam").get_role(RoleName="reader")["Role"]["RoleId"]

    assert {
        "type": "AssumedRole",
        "principalId": f"{unique}:session",
        "arn": f"arn:aws:sts::{account.id}:assumed-role/reader/session",
        "accountId": account.id,
        "accessKeyId": keys["aws_access_key_id"],
    } == who
    assert {
        "type": "Role",
        "principalId": unique,
        "arn": f"arn:aws:iam::{account.id}:role/reader",
        "accountId": account.id,
        "userName": "reader",
    } == context["sessionIssuer"]
    assert {"mfaAuthenticated": "false"} == attributes(context)
    assert {"sessionIssuer", "attributes"} == set(context)


def test_a_federated_user_names_the_user_who_asked_for_it(account: Account, strongroom: InProcess) -> None:
    rights = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}}'
    given = account.client("sts").get_federation_token(Name="visitor", Policy=rights)["Credentials"]
    account.client("secretsmanager", **taken(given)).list_secrets()
    who = newest(strongroom, account, "ListSecrets")["userIdentity"]
    issuer = who["sessionContext"]["sessionIssuer"]

    assert ("FederatedUser", f"{account.id}:visitor") == (who["type"], who["principalId"])
    assert f"arn:aws:sts::{account.id}:federated-user/visitor" == who["arn"]
    assert ("IAMUser", account.client("iam").get_user()["User"]["UserName"]) == (issuer["type"], issuer["userName"])
    assert issuer["principalId"].startswith("AIDA") and issuer["arn"].endswith(f":user/{issuer['userName']}")


def test_what_a_service_does_for_a_caller_is_the_callers_with_the_service_named(
    account: Account, strongroom: InProcess
) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    account.client("secretsmanager").create_secret(Name="db", SecretString="canary-on-behalf", KmsKeyId=key)
    role(account, "reader", allow("secretsmanager:*", "kms:*"))
    account.client("secretsmanager", **session(account, "reader")).get_secret_value(SecretId="db")
    asked, used = (newest(strongroom, account, name) for name in ("GetSecretValue", "Decrypt"))

    assert asked["userIdentity"] | {"invokedBy": SERVICE} == used["userIdentity"]
    assert (SERVICE, SERVICE) == (used["sourceIPAddress"], used["userAgent"])
    assert used["readOnly"] is True and used["responseElements"] is None
    assert {"encryptionContext"} <= set(used["requestParameters"]) and "tlsDetails" not in used


def test_what_a_service_does_by_itself_names_no_caller(account: Account, strongroom: InProcess) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="db", SecretString="canary-by-itself")["ARN"]
    secrets.delete_secret(SecretId="db")
    event = newest(strongroom, account, "StartSecretVersionDelete")

    assert {"accountId": account.id, "invokedBy": SERVICE} == event["userIdentity"]
    assert ("AwsServiceEvent", SERVICE, SERVICE) == (event["eventType"], event["sourceIPAddress"], event["userAgent"])
    assert arn == event["additionalEventData"]["SecretId"]
    assert (None, None, False) == (event["requestParameters"], event["responseElements"], event["readOnly"])
