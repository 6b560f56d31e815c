"""STS with stock boto3: sessions of roles, of users and of federated users."""

from __future__ import annotations

import base64
import json
import secrets as chance
import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess

READ_WRITE = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
LIST = {"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"}
ALL = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal: Any, *actions: str, **condition: Any) -> str:
    """A trust policy for one principal element."""
    return policy({"Effect": "Allow", "Principal": principal, "Action": list(actions) or "sts:AssumeRole"} | condition)


def refused(call: Any, **params: Any) -> tuple[str, str, int]:
    """Code, message and status of a refusal."""
    with pytest.raises(ClientError) as error:
        call(**params)
    answer = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


class World:
    """An account with a user and a role that the account's users may assume if their policies allow it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.iam = account.client("iam")
        self.sts = account.client("sts")
        self.role = self.new_role("deploy", trust({"AWS": account.id}))
        self.iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=policy(ALL))

    def new_role(self, name: str, document: str, **more: Any) -> str:
        """The ARN of a new role."""
        made = self.iam.create_role(RoleName=name, Path="/ops/", AssumeRolePolicyDocument=document, **more)
        return str(made["Role"]["Arn"])

    def user(self, name: str, *statements: dict[str, Any]) -> dict[str, str]:
        """The keys of a new user with these permissions, as client arguments."""
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def client(self, service: str, answer: dict[str, Any]) -> Any:
        """A client with the credentials that an answer gave out."""
        given = answer["Credentials"]
        return self.account.client(
            service,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def assume(self, **more: Any) -> dict[str, Any]:
        """The administrator's session ``night`` of the role."""
        answer: dict[str, Any] = self.sts.assume_role(**{"RoleArn": self.role, "RoleSessionName": "night"} | more)
        return answer


@pytest.fixture
def world(account: Account) -> World:
    """The account of most tests."""
    return World(account)


def test_a_user_is_told_who_it_is(world: World) -> None:
    answer = world.sts.get_caller_identity()

    assert (world.account.id, f"arn:aws:iam::{world.account.id}:user/admin") == (
        answer["Account"],
        answer["Arn"],
    )
    assert answer["UserId"].startswith("AIDA")


def test_who_may_nothing_may_still_ask_who_it_is(world: World) -> None:
    keys = world.user("ann", {"Effect": "Deny", "Action": "*", "Resource": "*"})

    assert world.account.client("sts", **keys).get_caller_identity()["Arn"].endswith(":user/ann")


def test_a_key_id_tells_its_account(world: World) -> None:
    answer = world.sts.get_access_key_info(AccessKeyId=world.account.key_id)

    assert world.account.id == answer["Account"]
    assert "ValidationError" == refused(world.sts.get_access_key_info, AccessKeyId="AKIAIOSFODNN7EXAMPLE")[0]


def test_an_assumed_role_is_a_session_of_the_role(world: World) -> None:
    answer = world.assume()
    given, assumed = answer["Credentials"], answer["AssumedRoleUser"]
    arn = f"arn:aws:sts::{world.account.id}:assumed-role/deploy/night"

    assert (arn, "night") == (assumed["Arn"], assumed["AssumedRoleId"].partition(":")[2])
    assert ("ASIA", 20, 40) == (
        given["AccessKeyId"][:4],
        len(given["AccessKeyId"]),
        len(given["SecretAccessKey"]),
    )
    assert "PackedPolicySize" not in answer
    who = world.client("sts", answer).get_caller_identity()
    assert (arn, assumed["AssumedRoleId"]) == (who["Arn"], who["UserId"])
    world.client("secretsmanager", answer).list_secrets()
    assert "AccessDenied" == refused(world.client("iam", answer).list_users)[0]


def test_a_role_session_must_name_the_user_it_means(world: World) -> None:
    everything = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    world.iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=policy(everything))
    iam = world.client("iam", world.assume())

    assert (
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
        400,
    ) == refused(iam.get_user)
    assert "admin" == iam.get_user(UserName="admin")["User"]["UserName"]


def test_a_role_is_assumed_only_with_both_sides_leave(world: World) -> None:
    """Source: facts, iam, section 6, Role trust; section 9: STS prints no cause."""
    sts = world.account.client("sts", **world.user("ann"))
    text = (
        f"User: arn:aws:iam::{world.account.id}:user/ann is not authorized to perform: sts:AssumeRole "
        f"on resource: {world.role}"
    )
    wanted = ("AccessDenied", text, 403)

    assert wanted == refused(sts.assume_role, RoleArn=world.role, RoleSessionName="s1")
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": world.role}
    world.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(allow))
    sts.assume_role(RoleArn=world.role, RoleSessionName="s1")
    lambda_only = trust({"Service": "lambda.amazonaws.com"})
    world.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=lambda_only)
    assert wanted == refused(sts.assume_role, RoleArn=world.role, RoleSessionName="s1")


def test_who_is_named_by_the_trust_policy_needs_no_policy_of_its_own(world: World) -> None:
    sts = world.account.client("sts", **world.user("ann"))
    arn = world.new_role("r", trust({"AWS": f"arn:aws:iam::{world.account.id}:user/ann"}))
    sts.assume_role(RoleArn=arn, RoleSessionName="s1")
    world.iam.update_user(UserName="ann", NewUserName="anna")
    sts.assume_role(RoleArn=arn, RoleSessionName="s1")


def test_a_successor_of_the_same_name_is_not_trusted(world: World) -> None:
    world.iam.create_user(UserName="ann")
    arn = world.new_role("r", trust({"AWS": f"arn:aws:iam::{world.account.id}:user/ann"}))
    world.iam.delete_user(UserName="ann")
    sts = world.account.client("sts", **world.user("ann"))

    assert "AccessDenied" == refused(sts.assume_role, RoleArn=arn, RoleSessionName="s1")[0]


@pytest.mark.parametrize("tail", ["role/none", "role/deploy", "role/OPS/deploy", "role/ops/Deploy"])
def test_a_role_that_is_not_there_sounds_like_one_that_does_not_trust(world: World, tail: str) -> None:
    arn = f"arn:aws:iam::{world.account.id}:{tail}"
    text = (
        f"User: arn:aws:iam::{world.account.id}:user/admin is not authorized to perform: sts:AssumeRole "
        f"on resource: {arn}"
    )

    assert ("AccessDenied", text, 403) == refused(world.sts.assume_role, RoleArn=arn, RoleSessionName="s1")


def test_what_is_no_role_is_invalid(world: World) -> None:
    arn = f"arn:aws:iam::{world.account.id}:user/admin"

    assert ("ValidationError", f"{arn} is invalid", 400) == refused(
        world.sts.assume_role, RoleArn=arn, RoleSessionName="s1"
    )


def test_a_role_of_another_account_needs_leave_from_both(strongroom: InProcess, world: World) -> None:
    stranger = strongroom.account()
    sts = stranger.client("sts")
    assert "AccessDenied" == refused(sts.assume_role, RoleArn=world.role, RoleSessionName="s1")[0]
    world.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust({"AWS": stranger.id}))
    answer = sts.assume_role(RoleArn=world.role, RoleSessionName="s1")

    assert world.account.id == world.client("sts", answer).get_caller_identity()["Account"]
    powerless = stranger.client("iam")
    powerless.create_user(UserName="p")
    key = powerless.create_access_key(UserName="p")["AccessKey"]
    other = stranger.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    assert "AccessDenied" == refused(other.assume_role, RoleArn=world.role, RoleSessionName="s1")[0]


def test_an_external_id_must_be_the_one_that_the_trust_policy_wants(world: World) -> None:
    arn = world.new_role("r", trust({"AWS": world.account.id}, Condition={"StringEquals": {"sts:ExternalId": "right"}}))
    world.assume(RoleArn=arn, ExternalId="right")

    assert "AccessDenied" == refused(world.assume, RoleArn=arn, ExternalId="wrong")[0]
    assert "AccessDenied" == refused(world.assume, RoleArn=arn)[0]


def test_a_session_policy_only_takes_away(world: World) -> None:
    answer = world.assume(Policy=policy(LIST, {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}))
    secrets = world.client("secretsmanager", answer)
    secrets.list_secrets()
    code, text, _ = refused(secrets.get_random_password)

    assert 0 < answer["PackedPolicySize"] < 100
    assert "AccessDeniedException" == code
    assert text.endswith("because no session policy allows the secretsmanager:GetRandomPassword action")
    assert "AccessDenied" == refused(world.client("iam", answer).list_users)[0]


def test_managed_session_policies_are_those_of_the_moment(world: World) -> None:
    arn = world.iam.create_policy(PolicyName="p", PolicyDocument=policy(LIST))["Policy"]["Arn"]
    secrets = world.client("secretsmanager", world.assume(PolicyArns=[{"arn": arn}]))
    secrets.list_secrets()
    world.iam.delete_policy(PolicyArn=arn)

    assert "AccessDeniedException" == refused(secrets.list_secrets)[0]
    assert "ValidationError" == refused(world.assume, PolicyArns=[{"arn": arn}])[0]
    assert "ValidationError" == refused(world.assume, PolicyArns=[{"arn": READ_WRITE}] * 11)[0]


def test_what_is_no_session_policy_is_refused(world: World) -> None:
    assert ("MalformedPolicyDocument", 400) == refused(world.assume, Policy="{}")[::2]


def test_session_policies_and_tags_must_fit_into_a_token(world: World) -> None:
    world.iam.update_assume_role_policy(
        RoleName="deploy", PolicyDocument=trust({"AWS": world.account.id}, "sts:AssumeRole", "sts:TagSession")
    )
    tags = [{"Key": f"k{number}", "Value": chance.token_hex(120)} for number in range(50)]
    code, text, _ = refused(world.assume, Tags=tags)

    assert "PackedPolicyTooLarge" == code
    assert text.startswith("Packed policy consumes ")


def test_a_session_lasts_as_long_as_asked_and_no_longer(strongroom: InProcess, world: World) -> None:
    sts = world.client("sts", world.assume(DurationSeconds=900))
    strongroom.advance(timedelta(seconds=890))
    sts.get_caller_identity()
    strongroom.advance(timedelta(seconds=11))

    assert ("ExpiredToken", "The security token included in the request is expired", 403) == refused(
        sts.get_caller_identity
    )


def test_a_session_may_not_be_longer_than_the_role_allows(world: World) -> None:
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    assert ("ValidationError", text, 400) == refused(world.assume, DurationSeconds=3601)
    world.iam.update_role(RoleName="deploy", MaxSessionDuration=7200)
    world.assume(DurationSeconds=7200)


def test_a_session_ends_with_its_role(world: World) -> None:
    sts = world.client("sts", world.assume())
    sts.get_caller_identity()
    world.iam.delete_role_policy(RoleName="deploy", PolicyName="p")
    world.iam.delete_role(RoleName="deploy")
    world.new_role("deploy", trust({"AWS": world.account.id}))

    assert "InvalidClientTokenId" == refused(sts.get_caller_identity)[0]


def test_tags_of_a_session_are_what_policies_see(world: World) -> None:
    document = trust({"AWS": world.account.id}, "sts:AssumeRole", "sts:TagSession")
    world.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=document)
    tagged = {**ALL, "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "blue"}}}
    world.iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=policy(tagged))
    world.iam.tag_role(RoleName="deploy", Tags=[{"Key": "team", "Value": "red"}])
    plain = world.client("secretsmanager", world.assume())
    blue = world.client("secretsmanager", world.assume(Tags=[{"Key": "Team", "Value": "blue"}]))

    assert "AccessDeniedException" == refused(plain.list_secrets)[0]
    blue.list_secrets()


def test_tags_of_a_session_need_a_permission_of_their_own(world: World) -> None:
    code, text, _ = refused(world.assume, Tags=[{"Key": "Team", "Value": "blue"}])

    assert "AccessDenied" == code
    assert "sts:TagSession" in text


def test_transitive_tags_and_the_source_identity_flow_through_a_chain(world: World) -> None:
    actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    document = trust({"AWS": world.account.id}, *actions)
    first = world.new_role("first", document)
    allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    world.iam.put_role_policy(RoleName="first", PolicyName="p", PolicyDocument=policy(allow))
    second = world.new_role("second", document)
    seen = {
        **ALL,
        "Condition": {
            "StringEquals": {
                "aws:PrincipalTag/Team": "blue",
                "aws:SourceIdentity": "ann",
                "aws:PrincipalTag/Level": "2",
            }
        },
    }
    world.iam.put_role_policy(RoleName="second", PolicyName="p", PolicyDocument=policy(seen))
    chain = world.client(
        "sts",
        world.assume(
            RoleArn=first,
            SourceIdentity="ann",
            TransitiveTagKeys=["Team"],
            Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "Level", "Value": "1"}],
        ),
    )
    asked = {"RoleArn": second, "RoleSessionName": "s2"}
    answer = chain.assume_role(**asked, Tags=[{"Key": "Level", "Value": "2"}])
    world.client("secretsmanager", answer).list_secrets()

    assert "ann" == answer["SourceIdentity"]
    assert "AccessDenied" == refused(chain.assume_role, **asked, SourceIdentity="bob")[0]
    assert "InvalidParameterValue" == refused(chain.assume_role, **asked, Tags=[{"Key": "team", "Value": "x"}])[0]
    too_long = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    assert ("ValidationError", too_long, 400) == refused(chain.assume_role, **asked, DurationSeconds=3601)


def test_a_session_token_keeps_the_users_identity(world: World) -> None:
    keys = world.user("ann", ALL)
    sts = world.account.client("sts", **keys)
    answer = sts.get_session_token()
    session = world.client("sts", answer)

    assert f"arn:aws:iam::{world.account.id}:user/ann" == session.get_caller_identity()["Arn"]
    world.client("secretsmanager", answer).list_secrets()
    assert ("AccessDenied", "Cannot call GetSessionToken with session credentials", 403) == refused(
        session.get_session_token
    )
    assert ("InvalidClientTokenId", "The security token included in the request is invalid.", 403) == refused(
        world.client("iam", answer).get_user
    )
    world.iam.delete_access_key(UserName="ann", AccessKeyId=keys["aws_access_key_id"])
    assert "InvalidClientTokenId" == refused(session.get_caller_identity)[0]


def test_a_federated_user_may_what_user_and_session_policy_both_allow(world: World) -> None:
    keys = world.user("ann", LIST, {"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*"})
    sts = world.account.client("sts", **keys)
    answer = sts.get_federation_token(Name="visitor", Policy=policy(ALL))
    bare = sts.get_federation_token(Name="visitor")
    arn = f"arn:aws:sts::{world.account.id}:federated-user/visitor"

    assert {"FederatedUserId": f"{world.account.id}:visitor", "Arn": arn} == answer["FederatedUser"]
    assert 0 == bare["PackedPolicySize"]
    who = world.client("sts", answer).get_caller_identity()
    assert (arn, f"{world.account.id}:visitor") == (who["Arn"], who["UserId"])
    world.client("secretsmanager", answer).list_secrets()
    assert "AccessDeniedException" == refused(world.client("secretsmanager", answer).get_random_password)[0]
    assert "AccessDeniedException" == refused(world.client("secretsmanager", bare).list_secrets)[0]
    assert "InvalidClientTokenId" == refused(world.client("iam", answer).list_users)[0]
    assert (
        "AccessDenied" == refused(world.client("sts", answer).assume_role, RoleArn=world.role, RoleSessionName="s1")[0]
    )


def test_giving_out_a_federation_token_needs_the_permission(world: World) -> None:
    sts = world.account.client("sts", **world.user("ann"))
    resource = f"arn:aws:sts::{world.account.id}:federated-user/visitor"
    code, text, _ = refused(sts.get_federation_token, Name="visitor")

    assert "AccessDenied" == code
    assert f"sts:GetFederationToken on resource: {resource}" in text


def test_credentials_of_two_sessions_do_not_mix(world: World) -> None:
    one, other = world.assume(), world.assume()
    one["Credentials"]["SessionToken"] = other["Credentials"]["SessionToken"]

    assert "InvalidClientTokenId" == refused(world.client("sts", one).get_caller_identity)[0]


def test_a_temporary_key_needs_its_own_secret(world: World) -> None:
    answer = world.assume()
    answer["Credentials"]["SecretAccessKey"] = "x" * 40

    assert "SignatureDoesNotMatch" == refused(world.client("sts", answer).get_caller_identity)[0]


def test_when_a_role_was_last_used_is_known(world: World) -> None:
    assert {} == world.iam.get_role(RoleName="deploy")["Role"].get("RoleLastUsed", {})
    world.client("secretsmanager", world.assume()).list_secrets()
    deadline = time.monotonic() + 5
    while not world.iam.get_role(RoleName="deploy")["Role"].get("RoleLastUsed"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_sts_answers_in_every_region(world: World, region: str) -> None:
    assert world.account.id == world.account.client("sts", region).get_caller_identity()["Account"]


def test_what_was_given_out_is_on_no_disk_but_in_the_record_of_who_got_it(strongroom: InProcess, world: World) -> None:
    """Searched as it is, in base64 and in hex: keys' secrets and session tokens; found: the key ids."""
    keys = world.user("ann", {"Effect": "Allow", "Action": "sts:*", "Resource": "*"})
    sts = world.account.client("sts", **keys)
    given = [world.assume(), sts.get_session_token(), sts.get_federation_token(Name="visitor")]
    hidden = [keys["aws_secret_access_key"]]
    for answer in given:
        hidden += [answer["Credentials"]["SecretAccessKey"], answer["Credentials"]["SessionToken"]]
    world.client("secretsmanager", given[0]).list_secrets()
    data = strongroom.settings.data
    disk = b"".join(path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file())
    journal = b"".join(path.read_bytes() for path in sorted((data / "journal").rglob("*")) if path.is_file())
    forms = [
        form(text.encode())
        for text in hidden
        for form in (bytes, base64.b64encode, lambda raw: raw.hex().encode(), _decoded)
    ]

    assert [] == [form for form in forms if form in disk]
    assert all(answer["Credentials"]["AccessKeyId"].encode() in journal for answer in given)


def _decoded(text: bytes) -> bytes:
    """The bytes that a secret or token stands for."""
    return base64.b64decode(text)
