"""The life of a secret with stock boto3: exact members, exact errors, versions and labels."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def members(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without its metadata."""
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """Code and message of a call that must fail with 400."""
    with pytest.raises(ClientError) as error:
        call(**params)
    assert 400 == error.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def stages(client: Any, secret_id: str) -> dict[str, list[str]]:
    found = client.describe_secret(SecretId=secret_id).get("VersionIdsToStages", {})
    return {version_id: sorted(names) for version_id, names in found.items()}


def token() -> str:
    return str(uuid.uuid4())


GONE = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
MARKED = "You can't perform this operation on the secret because it was marked for deletion."


# ---------------------------------------------------------------------- making and reading


def test_a_created_secret_reads_back_with_exactly_awss_members(secrets: Any, account: Account) -> None:
    made = members(secrets.create_secret(Name="lab/db", SecretString='{"a":1}', Description=""))
    assert {"ARN", "Name", "VersionId"} == set(made)
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:us-east-1:{account.id}:secret:lab/db-")
    assert 6 == len(made["ARN"].rpartition("-")[2])
    read = members(secrets.get_secret_value(SecretId="lab/db"))
    assert {"ARN", "CreatedDate", "Name", "SecretString", "VersionId", "VersionStages"} == set(read)
    assert ('{"a":1}', ["AWSCURRENT"], made["VersionId"]) == (
        read["SecretString"],
        read["VersionStages"],
        read["VersionId"],
    )


def test_binary_values_come_back_byte_for_byte(secrets: Any) -> None:
    secrets.create_secret(Name="b", SecretBinary=b"\x00\x01\x02\xff")
    read = members(secrets.get_secret_value(SecretId="b"))
    assert b"\x00\x01\x02\xff" == read["SecretBinary"]
    assert "SecretString" not in read


def test_a_secret_without_a_value_has_no_version_and_says_so(secrets: Any) -> None:
    assert {"ARN", "Name"} == set(members(secrets.create_secret(Name="empty")))
    assert {"ARN", "CreatedDate", "LastChangedDate", "Name"} == set(members(secrets.describe_secret(SecretId="empty")))
    assert (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    ) == refused(secrets.get_secret_value, SecretId="empty")
    put = members(secrets.put_secret_value(SecretId="empty", SecretString="x", VersionStages=["X"]))
    assert {"AWSCURRENT", "X"} == set(put["VersionStages"])


def test_describe_shows_what_there_is_to_say_and_nothing_else(secrets: Any) -> None:
    secrets.create_secret(Name="d", SecretString="x")
    plain = {"ARN", "CreatedDate", "LastChangedDate", "Name", "VersionIdsToStages"}
    assert plain == set(members(secrets.describe_secret(SecretId="d")))
    secrets.update_secret(SecretId="d", Description="words")
    assert plain | {"Description"} == set(members(secrets.describe_secret(SecretId="d")))
    secrets.update_secret(SecretId="d", Description="")
    assert plain == set(members(secrets.describe_secret(SecretId="d")))


def test_the_day_of_the_first_read_is_shown_at_once(secrets: Any) -> None:
    secrets.create_secret(Name="d", SecretString="x")
    assert "LastAccessedDate" not in secrets.describe_secret(SecretId="d")
    for _ in range(2):
        secrets.get_secret_value(SecretId="d")
        day = secrets.describe_secret(SecretId="d")["LastAccessedDate"].astimezone(UTC)
        assert (0, 0, 0, 0) == (day.hour, day.minute, day.second, day.microsecond)
    version = secrets.list_secret_version_ids(SecretId="d")["Versions"][0]
    assert day == version["LastAccessedDate"]


def test_a_name_in_use_and_a_repeated_token_answer_as_aws_does(secrets: Any) -> None:
    first = token()
    made = members(secrets.create_secret(Name="t", SecretString="one", ClientRequestToken=first))
    assert made == members(secrets.create_secret(Name="t", SecretString="one", ClientRequestToken=first))
    clash = (
        "ResourceExistsException",
        (
            f"You can't use ClientRequestToken {first} because that value is already in use for a version of "
            f"secret {made['ARN']}."
        ),
    )
    assert clash == refused(secrets.create_secret, Name="t", SecretString="two", ClientRequestToken=first)
    assert clash == refused(secrets.put_secret_value, SecretId="t", SecretString="two", ClientRequestToken=first)
    assert clash == refused(secrets.update_secret, SecretId="t", SecretString="two", ClientRequestToken=first)
    assert (
        "ResourceExistsException",
        "The operation failed because the secret t already exists.",
    ) == refused(secrets.create_secret, Name="t", SecretString="one")


def test_a_repeated_put_stores_nothing_new(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="one")
    again = token()
    answers = [
        members(secrets.put_secret_value(SecretId="db", SecretString="two", ClientRequestToken=again)) for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert 2 == len(secrets.list_secret_version_ids(SecretId="db", IncludeDeprecated=True)["Versions"])
    updated = secrets.update_secret(SecretId="db", SecretString="two", ClientRequestToken=again)
    assert again == updated["VersionId"]


def test_every_identifier_finds_the_secret(secrets: Any) -> None:
    arn = secrets.create_secret(Name="/a/b_c+d=e.f@g", SecretString="x")["ARN"]
    for secret_id in ("/a/b_c+d=e.f@g", arn, arn[:-7]):
        assert arn == secrets.get_secret_value(SecretId=secret_id)["ARN"]


def test_a_name_that_ends_like_a_suffix_is_not_found_by_its_shortened_arn(secrets: Any) -> None:
    arn = secrets.create_secret(Name="odd-a1b2c3", SecretString="x")["ARN"]
    assert arn == secrets.describe_secret(SecretId="odd-a1b2c3")["ARN"]
    assert arn == secrets.describe_secret(SecretId=arn)["ARN"]
    assert GONE == refused(secrets.describe_secret, SecretId=arn[:-7])


INVALID = (
    "ValidationException",
    ("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"),
)


def test_an_invalid_name_is_told_by_every_operation(secrets: Any) -> None:
    assert INVALID == refused(secrets.create_secret, Name="a b", SecretString="x")
    for call, params in (
        (secrets.delete_secret, {}),
        (secrets.delete_secret, {"ForceDeleteWithoutRecovery": True}),
        (secrets.describe_secret, {}),
        (secrets.get_secret_value, {}),
        (secrets.list_secret_version_ids, {}),
        (secrets.put_secret_value, {"SecretString": "x"}),
        (secrets.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (secrets.untag_resource, {"TagKeys": ["a"]}),
        (secrets.update_secret, {}),
        (secrets.validate_resource_policy, {"ResourcePolicy": "{}"}),
    ):
        assert INVALID == refused(call, SecretId="a b", **params)


# ---------------------------------------------------------------------- versions and labels


def test_labels_move_as_aws_moves_them(secrets: Any) -> None:
    one, two, three = token(), token(), token()
    secrets.create_secret(Name="v", SecretString="1", ClientRequestToken=one)
    secrets.put_secret_value(SecretId="v", SecretString="2", ClientRequestToken=two)
    assert {one: ["AWSPREVIOUS"], two: ["AWSCURRENT"]} == stages(secrets, "v")
    secrets.put_secret_value(SecretId="v", SecretString="3", ClientRequestToken=three)
    assert {two: ["AWSPREVIOUS"], three: ["AWSCURRENT"]} == stages(secrets, "v")
    listed = secrets.list_secret_version_ids(SecretId="v", IncludeDeprecated=True)["Versions"]
    assert [one, two, three] == [each["VersionId"] for each in listed]
    assert "VersionStages" not in listed[0]
    assert [["DefaultEncryptionKey"]] * 3 == [each["KmsKeyIds"] for each in listed]
    read = members(secrets.get_secret_value(SecretId="v", VersionId=one))
    assert ("1", False) == (read["SecretString"], "VersionStages" in read)
    assert "2" == secrets.get_secret_value(SecretId="v", VersionStage="AWSPREVIOUS")["SecretString"]
    assert "2" == secrets.get_secret_value(SecretId="v", VersionId=two, VersionStage="AWSPREVIOUS")["SecretString"]


def test_a_version_that_is_not_there_is_told_by_what_was_asked(secrets: Any) -> None:
    secrets.create_secret(Name="v", SecretString="1", ClientRequestToken="1" * 32)
    unknown = "2" * 32
    assert (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {unknown}",
    ) == refused(secrets.get_secret_value, SecretId="v", VersionId=unknown)
    assert (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: NOPE",
    ) == refused(secrets.get_secret_value, SecretId="v", VersionStage="NOPE")
    assert (
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    ) == refused(secrets.get_secret_value, SecretId="v", VersionId="1" * 32, VersionStage="NOPE")


def test_a_stage_is_rolled_back_by_naming_both_versions(secrets: Any) -> None:
    one, two = token(), token()
    secrets.create_secret(Name="v", SecretString="1", ClientRequestToken=one)
    secrets.put_secret_value(SecretId="v", SecretString="2", ClientRequestToken=two)
    assert (
        "InvalidParameterException",
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently "
            f"attached to version {two}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        ),
    ) == refused(secrets.update_secret_version_stage, SecretId="v", VersionStage="AWSCURRENT", MoveToVersionId=one)
    answer = secrets.update_secret_version_stage(
        SecretId="v", VersionStage="AWSCURRENT", MoveToVersionId=one, RemoveFromVersionId=two
    )
    assert {"ARN", "Name"} == set(members(answer))
    assert {one: ["AWSCURRENT"], two: ["AWSPREVIOUS"]} == stages(secrets, "v")
    secrets.update_secret_version_stage(SecretId="v", VersionStage="AWSPREVIOUS", RemoveFromVersionId=two)
    assert {one: ["AWSCURRENT"]} == stages(secrets, "v")


def test_an_update_answers_a_version_only_when_it_made_one(secrets: Any) -> None:
    secrets.create_secret(Name="u", SecretString="x")
    before = secrets.describe_secret(SecretId="u")
    assert {"ARN", "Name"} == set(members(secrets.update_secret(SecretId="u")))
    assert before["LastChangedDate"] == secrets.describe_secret(SecretId="u")["LastChangedDate"]
    changed = []
    for _ in range(3):
        assert {"ARN", "Name", "VersionId"} == set(members(secrets.update_secret(SecretId="u", SecretString="x")))
        changed.append(secrets.describe_secret(SecretId="u")["LastChangedDate"])
    assert changed == sorted(set(changed))


def test_version_pages_go_on_where_they_ended(secrets: Any) -> None:
    tokens = [token() for _ in range(5)]
    secrets.create_secret(Name="p")
    for each in tokens:
        secrets.put_secret_value(SecretId="p", SecretString=each, ClientRequestToken=each)
    met: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = secrets.list_secret_version_ids(SecretId="p", IncludeDeprecated=True, MaxResults=2, **more)
        met += [each["VersionId"] for each in page["Versions"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert tokens == met
    assert (
        "InvalidNextTokenException" == refused(secrets.list_secret_version_ids, SecretId="p", MaxResults=2, **more)[0]
    ), "a token is good for the question it was given for"


# ---------------------------------------------------------------------- tags and passwords


def test_tags_are_absent_until_there_were_any_and_empty_afterwards(secrets: Any) -> None:
    secrets.create_secret(Name="t", SecretString="x")
    assert {} == members(secrets.tag_resource(SecretId="t", Tags=[{"Key": "a", "Value": "1"}]))
    secrets.tag_resource(SecretId="t", Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    assert [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}] == secrets.describe_secret(SecretId="t")["Tags"]
    assert {} == members(secrets.untag_resource(SecretId="t", TagKeys=["a", "b", "never"]))
    assert [] == secrets.describe_secret(SecretId="t")["Tags"]


def test_a_random_password_is_what_was_asked_for(secrets: Any) -> None:
    assert 32 == len(secrets.get_random_password()["RandomPassword"])
    only = secrets.get_random_password(
        PasswordLength=20, ExcludeUppercase=True, ExcludePunctuation=True, ExcludeNumbers=True
    )["RandomPassword"]
    assert only.islower() and only.isalpha() and 20 == len(only)
    assert (
        "InvalidParameterException",
        "Password length is too short based on the required types",
    ) == refused(secrets.get_random_password, PasswordLength=3)
    assert "ValidationException" == refused(secrets.get_random_password, PasswordLength=4097)[0]


# ---------------------------------------------------------------------- deletion


def test_a_deleted_secret_waits_is_restored_and_waits_again(secrets: Any) -> None:
    secrets.create_secret(Name="d", SecretString="x")
    answer = members(secrets.delete_secret(SecretId="d"))
    assert {"ARN", "DeletionDate", "Name"} == set(answer)
    window = answer["DeletionDate"] - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < window
    described = secrets.describe_secret(SecretId="d")
    assert answer["DeletionDate"] == described["DeletedDate"]
    assert described["VersionIdsToStages"]
    for call, params in (
        (secrets.get_secret_value, {}),
        (secrets.put_secret_value, {"SecretString": "y"}),
        (secrets.update_secret, {"Description": "y"}),
        (secrets.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (secrets.untag_resource, {"TagKeys": ["a"]}),
        (secrets.get_resource_policy, {}),
        (secrets.delete_secret, {}),
    ):
        assert ("InvalidRequestException", MARKED) == refused(call, SecretId="d", **params)
    assert (
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    ) == refused(secrets.create_secret, Name="d", SecretString="y")
    assert {"ARN", "Name"} == set(members(secrets.restore_secret(SecretId="d")))
    assert "DeletedDate" not in secrets.describe_secret(SecretId="d")
    assert "x" == secrets.get_secret_value(SecretId="d")["SecretString"]


def test_a_forced_deletion_frees_the_name_at_once(secrets: Any) -> None:
    first = secrets.create_secret(Name="f", SecretString="x")
    secrets.delete_secret(SecretId="f", RecoveryWindowInDays=7)
    gone = members(secrets.delete_secret(SecretId="f", ForceDeleteWithoutRecovery=True))
    assert {"ARN", "DeletionDate", "Name"} == set(gone)
    assert GONE == refused(secrets.describe_secret, SecretId="f")
    again = secrets.create_secret(Name="f", SecretString="y")
    assert first["ARN"] != again["ARN"] and first["VersionId"] != again["VersionId"]
    assert GONE == refused(secrets.get_secret_value, SecretId=first["ARN"])


def test_a_forced_deletion_of_what_never_was_succeeds(secrets: Any) -> None:
    answer = members(secrets.delete_secret(SecretId="never", ForceDeleteWithoutRecovery=True))
    assert ("never", {"ARN", "DeletionDate", "Name"}) == (answer["Name"], set(answer))
    assert GONE == refused(secrets.delete_secret, SecretId="never")


def test_windows_are_checked_as_aws_does(secrets: Any) -> None:
    secrets.create_secret(Name="w", SecretString="x")
    for days in (6, 31):
        assert (
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ) == refused(secrets.delete_secret, SecretId="w", RecoveryWindowInDays=days)
    assert (
        "InvalidParameterException",
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    ) == refused(secrets.delete_secret, SecretId="w", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)


def test_a_secret_is_purged_when_its_window_has_passed_and_not_before(
    secrets: Any, account: Account, strongroom: InProcess
) -> None:
    for name in ("purged", "kept"):
        secrets.create_secret(Name=name, SecretString="x", Tags=[{"Key": "a", "Value": "b"}])
        secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    strongroom.advance(timedelta(days=6, hours=23))
    secrets.restore_secret(SecretId="kept")
    assert "DeletedDate" in secrets.describe_secret(SecretId="purged")
    strongroom.advance(timedelta(hours=2))
    assert GONE == refused(secrets.describe_secret, SecretId="purged")
    assert "x" == secrets.get_secret_value(SecretId="kept")["SecretString"]
    listed = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert ["kept"] == [one["Name"] for one in listed]


# ---------------------------------------------------------------------- raw requests


def test_a_value_must_be_given_and_only_one(secrets: Any) -> None:
    secrets.create_secret(Name="v")
    assert ("InvalidRequestException", "You must provide either SecretString or SecretBinary.") == refused(
        secrets.put_secret_value, SecretId="v"
    )
    assert (
        "InvalidParameterException"
        == refused(secrets.put_secret_value, SecretId="v", SecretString="x", SecretBinary=b"x")[0]
    )


def test_a_json_value_is_not_touched(secrets: Any) -> None:
    text = json.dumps({"pässwörd": "\u2028 \\ \" '"}, ensure_ascii=False)
    secrets.create_secret(Name="j", SecretString=text)
    assert text == secrets.get_secret_value(SecretId="j")["SecretString"]
