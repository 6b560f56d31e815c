"""Strongroom's own operations, asked as the command line asks them."""

from __future__ import annotations

from typing import Any

from tests.inprocess import Account

from strongroom.cli.client import Client, Keys


def ask(account: Account, method: str, path: str, body: dict[str, Any] | None = None, **keys: str) -> Any:
    """The answer to one signed request; of the administrator unless other keys are given."""
    signing = Keys(
        keys.get("aws_access_key_id", account.key_id),
        keys.get("aws_secret_access_key", account.secret),
        keys.get("aws_session_token"),
    )
    return Client(account.url, "us-east-1", signing, None).ask(method, path, body)


def who_can(account: Account, action: str, resource: str | None = None, **keys: str) -> Any:
    """The answer of WhoCan."""
    asked = {"Action": action} | ({} if resource is None else {"Resource": resource})
    return ask(account, "POST", "/_strongroom/who-can", asked, **keys)
