"""Functions as things: made, shown, listed, changed, published, named, tagged, deleted; and what is refused."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from typing import Any

import pytest

from tests.functions.packing import ECHO, PYTHON, invoke, make_function, make_role, zipped
from tests.functions.test_invoke import told
from tests.functions.test_roles import making
from tests.inprocess import Account

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"
ORG = "o-1234567890"
INVALID = "InvalidParameterValueException"
ZIP = zipped({"app.py": ECHO})


def test_a_function_is_shown_as_it_was_made(account: Account) -> None:
    """Source: facts lambda-and-others, section 1.2 (captured)."""
    role = make_role(account)
    client = account.client("lambda")
    made = client.create_function(
        **making(role) | {"Environment": {"Variables": {"COLOUR": "blue"}}, "Tags": {"team": "a"}, "Description": "d"}
    )
    code = making(role)["Code"]["ZipFile"]
    assert 201 == made["ResponseMetadata"]["HTTPStatusCode"]
    expected = {
        "FunctionName": "f",
        "FunctionArn": f"arn:aws:lambda:us-east-1:{account.id}:function:f",
        "Runtime": PYTHON,
        "Role": role,
        "Handler": "app.handler",
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Description": "d",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "Environment": {"Variables": {"COLOUR": "blue"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    assert expected == {name: made[name] for name in expected}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", made["LastModified"])
    shown = client.get_function(FunctionName="f")
    assert {"team": "a"} == shown["Tags"]
    assert expected == {name: shown["Configuration"][name] for name in expected}
    assert expected == {name: client.get_function_configuration(FunctionName="f")[name] for name in expected}
    client.get_waiter("function_active_v2").wait(FunctionName="f")


def test_functions_are_listed_by_name_in_pages_without_their_environments(account: Account) -> None:
    role, client = make_role(account), account.client("lambda")
    for name in ("c", "a", "b"):
        client.create_function(**making(role, name) | {"Environment": {"Variables": {"SECRET": "x"}}})
    pages = list(client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [["a", "b"], ["c"]] == [[one["FunctionName"] for one in page["Functions"]] for page in pages]
    assert not any("Environment" in one for page in pages for one in page["Functions"])


def test_a_name_is_given_once(account: Account) -> None:
    role, client = make_role(account), account.client("lambda")
    client.create_function(**making(role))
    assert ("ResourceConflictException", "Function already exist: f") == told(client.create_function, **making(role))


def test_a_deleted_function_is_gone_with_all_that_was_its_own(account: Account) -> None:
    role, client = make_role(account), account.client("lambda")
    client.create_function(**making(role))
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    answer = client.delete_function(FunctionName="f")
    assert 204 == answer["ResponseMetadata"]["HTTPStatusCode"]
    assert "ResourceNotFoundException" == told(client.get_function, FunctionName="f")[0]
    client.create_function(**making(role))
    assert ["$LATEST"] == [one["Version"] for one in client.list_versions_by_function(FunctionName="f")["Versions"]]


# ---------------------------------------------------------------------- refusals


def too_large() -> bytes:
    """A zip of 60 kB that would become 262 MB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(250):
            file.write(bytes(1 << 20))
    return made.getvalue()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file. Please check your file"),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "k"}}, "S3 and container images are not offered"),
        ({"Runtime": "python3.7"}, "The runtime parameter of python3.7 is no longer supported for"),
        ({"Runtime": "nodejs22.x"}, "The runtime nodejs22.x is not offered here. Runtimes offered: python3."),
        ({"Timeout": 901}, "'Timeout' value failed to satisfy constraint"),
        ({"MemorySize": 10_241}, "'MemorySize' value failed to satisfy constraint"),
        ({"EphemeralStorage": {"Size": 513}}, "at most 512 MB (setting function_scratch_mb)"),
        ({"Environment": {"Variables": {"AWS_REGION": "x", "AWS_LAMBDA_X": "y"}}},
         "Reserved keys used in this request: AWS_LAMBDA_X, AWS_REGION"),
        ({"Environment": {"Variables": {"A1": "canary" * 800}}}, "exceeded the 4KB limit."),
        ({"Environment": {"Variables": {"1A": "x"}}}, ""),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/x"}, "KMSKeyArn is not offered"),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "does not exist."),
        ({"Layers": [f"arn:aws:lambda:us-east-1:123456789012:layer:l{n}:1" for n in range(6)]},
         "Cannot reference more than 5 layers."),
        ({"TracingConfig": {"Mode": "Active"}}, "X-Ray is not offered"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "LogFormat JSON is not offered"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_in_lambdas_words(account: Account, changed: dict[str, Any], text: str) -> None:
    """Source: facts lambda-and-others, section 1.2; what is not offered says so."""
    code, message = told(account.client("lambda").create_function, **making(make_role(account)) | changed)
    assert code in (INVALID, "ValidationException")
    assert text in message
    assert "canary" not in message


def test_a_zip_that_becomes_too_large_is_refused_before_it_is_unpacked(account: Account) -> None:
    changed = {"Code": {"ZipFile": too_large()}}
    assert (INVALID, "Unzipped size must be smaller than 262144000 bytes") == told(
        account.client("lambda").create_function, **making(make_role(account)) | changed
    )


def test_two_versions_of_one_layer_are_refused(account: Account) -> None:
    client = account.client("lambda")
    arns = [client.publish_layer_version(LayerName="l", Content={"ZipFile": ZIP})["LayerVersionArn"] for _ in range(2)]
    assert (
        INVALID,
        (
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{arns[0]} and {arns[1]} are versions of the same layer."
        ),
    ) == told(client.create_function, **making(make_role(account)) | {"Layers": arns})


def test_names_that_contradict_themselves_or_lie_elsewhere_are_refused(account: Account) -> None:
    """Source: facts lambda-and-others, section 1.1 (captured)."""
    make_function(account, "f", ECHO)
    client = account.client("lambda")
    assert (INVALID, "The derived qualifier from the function name does not match the specified qualifier.") == told(
        client.get_function, FunctionName="f:1", Qualifier="2"
    )
    arn = f"arn:aws:lambda:eu-west-1:{account.id}:function:f"
    assert (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    ) == told(client.get_function, FunctionName=arn)


def test_the_vpc_configuration_is_kept_and_shown(account: Account) -> None:
    """It has no effect here, which the room's README says."""
    vpc = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    made = make_function(account, "f", ECHO, VpcConfig=vpc)
    assert vpc == {name: made["VpcConfig"][name] for name in vpc}
    assert 1 == invoke(account.client("lambda"), "f", 1).value


# ---------------------------------------------------------------------- changes, versions, aliases


def test_code_and_configuration_change_under_a_revision(account: Account) -> None:
    made = make_function(account, "f", ECHO)
    client = account.client("lambda")
    new = zipped({"app.py": "def handler(e, c):\n    return 'new'\n"})
    changed = client.update_function_code(FunctionName="f", ZipFile=new, RevisionId=made["RevisionId"])
    assert "new" == invoke(client, "f").value
    assert changed["RevisionId"] != made["RevisionId"]
    assert (
        "PreconditionFailedException",
        (
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        ),
    ) == told(client.update_function_configuration, FunctionName="f", RevisionId=made["RevisionId"], Timeout=5)
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"NEW": "1"}}, MemorySize=256)
    shown = client.get_function_configuration(FunctionName="f")
    assert ({"Variables": {"NEW": "1"}}, 256, 10) == (shown["Environment"], shown["MemorySize"], shown["Timeout"])


def test_a_published_version_stays_as_it_was(account: Account) -> None:
    make_function(account, "f", "def handler(e, c):\n    return [c.function_version, 'old']\n")
    client = account.client("lambda")
    first = client.publish_version(FunctionName="f", Description="first")
    assert ("1", "first", f"arn:aws:lambda:us-east-1:{account.id}:function:f:1") == (
        first["Version"],
        first["Description"],
        first["FunctionArn"],
    )
    new = zipped({"app.py": "def handler(e, c):\n    return [c.function_version, 'new']\n"})
    client.update_function_code(FunctionName="f", ZipFile=new)
    assert [["1", "old"], ["$LATEST", "new"]] == [
        invoke(client, "f", Qualifier="1").value,
        invoke(client, "f").value,
    ]
    answer = client.invoke(FunctionName="f:1")
    assert "1" == answer["ExecutedVersion"]


def test_nothing_is_published_where_nothing_changed(account: Account) -> None:
    make_function(account, "f", ECHO, Publish=True)
    client = account.client("lambda")
    assert ["1", "1"] == [client.publish_version(FunctionName="f")["Version"] for _ in range(2)]


def test_an_alias_names_a_version_and_moves(account: Account) -> None:
    make_function(account, "f", "def handler(e, c):\n    return c.function_version\n", Publish=True)
    client = account.client("lambda")
    made = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    arn = f"arn:aws:lambda:us-east-1:{account.id}:function:f:live"
    assert (arn, "1", 201) == (
        made["AliasArn"],
        made["FunctionVersion"],
        made["ResponseMetadata"]["HTTPStatusCode"],
    )
    assert "1" == invoke(client, "f:live").value
    client.update_function_configuration(FunctionName="f", Description="next")
    client.publish_version(FunctionName="f")
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert ("2", "2") == (invoke(client, "f", Qualifier="live").value, invoke(client, arn).value)
    assert ["live"] == [one["Name"] for one in client.list_aliases(FunctionName="f")["Aliases"]]
    assert "ResourceConflictException" == told(client.delete_function, FunctionName="f", Qualifier="2")[0]
    client.delete_alias(FunctionName="f", Name="live")
    client.delete_function(FunctionName="f", Qualifier="2")
    versions = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert ["$LATEST", "1"] == [one["Version"] for one in versions]
    assert ("ResourceNotFoundException", f"Function not found: {arn}") == told(client.invoke, FunctionName=arn)


def test_the_latest_version_is_not_deleted_alone(account: Account) -> None:
    make_function(account, "f", ECHO)
    assert (INVALID, "$LATEST version cannot be deleted without deleting the function.") == told(
        account.client("lambda").delete_function, FunctionName="f", Qualifier="$LATEST"
    )


def test_a_function_says_that_its_code_is_not_signed(account: Account) -> None:
    make_function(account, "f", ECHO)
    answer = account.client("lambda").get_function_code_signing_config(FunctionName="f")
    assert ("", "f") == (answer["CodeSigningConfigArn"], answer["FunctionName"])


def test_tags_come_and_go(account: Account) -> None:
    arn = make_function(account, "f", ECHO, Tags={"a": "1"})["FunctionArn"]
    client = account.client("lambda")
    client.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    client.untag_resource(Resource=arn, TagKeys=["b", "never"])
    assert {"a": "2"} == client.list_tags(Resource=arn)["Tags"]


def test_layers_have_versions(account: Account) -> None:
    client = account.client("lambda")
    for number in (1, 2):
        made = client.publish_layer_version(LayerName="l", Content={"ZipFile": ZIP}, CompatibleRuntimes=[PYTHON])
        assert (number, f"arn:aws:lambda:us-east-1:{account.id}:layer:l:{number}") == (
            made["Version"],
            made["LayerVersionArn"],
        )
    assert [2, 1] == [one["Version"] for one in client.list_layer_versions(LayerName="l")["LayerVersions"]]
    assert [2] == [one["LatestMatchingVersion"]["Version"] for one in client.list_layers()["Layers"]]
    assert 1 == client.get_layer_version_by_arn(Arn=made["LayerVersionArn"][:-1] + "1")["Version"]
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    assert "ResourceNotFoundException" == told(client.get_layer_version, LayerName="l", VersionNumber=1)[0]


# ---------------------------------------------------------------------- the resource policy


def add(client: Any, **more: Any) -> Any:
    """The statement that AddPermission made."""
    given = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction"} | more
    return json.loads(client.add_permission(**given)["Statement"])


@pytest.mark.parametrize(
    ("asked", "principal", "condition"),
    [
        ({"Principal": "secretsmanager.amazonaws.com"}, {"Service": "secretsmanager.amazonaws.com"}, None),
        (
            {"Principal": "secretsmanager.amazonaws.com", "SourceArn": SECRET},
            {"Service": "secretsmanager.amazonaws.com"},
            {"ArnLike": {"AWS:SourceArn": SECRET}},
        ),
        (
            {"Principal": "s3.amazonaws.com", "SourceAccount": "123456789012"},
            {"Service": "s3.amazonaws.com"},
            {"StringEquals": {"AWS:SourceAccount": "123456789012"}},
        ),
        ({"Principal": "123456789012"}, {"AWS": "arn:aws:iam::123456789012:root"}, None),
        ({"Principal": "*", "PrincipalOrgID": ORG}, "*", {"StringEquals": {"aws:PrincipalOrgID": ORG}}),
    ],
)  # fmt: skip
def test_a_statement_is_made_as_lambda_makes_it(
    account: Account, asked: dict[str, Any], principal: Any, condition: Any
) -> None:
    """Source: facts lambda-and-others, section 1.4 (captured)."""
    arn = make_function(account, "f", ECHO)["FunctionArn"]
    client = account.client("lambda")
    expected = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": principal,
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
    }
    expected |= {} if condition is None else {"Condition": condition}
    assert expected == add(client, **asked)
    policy = json.loads(client.get_policy(FunctionName="f")["Policy"])
    assert {"Version": "2012-10-17", "Id": "default", "Statement": [expected]} == policy


def test_permissions_are_refused_in_lambdas_words(account: Account) -> None:
    """Source: facts lambda-and-others, section 1.4 (captured)."""
    make_function(account, "f", ECHO, Publish=True)
    client = account.client("lambda")
    missing = "ResourceNotFoundException"
    given = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert (missing, "The resource you requested does not exist.") == told(client.get_policy, FunctionName="f")
    assert (missing, "No policy is associated with the given resource.") == told(
        client.remove_permission, FunctionName="f", StatementId="s"
    )
    client.add_permission(**given)
    assert (
        "ResourceConflictException",
        (
            "The statement id (s) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        ),
    ) == told(client.add_permission, **given)
    assert (INVALID, "The provided principal was invalid. Please check the principal and try again.") == told(
        client.add_permission, **given | {"StatementId": "t", "Principal": "nobody"}
    )
    assert (INVALID, "We currently do not support adding policies for $LATEST.") == told(
        client.add_permission, **given, Qualifier="$LATEST"
    )
    assert (missing, "Statement t is not found in resource policy.") == told(
        client.remove_permission, FunctionName="f", StatementId="t"
    )
    assert (
        "PreconditionFailedException"
        == told(client.remove_permission, FunctionName="f", StatementId="s", RevisionId="other")[0]
    )
    client.remove_permission(FunctionName="f", StatementId="s")
    assert missing == told(client.get_policy, FunctionName="f")[0]


def test_a_policy_of_a_version_says_nothing_of_the_function(account: Account) -> None:
    arn = make_function(account, "f", ECHO, Publish=True)["FunctionArn"]
    client = account.client("lambda")
    made = add(client, Principal="*", Qualifier="1")
    assert arn.removesuffix(":1") + ":1" == made["Resource"]
    assert "ResourceNotFoundException" == told(client.get_policy, FunctionName="f")[0]
    assert client.get_policy(FunctionName="f", Qualifier="1")["Policy"]


def test_a_policy_cannot_grow_without_end(account: Account) -> None:
    make_function(account, "f", ECHO)
    client = account.client("lambda")
    with pytest.raises(client.exceptions.PolicyLengthExceededException):
        for number in range(200):
            add(client, Principal="123456789012", StatementId=f"{number:0100d}")


def test_what_is_not_offered_says_why(account: Account) -> None:
    code, text = told(account.client("lambda").list_event_source_mappings)
    assert "event sources (queues, streams) are not offered" in text
    assert "UnknownOperationException" == code
