"""What session tokens are worth, when they end, and what a refusal's encoded message says: stock boto3."""

from __future__ import annotations

import base64
import configparser
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.inprocess import ROOT_KEY, Account, InProcess
from tests.wire.local import ask
from tests.wire.test_sts import ALL, World, policy, refused, trust

from strongroom.kernel.storage.schema import commit
from strongroom.server.parts import StartRefused

UNKNOWN = ("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
ENCODED = re.compile(r" Encoded authorization failure message: ([A-Za-z0-9_-]+)$")


@pytest.fixture
def world(account: Account) -> World:
    """An account with a role."""
    return World(account)


def rotate(strongroom: InProcess, **asked: bool) -> dict[str, Any]:
    """A new token-sealing key, by the administrator of the deployment's own account."""
    found = configparser.RawConfigParser()
    found.read(strongroom.settings.data / "credentials")
    keys = found["default"]
    operator = Account(strongroom.url, "", keys["aws_access_key_id"], keys["aws_secret_access_key"])
    answer: dict[str, Any] = ask(operator, "POST", "/_strongroom/token-key/rotate", dict(asked))
    return answer


def test_a_session_outlives_one_new_sealing_key_and_not_two(strongroom: InProcess, world: World) -> None:
    sessions = [world.client("sts", world.assume()), world.client("sts", world.sts.get_session_token())]
    first = rotate(strongroom)
    for session in sessions:
        session.get_caller_identity()
    between = world.client("sts", world.assume())

    second = rotate(strongroom)

    assert first["KeyNumber"] + 1 == second["KeyNumber"]
    assert [UNKNOWN, UNKNOWN] == [refused(session.get_caller_identity) for session in sessions]
    assert between.get_caller_identity()["Account"] == world.account.id


def test_after_a_leak_every_session_ends_at_once_and_new_ones_are_good(strongroom: InProcess, world: World) -> None:
    session = world.client("sts", world.assume())
    session.get_caller_identity()

    assert rotate(strongroom, EndSessions=True)["SessionsEnded"]

    assert UNKNOWN == refused(session.get_caller_identity)
    world.client("sts", world.assume()).get_caller_identity()


def test_the_sealing_key_is_replaced_each_week_and_long_sessions_live_on(strongroom: InProcess, world: World) -> None:
    before = rotate(strongroom)["KeyNumber"]
    strongroom.advance(timedelta(days=6, hours=23))
    session = world.client("sts", world.sts.get_session_token(DurationSeconds=129_600))

    strongroom.advance(timedelta(hours=35))

    session.get_caller_identity()
    assert before + 2 == rotate(strongroom)["KeyNumber"]


def test_rotating_the_sealing_key_needs_its_own_permission(world: World) -> None:
    keys = world.user("ann", ALL)
    with pytest.raises(StartRefused, match="strongroom:TokenKeyRotate"):
        ask(world.account, "POST", "/_strongroom/token-key/rotate", {}, **keys)


def test_no_other_accounts_administrator_ends_anybodys_sessions(world: World) -> None:
    session = world.client("sts", world.assume())
    for asked in ({}, {"EndSessions": True}):
        with pytest.raises(StartRefused, match="Only the account"):
            ask(world.account, "POST", "/_strongroom/token-key/rotate", asked)
    session.get_caller_identity()


def test_giving_out_and_using_a_session_writes_nothing(strongroom: InProcess, world: World) -> None:
    def committed() -> Any:
        with strongroom.worker.asgi.engine.store.read() as tx:  # type: ignore[attr-defined]
            return tx.row(select(func.count()).select_from(commit))

    before = committed()
    for answer in (world.assume(), world.sts.get_session_token(), world.sts.get_federation_token(Name="visitor")):
        world.client("sts", answer).get_caller_identity()

    assert before == committed()


def test_a_deny_on_the_time_of_issue_revokes_older_sessions_and_no_later_ones(
    strongroom: InProcess, world: World
) -> None:
    """Source: IAM User Guide, "Revoke IAM role temporary security credentials"."""
    old = world.assume()
    strongroom.advance(timedelta(seconds=2))
    made = old["Credentials"]["Expiration"] - timedelta(seconds=3600 - 1)
    revoked = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": made.isoformat()}},
    }
    world.iam.put_role_policy(RoleName="deploy", PolicyName="AWSRevokeOlderSessions", PolicyDocument=policy(revoked))

    assert "AccessDeniedException" == refused(world.client("secretsmanager", old).list_secrets)[0]
    world.client("secretsmanager", world.assume()).list_secrets()


@pytest.mark.parametrize("change", ["deactivate", "delete the key", "delete the user"])
def test_a_users_session_ends_with_its_key_and_with_the_user(world: World, change: str) -> None:
    keys = world.user("ann", ALL)
    session = world.client("sts", world.account.client("sts", **keys).get_session_token())
    session.get_caller_identity()
    key = {"UserName": "ann", "AccessKeyId": keys["aws_access_key_id"]}

    if change == "deactivate":
        world.iam.update_access_key(**key, Status="Inactive")
    else:
        world.iam.delete_access_key(**key)
    if change == "delete the user":
        world.iam.delete_user_policy(UserName="ann", PolicyName="p")
        world.iam.delete_user(UserName="ann")
        world.user("ann", ALL)

    assert UNKNOWN == refused(session.get_caller_identity)


def test_a_chained_session_lasts_an_hour_at_most_whatever_the_role_allows(world: World) -> None:
    """Source: facts, iam, section 10: 3600 is taken, 3601 is not."""
    document = trust({"AWS": world.account.id})
    second = world.new_role("second", document, MaxSessionDuration=43_200)
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    world.iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=policy(allow))
    chained = world.client("sts", world.assume())
    asked = {"RoleArn": second, "RoleSessionName": "s2"}

    chained.assume_role(**asked, DurationSeconds=3600)
    text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    assert ("ValidationError", text, 400) == refused(chained.assume_role, **asked, DurationSeconds=3601)
    assert "Credentials" in world.sts.assume_role(**asked, DurationSeconds=43_200)


def test_assume_root_is_not_offered(world: World) -> None:
    code, text, status = refused(
        world.sts.assume_root,
        TargetPrincipal=world.account.id,
        TaskPolicyArn={"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"},
    )
    assert 400 == status and "no organizations" in text, code


# ---------------------------------------------------------------------- encoded messages


def denied(account: Account, keys: dict[str, str]) -> str:
    """The encoded message of a refused question to Strongroom itself."""
    with pytest.raises(StartRefused, match="strongroom:WhoCan on resource") as refusal:
        ask(account, "POST", "/_strongroom/who-can", {"Action": "kms:ListKeys"}, **keys)
    found = ENCODED.search(str(refusal.value))
    assert found is not None
    return found[1]


def test_an_encoded_message_tells_who_asked_what_and_which_statement_denied(world: World) -> None:
    keys = world.user("ann", {"Effect": "Deny", "Action": "strongroom:*", "Resource": "*"})
    text = denied(world.account, keys)

    told = json.loads(world.sts.decode_authorization_message(EncodedMessage=text)["DecodedMessage"])

    assert (False, True) == (told["allowed"], told["explicitDeny"])
    (statement,) = told["matchedStatements"]["items"]
    assert ("DENY", "inline:p", 0) == (statement["effect"], statement["policyId"], statement["statementIndex"])
    context = told["context"]
    assert ("strongroom:WhoCan", "ann") == (context["action"], context["principal"]["name"])
    assert {"key": "aws:username", "values": {"items": [{"value": "ann"}]}} in context["conditions"]["items"]


def test_decoding_needs_the_permission_and_the_same_account(strongroom: InProcess, world: World) -> None:
    keys = world.user("ann")
    text = denied(world.account, keys)
    wrong = ("InvalidAuthorizationMessageException", 400)

    assert (
        "AccessDenied"
        == refused(world.account.client("sts", **keys).decode_authorization_message, EncodedMessage=text)[0]
    )
    other = strongroom.account().client("sts")
    assert wrong == refused(other.decode_authorization_message, EncodedMessage=text)[::2]
    for broken in (text[:-2], "x", text[:40] + ("A" if text[40] != "A" else "B") + text[41:], "\u00e9" * 9):
        assert wrong == refused(world.sts.decode_authorization_message, EncodedMessage=broken)[::2]


def test_a_message_is_sealed_and_other_services_refusals_carry_none(world: World) -> None:
    keys = world.user("ann")
    text = denied(world.account, keys)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    assert b"ann" not in raw and b"WhoCan" not in raw
    for service, call in (("secretsmanager", "list_secrets"), ("kms", "list_keys"), ("iam", "list_users")):
        assert "Encoded" not in refused(getattr(world.account.client(service, **keys), call))[1]
    assert ROOT_KEY not in raw
