"""Access keys of an IAM user: a new one is made, and the one before the current is deleted.

A user has at most two keys, so the previous one lives until the next rotation (KEEP_PREVIOUS=false: until the labels
have moved). Source: IAM User Guide, "Managing access keys", rotating; IAM quotas: two access keys.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.errors import Refused, RotationError, said
from strongroom.rotations.secret import text_of
from strongroom.rotations.strategies import keeps_previous

_ID, _SECRET = "access_key_id", "secret_access_key"
_TRIES, _PAUSE_SECONDS = 5, 2.0
"""AWS takes a moment until a new key is known everywhere."""


def plan(tools: Tools) -> Plan:
    """The plan of an IAM user's access key."""
    return AccessKey(tools)


class AccessKey:
    """One user's keys."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:
        """A new key. What may stand in its place: the previous one, or one made by an attempt that was cut short."""
        user = text_of(current, "username")
        iam = self._tools.client("iam")
        keys = {one["AccessKeyId"]: one for one in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}
        if text_of(current, _ID) not in keys:
            raise RotationError(f"the key {current[_ID]} in the secret is none of {user}'s")
        others = [one for found, one in keys.items() if found != current[_ID]]
        began = attempt.began() if others else None
        for one in others:
            cut_short = began is not None and one["CreateDate"] >= began.replace(microsecond=0)
            if not cut_short and not _is_of(attempt.previous, one):
                raise RotationError(_stranger(user, one))
            iam.delete_access_key(UserName=user, AccessKeyId=one["AccessKeyId"])
        made = iam.create_access_key(UserName=user)["AccessKey"]
        return {**current, _ID: made["AccessKeyId"], _SECRET: made["SecretAccessKey"]}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Nothing: IAM made it."""

    def test(self, value: Value) -> None:
        """Ask who one is with it."""
        user = text_of(value, "username")
        sts = self._tools.client(
            "sts",
            aws_access_key_id=text_of(value, _ID),
            aws_secret_access_key=text_of(value, _SECRET),
        )
        arn = str(_asked(sts, user)["Arn"])
        if arn.rpartition("/")[2] != user:
            raise RotationError(f"the key in the secret is {arn}'s, not {user}'s")

    def retire(self, current: Value, previous: Value | None) -> None:
        """Delete the previous key, where two shall not be valid."""
        if previous is None or keeps_previous(self._tools) or previous.get(_ID) in (None, current.get(_ID)):
            return
        iam = self._tools.client("iam")
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_access_key(UserName=text_of(current, "username"), AccessKeyId=text_of(previous, _ID))

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:
        """The key works, and there is room for another."""
        user = text_of(current, "username")
        self.test(current)
        found = [Finding("login", f"the key of {user} works")]
        keys = self._tools.client("iam").list_access_keys(UserName=user)["AccessKeyMetadata"]
        for one in keys:
            if one["AccessKeyId"] != current[_ID] and not _is_of(previous, one):
                mend = "delete it, or make it the secret's previous version"
                return [*found, Finding("room", _stranger(user, one), mend)]
        return [*found, Finding("room", f"there is room for another key of {user}")]


def _is_of(value: Value | None, key: Any) -> bool:
    return value is not None and value.get(_ID) == key["AccessKeyId"]


def _stranger(user: str, key: Any) -> str:
    return (
        f"{user} has the key {key['AccessKeyId']} beside the one in the secret, and it is not the previous one: "
        "a user has at most two"
    )


def _asked(sts: Any, user: str) -> Any:
    left = _TRIES
    while True:
        try:
            return sts.get_caller_identity()
        except sts.exceptions.ClientError as error:
            left -= 1
            if error.response.get("Error", {}).get("Code") != "InvalidClientTokenId" or not left:
                raise Refused(user, said(error)) from None
            time.sleep(_PAUSE_SECONDS)
