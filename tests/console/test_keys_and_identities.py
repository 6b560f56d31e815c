"""The pages of KMS keys, and of users, roles and policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.console.conftest import PASSWORD, World

REGION = "us-east-1"
KEY = f"/console/{REGION}/key"
KEYS = f"/console/{REGION}/keys"
IDENTITIES = f"/console/{REGION}/identities"
IDENTITY = f"/console/{REGION}/identity"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def document(statement: dict[str, Any]) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_key_is_created_rotated_disabled_deleted_and_kept_after_all(world: World) -> None:
    browser = world.signed_in()
    assert "No keys in us-east-1 yet" in browser.get(KEYS).text

    page = browser.post(KEYS, alias="shop", description="For the shop")
    assert "alias/shop" in page.text
    key_id = page.where.partition("id=")[2].partition("&")[0]
    kms = world.account.client("kms")

    assert "Automatic rotation is off." in page.text
    browser.post(f"{KEY}/rotation-on", id=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    browser.post(f"{KEY}/rotate", id=key_id)
    assert 2 == len(kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"])
    browser.post(f"{KEY}/disable", id=key_id)
    assert "Disabled" == kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    browser.post(f"{KEY}/enable", id=key_id)
    page = browser.post(f"{KEY}/delete", id=key_id, days="7")
    assert "Will be deleted" in page.text
    browser.post(f"{KEY}/restore", id=key_id)
    assert "Disabled" == kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    assert "alias/shop" in browser.get(KEYS).text


def test_a_keys_page_names_the_secrets_that_hang_on_it_and_changes_its_policy(world: World) -> None:
    browser, kms = world.signed_in(), world.account.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    arn = world.account.client("secretsmanager").create_secret(Name="a", SecretString="x", KmsKeyId=key_id)["ARN"]

    page = browser.get(f"{KEY}?id={key_id}")

    assert "Count the secrets that nobody can read without this key" in page.text
    page = browser.get(f"{KEY}/users?id={key_id}")
    assert "1 secrets of this account" in page.text
    assert arn in page.text
    policy = json.loads(kms.get_key_policy(KeyId=key_id)["Policy"])
    policy["Id"] = "changed-at-the-console"
    browser.post(f"{KEY}/policy", id=key_id, policy=json.dumps(policy))
    assert "changed-at-the-console" in kms.get_key_policy(KeyId=key_id)["Policy"]
    assert 400 == browser.post(f"{KEY}/policy", id=key_id, policy="{").status


def test_a_user_is_made_given_a_password_and_a_policy_and_signs_in(world: World) -> None:
    browser = world.signed_in()
    browser.post(f"{IDENTITY}/create", of="users", name="ann")
    page = browser.post(f"{IDENTITY}/password", of="users", name="ann", password=PASSWORD)
    assert "Has a password since" in page.text
    page = browser.post(f"{IDENTITY}/attach", of="users", name="ann", policy_arn=ADMINISTRATOR)
    assert ADMINISTRATOR in page.text
    assert "ann" in browser.get(IDENTITIES).text

    ann = world.signed_in("ann")
    assert 200 == ann.get(IDENTITIES).status

    browser.post(f"{IDENTITY}/detach", of="users", name="ann", policy_arn=ADMINISTRATOR)
    assert 403 == ann.get(IDENTITIES).status
    browser.post(f"{IDENTITY}/password-drop", of="users", name="ann")
    assert "/console/sign-in?over=1" == ann.get(IDENTITIES).where
    page = browser.post(f"{IDENTITY}/delete", of="users", name="ann")
    assert "It was deleted." in page.text
    assert "user/ann" not in page.text


def test_an_access_key_is_deactivated_and_an_inline_policy_stored(world: World) -> None:
    browser, iam = world.signed_in(), world.account.client("iam")
    iam.create_user(UserName="ann")
    key_id = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    browser.post(f"{IDENTITY}/key", of="users", name="ann", key=key_id, status="Inactive")
    page = browser.post(f"{IDENTITY}/inline", of="users", name="ann", policy_name="read", policy=policy)

    assert "Inactive" == iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"]
    assert "Inline policy read" in page.text
    allowed = browser.post(
        f"{IDENTITY}/simulate", of="users", name="ann", action="secretsmanager:GetSecretValue", resource="*"
    )
    assert "secretsmanager:GetSecretValue: allowed" in allowed.text
    denied = browser.post(f"{IDENTITY}/simulate", of="users", name="ann", action="secretsmanager:DeleteSecret")
    assert "secretsmanager:DeleteSecret: implicitDeny" in denied.text
    refused = browser.post(f"{IDENTITY}/inline", of="users", name="ann", policy_name="bad", policy="{")
    assert (400, True) == (refused.status, "MalformedPolicyDocument" in refused.text)


def test_roles_and_policies_show_their_documents(world: World) -> None:
    browser, iam = world.signed_in(), world.account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="rotator", AssumeRolePolicyDocument=document(trust))
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    made = iam.create_policy(PolicyName="p", PolicyDocument=document(statement))

    assert "rotator" in browser.get(f"{IDENTITIES}?kind=roles").text
    assert "lambda.amazonaws.com" in browser.get(f"{IDENTITY}?kind=roles&name=rotator").text
    arn = made["Policy"]["Arn"]
    assert arn in browser.get(f"{IDENTITIES}?kind=policies").text
    assert "kms:Decrypt" in browser.get(f"{IDENTITY}?kind=policies&name={arn}").text


@pytest.mark.parametrize(
    "where", [f"{IDENTITY}?kind=evil&name=x", f"{IDENTITY}?kind=users&name=none", f"{KEY}?id=none", f"{KEY}?id="]
)
def test_what_is_not_there_is_told_in_a_sentence(world: World, where: str) -> None:
    page = world.signed_in().get(where)
    assert page.status in (400, 404)
    assert "Strongroom" in page.text


def test_roles_and_policies_are_made_and_their_documents_changed(world: World) -> None:
    browser, iam = world.signed_in(), world.account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}

    page = browser.post(f"{IDENTITY}/create", of="roles", name="rotator", policy=document(trust))
    assert "lambda.amazonaws.com" in page.text
    other = trust | {"Principal": {"AWS": f"arn:aws:iam::{world.account.id}:root"}}
    browser.post(f"{IDENTITY}/trust", of="roles", name="rotator", policy=document(other))
    told = iam.get_role(RoleName="rotator")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert other["Principal"] == told["Principal"]

    page = browser.post(f"{IDENTITY}/create", of="policies", name="p", policy=document(allowed("kms:Decrypt")))
    arn = f"arn:aws:iam::{world.account.id}:policy/p"
    assert arn in page.text
    for number in range(6):
        page = browser.post(
            f"{IDENTITY}/version", of="policies", name=arn, policy=document(allowed(f"kms:Get{number}*"))
        )
        assert f"kms:Get{number}" in page.text
    assert 5 == len(iam.list_policy_versions(PolicyArn=arn)["Versions"])
    before = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    refused = browser.post(f"{IDENTITY}/version", of="policies", name=arn, policy="{")
    assert 400 == refused.status
    assert before == iam.list_policy_versions(PolicyArn=arn)["Versions"]


def allowed(action: str) -> dict[str, Any]:
    """A statement."""
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


def test_an_act_that_is_not_of_this_kind_is_not_there(world: World) -> None:
    browser = world.signed_in()
    for kind, act in (("roles", "password"), ("policies", "attach"), ("evil", "create"), ("users", "version")):
        assert 404 == browser.post(f"{IDENTITY}/{act}", of=kind, name="admin").status
