"""A rotation function of the call shapes of AWS's templates, written for this test; `target.py` beside it differs."""

import json
import logging
import os

import boto3
import target

logger = logging.getLogger()
logger.setLevel(logging.INFO)

FLAGS = ("NUMBERS", "PUNCTUATION", "UPPERCASE", "LOWERCASE")


def lambda_handler(event, context):
    """One step."""
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    with open("./beside.txt") as relative, open("/var/task/beside.txt") as absolute:
        assert relative.read() == absolute.read() == "beside"
    metadata = client.describe_secret(SecretId=arn)
    if "RotationEnabled" in metadata and not metadata["RotationEnabled"]:
        raise ValueError(f"Secret {arn} is not enabled for rotation")
    versions = metadata["VersionIdsToStages"]
    if token not in versions:
        raise ValueError(f"Secret version {token} has no stage for rotation of secret {arn}.")
    if "AWSCURRENT" in versions[token]:
        logger.info("already current")
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError(f"Secret version {token} not set as AWSPENDING for rotation of secret {arn}.")
    if step == "createSecret":
        create(client, arn, token)
    elif step == "setSecret":
        set_it(client, arn, token)
    elif step == "testSecret":
        connection = connect(value(client, arn, "AWSPENDING", token))
        assert connection, "the pending value does not open the target"
        target.now(connection)
        connection.close()
    elif step == "finishSecret":
        finish(client, arn, token)
    else:
        raise ValueError("Invalid step parameter")


def create(client, arn, token):
    """Three shapes of GetRandomPassword; a placeholder that has no value."""
    current = value(client, arn, "AWSCURRENT")
    try:
        value(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        assert len(client.get_random_password()["RandomPassword"]) == 32
        excluded = os.environ.get("EXCLUDE_CHARACTERS", ":/@\"'\\")
        assert not set(client.get_random_password(ExcludeCharacters=excluded)["RandomPassword"]) & set(excluded)
        length = int(os.environ.get("PASSWORD_LENGTH", "32"))
        flags = {f"Exclude{name.capitalize()}": yes(f"EXCLUDE_{name}", "false") for name in FLAGS}
        made = client.get_random_password(
            ExcludeCharacters=excluded,
            PasswordLength=length,
            RequireEachIncludedType=yes("REQUIRE_EACH_INCLUDED_TYPE", "true"),
            **flags,
        )
        current["password"] = made["RandomPassword"]
        client.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=["AWSPENDING"]
        )


def set_it(client, arn, token):
    """Pending, current, previous; the first that opens the target."""
    pending = value(client, arn, "AWSPENDING", token)
    connection = connect(pending)
    if connection:
        connection.close()
        return
    current = value(client, arn, "AWSCURRENT")
    connection = connect(current)
    if not connection:
        try:
            connection = connect(value(client, arn, "AWSPREVIOUS"))
        except client.exceptions.ResourceNotFoundException:
            connection = None
    if not connection:
        raise ValueError(f"Unable to log into database with previous, current, or pending secret of secret arn {arn}")
    target.change(connection, pending["username"], pending["password"])
    connection.close()


def finish(client, arn, token):
    """Move AWSCURRENT, both ids given."""
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    old = next(version for version, labels in versions.items() if "AWSCURRENT" in labels)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old
    )


def value(client, arn, stage, token=None):
    """By stage, or by id and stage."""
    if token:
        told = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage=stage)
    else:
        told = client.get_secret_value(SecretId=arn, VersionStage=stage)
    found = json.loads(told["SecretString"])
    for field in ("host", "username", "password", "engine"):
        if field not in found:
            raise KeyError(f"{field} key is missing from secret JSON")
    return found


def connect(found):
    """With TLS or without, as ``ssl`` says; first with, then without, where it says nothing."""
    said = found.get("ssl")
    for encrypted in (True, False) if said is None else (bool(said),):
        connection = target.connect(found, encrypted)
        if connection:
            logger.info("connected with ssl=%s", encrypted)
            return connection
    return None


def yes(name, default):
    """A flag of the environment."""
    return os.environ.get(name, default).lower() in ("true", "1", "y", "yes")
