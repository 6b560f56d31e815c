"""``GET /_strongroom/metrics``: what is counted, who may read it, and that no value or invented name is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests import raw
from tests.inprocess import Account, InProcess

from strongroom.app import Product
from strongroom.server.parts import StartRefused

TOKEN = "a-token-of-the-operator"
PATH = "/_strongroom/metrics"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    place = tmp_path_factory.mktemp("metrics")
    token = place / "token"
    token.touch(0o600)
    token.write_text(f"{TOKEN}\n")
    made = InProcess(place / "data", metrics_token_file=str(token))
    try:
        yield made
    finally:
        made.close()


def operator(server: InProcess) -> Account:
    """The administrator of the account made at the first start."""
    lines = (server.settings.data / "credentials").read_text().split()
    return Account(server.url, server.settings.account, lines[3], lines[6])


def scraped(server: InProcess, authorization: str, method: str = "GET", path: str = PATH) -> raw.Reply:
    return raw.send(server.url, method, path, b"", {"Authorization": authorization})


def read(server: InProcess) -> str:
    reply = scraped(server, f"Bearer {TOKEN}")
    assert 200 == reply.status, reply.body
    return reply.body.decode()


def number(text: str, line: str) -> float:
    found = [one.rpartition(" ")[2] for one in text.splitlines() if one.startswith(f"{line} ")]
    return float(found[0]) if found else 0.0


def calls(text: str, operation: str, outcome: str) -> float:
    labels = f'service="secretsmanager",operation="{operation}",outcome="{outcome}"'
    return number(text, f"strongroom_requests_total{{{labels}}}")


def test_calls_are_counted_with_their_outcomes(server: InProcess) -> None:
    account = server.account()
    client = account.client("secretsmanager")
    nobody = account.client("iam").create_user(UserName="nobody")["User"]["UserName"]
    key = account.client("iam").create_access_key(UserName=nobody)["AccessKey"]
    weak = account.client(
        "secretsmanager", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    wrong = account.client("secretsmanager", aws_secret_access_key="wrong")
    before = read(server)
    client.create_secret(Name="counted", SecretString="canary-value")
    for _ in range(3):
        client.get_secret_value(SecretId="counted")
    for caller, code in ((weak, "AccessDenied"), (wrong, "InvalidSignature"), (client, "ResourceNotFound")):
        with pytest.raises(ClientError, match=code):
            caller.get_secret_value(SecretId="counted" if caller is not client else "missing")
    after = read(server)
    grown = {
        outcome: calls(after, "GetSecretValue", outcome) - calls(before, "GetSecretValue", outcome)
        for outcome in ("answered", "denied", "unauthenticated", "invalid", "failed")
    }
    assert {"answered": 3, "denied": 1, "unauthenticated": 1, "invalid": 1, "failed": 0} == grown
    assert 1 == calls(after, "CreateSecret", "answered") - calls(before, "CreateSecret", "answered")
    labels = 'service="secretsmanager",operation="GetSecretValue"'
    count = number(after, f"strongroom_request_duration_seconds_count{{{labels}}}")
    assert 6 == count - number(before, f"strongroom_request_duration_seconds_count{{{labels}}}")
    assert "canary-value" not in after
    assert "counted" not in after.replace("# HELP", "")


def test_the_page_tells_of_store_journal_jobs_and_caches(server: InProcess) -> None:
    text = read(server)
    for name in ("strongroom_store_bytes", "strongroom_journal_bytes", "strongroom_free_bytes"):
        assert number(text, name) > 0, name
    assert 'strongroom_info{version="' in text
    assert number(text, "strongroom_jobs_late_seconds") < 60
    assert 'strongroom_cache_entries{process="worker0"}' in text
    assert number(text, 'strongroom_journal_records_total{kind="written"}') > 0


def test_a_signed_caller_of_the_first_account_reads_the_same_page(server: InProcess) -> None:
    reply = raw.signed(
        operator(server), b"", target=None, service="strongroom", method="GET", path=PATH, content_type=None
    )
    assert 200 == reply.status, reply.body
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"# TYPE strongroom_requests_total counter\n" in reply.body


def test_another_accounts_administrator_is_denied(server: InProcess) -> None:
    reply = raw.signed(
        server.account(), b"", target=None, service="strongroom", method="GET", path=PATH, content_type=None
    )
    assert 403 == reply.status
    assert b"strongroom_" not in reply.body


@pytest.mark.parametrize(
    "given",
    ["Bearer wrong", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xff"],
)
def test_any_other_token_is_refused_and_reads_nothing(server: InProcess, given: str) -> None:
    reply = scraped(server, given)
    assert 403 == reply.status
    assert b"# TYPE" not in reply.body


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", "/_strongroom/clock"), ("GET", f"{PATH}/x")])
def test_the_token_opens_this_page_and_nothing_else(server: InProcess, method: str, path: str) -> None:
    assert scraped(server, f"Bearer {TOKEN}", method, path).status in (400, 403, 404)


def test_a_new_token_in_the_file_needs_no_restart(server: InProcess) -> None:
    file = Path(server.settings.metrics_token_file)
    try:
        file.write_text("another-token-of-the-operator")
        assert 403 == scraped(server, f"Bearer {TOKEN}").status
        assert 200 == scraped(server, "Bearer another-token-of-the-operator").status
        file.write_text("short")
        assert 403 == scraped(server, "Bearer short").status
        assert 403 == scraped(server, "Bearer ").status
    finally:
        file.write_text(TOKEN)


@pytest.mark.parametrize(("mode", "text"), [(0o644, TOKEN), (0o600, "short"), (0o600, "")])
def test_a_token_file_that_protects_nothing_refuses_to_start(
    server: InProcess, tmp_path: Path, mode: int, text: str
) -> None:
    file = tmp_path / "token"
    file.touch(mode)
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(StartRefused, match="token"):
        Product(replace(server.settings, metrics_token_file=str(file))).scrape()


def test_without_a_file_no_token_opens_anything(strongroom: InProcess) -> None:
    assert 403 == scraped(strongroom, "Bearer ").status
