"""Nothing of one account is visible to another: every operation that reads, asked from the other account.

The list of operations is what the rooms declare, so an operation that is new is asked too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.local import ask, who_can
from tests.wire.parameters import known_values, parameters
from tests.wire.test_iam_mfa import Token
from tests.wire.test_sts import trust

from strongroom.app import Facts
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.server.parts import StartRefused

CANARY = "canary7f3a"
READS = ("Get", "List", "Describe", "BatchGet", "Lookup", "Simulate", "Validate")
OF_NOBODY = {("secretsmanager", "GetRandomPassword"), ("sts", "GetCallerIdentity")}
GIVES_OUT = {("sts", "GetSessionToken"), ("sts", "GetFederationToken"), ("sts", "GetAccessKeyInfo")}
GIVES_OUT |= {("cloudtrail", "LookupEvents")}
"""These answer about the caller, or only what the id in the request says. LookupEvents repeats what the caller itself
asked before; test_cloudtrail.py shows that it tells nothing more."""


class House:
    """An account that has one of everything, each with the canary in its name."""

    def __init__(self, account: Account) -> None:
        iam, kms = account.client("iam"), account.client("kms")
        self.account = account
        tags = [{"Key": CANARY, "Value": CANARY}]
        key = kms.create_key(Description=CANARY, Tags=[{"TagKey": CANARY, "TagValue": CANARY}])["KeyMetadata"]
        kms.create_alias(AliasName=f"alias/{CANARY}", TargetKeyId=key["KeyId"])
        secret = account.client("secretsmanager").create_secret(Name=CANARY, SecretString=CANARY, Tags=tags)
        iam.create_user(UserName=CANARY, Tags=tags)
        access_key = iam.create_access_key(UserName=CANARY)["AccessKey"]
        token = Token(iam, CANARY)
        iam.enable_mfa_device(UserName=CANARY, SerialNumber=token.serial, **token.pair(-3))
        iam.create_group(GroupName=CANARY)
        iam.create_role(RoleName=CANARY, AssumeRolePolicyDocument=trust({"AWS": account.id}), Tags=tags)
        iam.create_instance_profile(InstanceProfileName=CANARY, Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName=CANARY, RoleName=CANARY)
        iam.create_login_profile(UserName=CANARY, Password="Correct-Horse-1")
        iam.create_account_alias(AccountAlias=f"{CANARY}-{account.id}")
        iam.update_account_password_policy(MinimumPasswordLength=17)
        iam.generate_credential_report()
        document = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        )
        policy = iam.create_policy(PolicyName=CANARY, PolicyDocument=document)["Policy"]
        for noun in ("user", "group", "role"):
            name = {f"{noun.title()}Name": CANARY}
            getattr(iam, f"put_{noun}_policy")(PolicyName=CANARY, PolicyDocument=document, **name)
            getattr(iam, f"attach_{noun}_policy")(PolicyArn=policy["Arn"], **name)
        provider = iam.create_open_id_connect_provider(
            Url=f"https://{CANARY}.example", ClientIDList=[CANARY], Tags=tags
        )
        arn = f"arn:aws:iam::{account.id}:user/{CANARY}"
        self.by_name: Mapping[str, Any] = {
            "Account": account.id,
            "SecretId": CANARY,
            "SecretIdList": [CANARY],
            "ResourcePolicy": document,
            "KeyId": key["KeyId"],
            "PolicyName": CANARY,
            "VersionId": "v1",
            "UserName": CANARY,
            "GroupName": CANARY,
            "RoleName": CANARY,
            "PolicyArn": policy["Arn"],
            "AccessKeyId": access_key["AccessKeyId"],
            "PolicySourceArn": arn,
            "RoleArn": f"arn:aws:iam::{account.id}:role/{CANARY}",
            "SerialNumber": token.serial,
            "InstanceProfileName": CANARY,
            "OpenIDConnectProviderArn": provider["OpenIDConnectProviderArn"],
            "ActionNames": ["secretsmanager:GetSecretValue"],
            "PolicyInputList": [document],
        }
        self.by_arn = self.by_name | {
            "SecretId": secret["ARN"],
            "SecretIdList": [secret["ARN"]],
            "KeyId": key["Arn"],
        }
        self.by_alias = self.by_name | {"KeyId": f"arn:aws:kms:us-east-1:{account.id}:alias/{CANARY}"}


@pytest.fixture(scope="module")
def house(strongroom: InProcess) -> House:
    """One full account for all questions."""
    return House(strongroom.account())


@pytest.fixture(scope="module")
def stranger(strongroom: InProcess) -> Account:
    """Another account with its administrator."""
    return strongroom.account()


def reading(strongroom: InProcess) -> Iterator[tuple[str, str]]:
    """Every signed operation that reads, by its name or by what it declares."""
    rooms = strongroom.product.registry(Facts("", dev_clock=False), Keyring(bytes(32))).rooms
    for service, room in rooms.items():
        if service != "strongroom":
            yield from (
                (service, name)
                for name, one in sorted(room.operations.items())
                if not one.unsigned and (one.mode is not Mode.WRITE or name.startswith(READS))
            )


def asked(client: Any, operation: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operation's parameters: what is required, and everything else that can name something."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = {} if shape is None else shape.members
    params = {name: known[name] for name in members if name in known}
    if operation in ("GetSecretValue", "ListKeyPolicies", "GetKeyPolicy", "GetPolicyVersion"):
        params.pop("PolicyName", None)
        params = params if operation == "GetPolicyVersion" else {k: v for k, v in params.items() if k != "VersionId"}
    return parameters(client, operation, known_values(known["Account"]) | dict(known)) | params


@pytest.mark.parametrize("how", ["by_name", "by_arn", "by_alias"])
def test_no_operation_that_reads_tells_another_account_anything(
    strongroom: InProcess, house: House, stranger: Account, how: str
) -> None:
    operations = [one for one in reading(strongroom) if one not in OF_NOBODY | GIVES_OUT]
    assert len(operations) >= 40
    for service, operation in operations:
        client = stranger.client(service)
        params = asked(client, operation, getattr(house, how))
        try:
            answer = getattr(client, xform_name(operation))(**params)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500, (operation, error)
            continue
        answer.pop("ResponseMetadata")
        told = json.dumps(answer, default=str)
        if operation == "BatchGetSecretValue":
            assert [] == answer["SecretValues"]
            assert {"AccessDeniedException", "ResourceNotFoundException"} >= {
                one["ErrorCode"] for one in answer["Errors"]
            }
        elif operation == "ValidateResourcePolicy":
            assert house.account.id not in told
        else:
            assert CANARY not in told and house.account.id not in told, (operation, told)


@pytest.mark.parametrize("how", ["by_name", "by_arn"])
def test_whether_something_is_there_makes_no_difference_to_another_account(
    strongroom: InProcess, house: House, stranger: Account, how: str
) -> None:
    there = getattr(house, how)
    absent = json.loads(json.dumps(dict(there)).replace(CANARY, "absent9c"))
    absent |= {"AccessKeyId": f"{there['AccessKeyId'][:-4]}AAAA", "KeyId": _other_key(there["KeyId"])}
    for service, operation in reading(strongroom):
        if (service, operation) in OF_NOBODY | GIVES_OUT:
            continue
        client = stranger.client(service)
        answers = [code(client, operation, asked(client, operation, known)) for known in (there, absent)]
        assert answers[0] == answers[1], operation


def _other_key(key: str) -> str:
    return key[:-12] + "0" * 12


def code(client: Any, operation: str, params: Mapping[str, Any]) -> str:
    """The code of a refusal, or nothing."""
    try:
        getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_writing_by_arn_reaches_no_other_account(house: House, stranger: Account) -> None:
    secrets, kms, iam = stranger.client("secretsmanager"), stranger.client("kms"), stranger.client("iam")
    arn, key = house.by_arn["SecretId"], house.by_arn["KeyId"]
    for call, params in (
        (secrets.put_secret_value, {"SecretId": arn, "SecretString": "x"}),
        (secrets.delete_secret, {"SecretId": arn}),
        (secrets.tag_resource, {"SecretId": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
        (secrets.put_resource_policy, {"SecretId": arn, "ResourcePolicy": house.by_name["ResourcePolicy"]}),
        (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
        (kms.schedule_key_deletion, {"KeyId": key}),
        (kms.disable_key, {"KeyId": key}),
        (iam.delete_policy, {"PolicyArn": house.by_arn["PolicyArn"]}),
        (iam.create_policy_version, {"PolicyArn": house.by_arn["PolicyArn"], "PolicyDocument": "{}"}),
        (
            stranger.client("sts").assume_role,
            {"RoleArn": f"arn:aws:iam::{house.account.id}:role/{CANARY}", "RoleSessionName": "night"},
        ),
    ):
        with pytest.raises(ClientError) as error:
            call(**params)
        assert "AccessDenied" in error.value.response["Error"]["Code"], params
    assert CANARY == house.account.client("secretsmanager").get_secret_value(SecretId=CANARY)["SecretString"]


def test_the_local_operations_keep_accounts_apart_too(house: House, stranger: Account) -> None:
    answer = house.account.client("secretsmanager").describe_secret(SecretId=CANARY)
    with pytest.raises(StartRefused, match="No call of this account"):
        ask(stranger, "GET", f"/_strongroom/explain/{answer['ResponseMetadata']['RequestId']}")
    with pytest.raises(StartRefused):
        who_can(stranger, "secretsmanager:GetSecretValue", house.by_arn["SecretId"])
    told = json.dumps(who_can(stranger, "secretsmanager:ListSecrets"))
    assert CANARY not in told and house.account.id not in told
