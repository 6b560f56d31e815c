"""aws:SourceIp and the records name the real client: behind a trusted proxy whom it names, else whoever connects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.raw import signed
from tests.wire.test_secretsmanager_policies import allow, user

INSIDE: dict[str, Any] = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
BODY = b'{"PasswordLength":8}'


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server that believes the proxy on its own machine."""
    server = InProcess(tmp_path_factory.mktemp("proxied") / "data", proxies=("127.0.0.1",))
    yield server
    server.close()


def status(account: Account, key: tuple[str, str], forwarded: str | None) -> int:
    """What asking for a password comes to, for a user who may from inside only."""
    more = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return signed(account, BODY, target="secretsmanager.GetRandomPassword", more=more, key=key).status


def someone_inside(account: Account) -> tuple[str, str]:
    keys = user(account, "ann", allow("secretsmanager:GetRandomPassword", **INSIDE))
    return keys["aws_access_key_id"], keys["aws_secret_access_key"]


def test_whom_a_trusted_proxy_names_is_the_source(behind_a_proxy: InProcess) -> None:
    account = behind_a_proxy.account()
    key = someone_inside(account)

    assert 200 == status(account, key, "198.51.100.7")
    assert 200 == status(account, key, "203.0.113.9, 198.51.100.7")
    assert 400 == status(account, key, "203.0.113.9")
    assert 400 == status(account, key, "198.51.100.7, 203.0.113.9"), "what the client itself wrote is on the left"
    assert 400 == status(account, key, None)
    told = [one for one in entries(behind_a_proxy.settings.data) if one.name == "GetRandomPassword"]
    assert ["198.51.100.7", "198.51.100.7", "203.0.113.9", "203.0.113.9", "127.0.0.1"] == [
        one.event["sourceIPAddress"] for one in told
    ]


def test_a_strangers_header_is_ignored(strongroom: InProcess, account: Account) -> None:
    key = someone_inside(account)

    assert 400 == status(account, key, "198.51.100.7")
