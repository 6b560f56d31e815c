"""Who can: through every kind of policy, keys and chains of roles; and what it says is what happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.local import who_can
from tests.wire.test_secretsmanager_policies import allow, policy, user
from tests.wire.test_sts import trust

from strongroom.server.parts import StartRefused

READ = "secretsmanager:GetSecretValue"


def names(answer: Any) -> list[tuple[str, ...]]:
    """(principal, role assumed, role assumed ...) of each entry, ARNs without their head."""
    return sorted(
        tuple(arn.partition("::")[2].partition(":")[2] for arn in (one["Principal"], *one["Through"]))
        for one in answer["Principals"]
    )


def role(account: Account, name: str, document: str, *statements: dict[str, Any], **more: Any) -> str:
    """The ARN of a new role with these permissions."""
    iam = account.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=text)
    return str(made["Role"]["Arn"])


@pytest.fixture
def secret(account: Account) -> str:
    """The ARN of the secret db."""
    return str(account.client("secretsmanager").create_secret(Name="db", SecretString="x")["ARN"])


def test_everybody_is_found_through_every_kind_of_policy(account: Account, secret: str) -> None:
    iam = account.client("iam")
    user(account, "inline", allow(READ))
    user(account, "bounded", allow(READ))
    iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess")
    user(account, "denied", allow(READ), allow(READ) | {"Effect": "Deny"})
    user(account, "attached")
    iam.attach_user_policy(UserName="attached", PolicyArn="arn:aws:iam::aws:policy/SecretsManagerReadWrite")
    user(account, "grouped")
    iam.create_group(GroupName="g")
    iam.put_group_policy(
        GroupName="g", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow(READ)})
    )
    iam.add_user_to_group(GroupName="g", UserName="grouped")
    user(account, "named")
    account.client("secretsmanager").put_resource_policy(
        SecretId="db", ResourcePolicy=policy({"AWS": f"arn:aws:iam::{account.id}:user/named"}, READ)
    )
    user(account, "nobody")

    found = who_can(account, READ, "db")

    assert secret == found["Resource"]
    assert [("user/admin",), ("user/attached",), ("user/grouped",), ("user/inline",), ("user/named",)] == names(found)
    by_name = {one["Principal"].rpartition("/")[2]: one for one in found["Principals"]}
    assert ["Allow in identity policy inline:p, statement 0"] == by_name["inline"]["Because"]
    assert [f"Allow in resource policy {secret}, statement 0"] == by_name["named"]["Because"]


def test_what_it_says_is_what_happens(account: Account, secret: str) -> None:
    keys = {
        "own": user(account, "own", allow(READ, resource=secret)),
        "other": user(account, "other", allow(READ, resource=f"{secret}x")),
        "tagged": user(account, "tagged", allow(READ, StringEquals={"aws:ResourceTag/env": "dev"})),
        "self": user(account, "self", allow(READ, StringEquals={"aws:username": "self"})),
    }

    said = {one["Principal"].rpartition("/")[2] for one in who_can(account, READ, "db")["Principals"]}

    for name, credentials in keys.items():
        try:
            account.client("secretsmanager", **credentials).get_secret_value(SecretId="db")
            happened = True
        except ClientError:
            happened = False
        assert happened is (name in said), name


def test_chains_of_roles_are_followed(account: Account, secret: str) -> None:
    ann = user(account, "ann", allow("sts:AssumeRole", resource=f"arn:aws:iam::{account.id}:role/first"))
    assert ann
    role(account, "first", trust({"AWS": account.id}), allow("sts:AssumeRole"))
    role(account, "second", trust({"AWS": f"arn:aws:iam::{account.id}:role/first"}), allow(READ))

    found = names(who_can(account, READ, "db"))

    assert ("role/second",) in found
    assert ("role/first", "role/second") in found
    assert ("user/ann", "role/first", "role/second") in found
    assert ("user/ann", "role/second") not in found


def test_who_can_assume_a_role_is_asked_of_its_trust_policy(account: Account) -> None:
    user(account, "ann", allow("sts:AssumeRole"))
    user(account, "bob", allow("sts:AssumeRole"))
    external = {"StringEquals": {"sts:ExternalId": "right"}}
    ann = {"AWS": f"arn:aws:iam::{account.id}:user/ann"}
    deploy = role(account, "deploy", trust(ann, Condition=external))

    (only,) = who_can(account, "sts:AssumeRole", deploy)["Principals"]

    assert only["Principal"].endswith(":user/ann")
    assert ["StringEquals sts:externalid right"] == only["If"]


def test_what_the_request_must_bring_is_told(account: Account, secret: str) -> None:
    user(account, "ann", allow(READ, IpAddress={"aws:SourceIp": "10.0.0.0/8"}))

    (ann,) = [one for one in who_can(account, READ, "db")["Principals"] if one["Principal"].endswith("ann")]

    assert ["IpAddress aws:sourceip 10.0.0.0/8"] == ann["If"]


def test_a_customers_key_must_let_them_too(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    account.client("secretsmanager").create_secret(Name="k", SecretString="x", KmsKeyId=key)
    user(account, "half", allow(READ))
    user(account, "whole", allow(READ, "kms:Decrypt"))

    assert [("user/admin",), ("user/whole",)] == names(who_can(account, READ, "k"))


def test_a_grant_lets_its_grantee_and_is_told_as_the_reason(account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    keys = user(account, "ann")
    ann = f"arn:aws:iam::{account.id}:user/ann"
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert [("user/admin",)] == names(who_can(account, "kms:Decrypt", key))

    grant = kms.create_grant(KeyId=key, GranteePrincipal=ann, Operations=["Decrypt"])["GrantId"]

    (found,) = [one for one in who_can(account, "kms:Decrypt", key)["Principals"] if one["Principal"] == ann]
    assert any("grant" in one and grant in one for one in found["Because"]), found
    assert b"x" == account.client("kms", **keys).decrypt(CiphertextBlob=blob)["Plaintext"]
    kms.revoke_grant(KeyId=key, GrantId=grant)
    assert [("user/admin",)] == names(who_can(account, "kms:Decrypt", key))


def test_a_secret_under_a_granted_key_counts_the_grant(account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    account.client("secretsmanager").create_secret(Name="k", SecretString="x", KmsKeyId=key)
    user(account, "half", allow(READ))
    kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{account.id}:user/half", Operations=["Decrypt"])

    assert [("user/admin",), ("user/half",)] == names(who_can(account, READ, "k"))


def test_other_accounts_are_told_as_the_policies_name_them(
    strongroom: InProcess, account: Account, secret: str
) -> None:
    other = strongroom.account()
    account.client("secretsmanager").put_resource_policy(
        SecretId="db", ResourcePolicy=policy({"AWS": f"arn:aws:iam::{other.id}:root"}, READ)
    )
    reader = role(account, "reader", trust({"AWS": other.id}), allow(READ))

    others = who_can(account, READ, "db")["Others"]

    assert 2 == len(others) and all(other.id in one for one in others)
    assert others[1].endswith(f"by assuming {reader}")


def test_whom_a_provider_vouches_for_is_told_with_what_the_token_must_say(account: Account, secret: str) -> None:
    made = account.client("iam").create_open_id_connect_provider(Url="https://issuer.example", ClientIDList=["sts"])
    provider = made["OpenIDConnectProviderArn"]
    condition = {"StringLike": {"issuer.example:sub": "repo:octo-org/*"}}
    ci = role(
        account, "ci", trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition), allow(READ)
    )
    wanted = (
        f"whomever {provider} vouches for, by statement 0 of the resource's policy, "
        "if StringLike issuer.example:sub repo:octo-org/*"
    )

    assert f"{wanted}, by assuming {ci}" in who_can(account, READ, "db")["Others"]
    answer = who_can(account, "sts:AssumeRoleWithWebIdentity", ci)
    assert ([], [wanted]) == (answer["Principals"], answer["Others"])


def test_only_who_may_ask_is_told_and_only_about_the_own_account(
    strongroom: InProcess, account: Account, secret: str
) -> None:
    with pytest.raises(StartRefused, match="strongroom:WhoCan"):
        who_can(account, READ, "db", **user(account, "ann"))
    with pytest.raises(StartRefused):
        who_can(strongroom.account(), READ, secret)
    with pytest.raises(StartRefused, match="no operation"):
        who_can(account, "secretsmanager:Nothing", "db")
