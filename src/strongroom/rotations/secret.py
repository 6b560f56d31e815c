"""The secret under rotation, through the very calls that AWS's templates make.

Source: facts rotation, section 1; facts secretsmanager, section 9.1.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from strongroom.rotations.contract import Value
from strongroom.rotations.errors import BadSecret, RotationError

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


class Secret:
    """One secret and the version that is to become current. ``seen`` are all values read, for masking."""

    def __init__(self, client: Any, arn: str, token: str) -> None:
        self.client = client
        self.arn = arn
        self.token = token
        self.seen: list[Value] = []

    def stages(self) -> dict[str, list[str]]:
        """The labels of each version. Raises RotationError where rotation is not on."""
        told = self.client.describe_secret(SecretId=self.arn)
        if not told.get("RotationEnabled"):
            raise RotationError(f"Secret {self.arn} is not enabled for rotation")
        found: dict[str, list[str]] = told.get("VersionIdsToStages", {})
        return found

    def read(self, stage: str, version: str | None = None) -> Value | None:
        """The value of a label, or of exactly this version under this label; None where there is none."""
        asked = {"SecretId": self.arn, "VersionStage": stage} | ({} if version is None else {"VersionId": version})
        try:
            text = self.client.get_secret_value(**asked).get("SecretString")
        except self.client.exceptions.ResourceNotFoundException:
            return None
        value = parsed(text, stage)
        self.seen.append(value)
        return value

    def current(self) -> Value:
        """The value that is in use. Raises RotationError where there is none."""
        found = self.read(CURRENT)
        if found is None:
            raise RotationError(f"Secret {self.arn} has no value yet: store one before it is rotated")
        return found

    def pending(self) -> Value:
        """The new value. Raises RotationError where none was stored."""
        found = self.read(PENDING, self.token)
        if found is None:
            raise RotationError(f"version {self.token} of {self.arn} has no value: createSecret has not run")
        return found

    def store(self, value: Value) -> None:
        """Keep the new value under the token of this rotation."""
        self.seen.append(value)
        self.client.put_secret_value(
            SecretId=self.arn,
            ClientRequestToken=self.token,
            SecretString=value[BARE] if set(value) == {BARE} else json.dumps(value),
            VersionStages=[PENDING],
        )

    def reserved(self) -> datetime | None:
        """When the version of this rotation was reserved; None where it is not listed."""
        more: dict[str, str] = {}
        while True:
            page = self.client.list_secret_version_ids(SecretId=self.arn, **more)
            for one in page["Versions"]:
                if one["VersionId"] == self.token:
                    found: datetime = one["CreatedDate"]
                    return found
            if "NextToken" not in page:
                return None
            more = {"NextToken": page["NextToken"]}

    def finish(self, stages: dict[str, list[str]]) -> None:
        """Make the new version current."""
        old = next((version for version, labels in stages.items() if CURRENT in labels), None)
        more = {} if old is None else {"RemoveFromVersionId": old}
        self.client.update_secret_version_stage(
            SecretId=self.arn, VersionStage=CURRENT, MoveToVersionId=self.token, **more
        )


BARE = "\0bare"
"""The only key of a value that is no JSON object but one string; no JSON key of a user is likely to be this."""


def parsed(text: str | None, what: str) -> Value:
    """A SecretString as an object. Raises BadSecret for binary values."""
    if text is None:
        raise BadSecret(f"the {what} value is binary; rotation needs a SecretString")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {BARE: text}


def text_of(value: Value, key: str, default: str | None = None) -> str:
    """A member that must be text. Raises BadSecret in the templates' words."""
    found = value.get(key, default)
    if found is None:
        if BARE in value:
            raise BadSecret("the secret's value is not a JSON object")
        raise BadSecret(f"{key} key is missing from secret JSON")
    if not isinstance(found, str) or not found:
        raise BadSecret(f"{key} in the secret JSON must be a string with something in it")
    return found


def port_of(value: Value, default: int) -> int:
    """The port, a number or a string of one. Raises BadSecret."""
    found = value.get("port", default)
    try:
        port = int(found)
    except (TypeError, ValueError):
        port = 0
    if isinstance(found, bool) or not 0 < port < 65536:
        raise BadSecret("port in the secret JSON must be a number from 1 to 65535")
    return port
