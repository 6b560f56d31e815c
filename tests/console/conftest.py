"""A server for the console's tests, whose clock can be moved, and people who may sign in to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import postgres
from tests.browsing import Browser
from tests.inprocess import Account, InProcess
from tests.processes.test_canaries import without_password

PASSWORD = "Correct-horse-battery-1"


@dataclass(frozen=True)
class World:
    """An account of one server, with an administrator who has a password."""

    server: InProcess
    account: Account

    @property
    def address(self) -> str:
        """Where this world's browsers are, as the proxy says that stands before the server."""
        number = int(self.account.id)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def browser(self, agent: str = "test-browser/1", **more: Any) -> Browser:
        """A new browser."""
        return Browser(self.server.url, more={"User-Agent": agent, "X-Forwarded-For": self.address}, **more)

    def signed_in(self, user: str = "admin", password: str = PASSWORD) -> Browser:
        """A new browser in which somebody has signed in."""
        browser = self.browser()
        page = browser.sign_in(self.account.id, user, password)
        assert browser.cookies, page.text
        return browser

    def user(self, name: str, *statements: dict[str, Any]) -> None:
        """A user with a password and a policy."""
        iam = self.account.client("iam")
        iam.create_user(UserName=name)
        iam.create_login_profile(UserName=name, Password=PASSWORD)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """The server, on SQLite."""
    made = InProcess(tmp_path_factory.mktemp("console") / "data", dev_clock=True, proxies=("127.0.0.1",))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def world(server: InProcess) -> World:
    """A new account."""
    return new_world(server)


def new_world(server: InProcess) -> World:
    """A new account of a server."""
    account = server.account()
    account.client("iam").create_login_profile(UserName="admin", Password=PASSWORD)
    return World(server, account)


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server on PostgreSQL."""
    databases, place = postgres.started(), tmp_path_factory.mktemp("console-postgres")
    url, _ = without_password(databases.database(), place)
    made = InProcess(place / "data", dev_clock=True, proxies=("127.0.0.1",), store=url)
    try:
        yield made
    finally:
        made.close()
        postgres.remove(databases)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One Chromium for the tests of a file: while it is there, no other loop runs in this thread."""
    from tests.console import driving  # noqa: PLC0415  most tests need no Playwright

    with driving.started() as browser:
        yield browser


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    """A context of its own for each test, whose waits are long: the machine may be slow."""
    from tests.console import driving  # noqa: PLC0415  as above

    made = driving.opened(chromium)
    yield made
    made.close()
