"""The operator's file: what it says is taken, and what it says wrong refuses to start."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest

from strongroom.kernel.feed.rows import Event
from strongroom.server.parts import StartRefused
from strongroom.server.sinks import ALERTS, Alerts, Sinks, read_sinks
from strongroom.server.webhooks import signed

KEY = "a-key-of-more-than-24-bytes"


def event(**changed: str) -> Event:
    return Event(1, 0, "1", "us-east-1", "aws.kms", "Encrypt", "", "{}")._replace(**changed)  # type: ignore[arg-type]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(f"{KEY}\n")
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def hook(key: Path, more: str = "") -> str:
    return f'[[webhook]]\nname = "siem"\nurl = "https://siem.internal:8443/x"\nkey_file = "{key}"\n{more}\n'


def test_no_file_sends_nothing(tmp_path: Path) -> None:
    assert Sinks() == read_sinks(tmp_path / "missing.toml")


def test_a_webhook_is_as_the_file_says(tmp_path: Path, key: Path) -> None:
    more = (
        'sources = ["aws.kms"]\nnames = ["Encrypt"]\naccounts = ["1"]\ninternal = true\nca_file = "/ca"\nalerts = false'
    )
    (one,) = read_sinks(written(tmp_path / "f", hook(key, more))).webhooks
    assert ("siem", KEY.encode()) == (one.name, one.key)
    assert {"siem.internal:8443"} == one.outside.internal
    assert Path("/ca") == one.outside.authorities["siem.internal:8443"]
    assert one.wants(event())
    for other in (event(account="2"), event(source="aws.iam"), event(name="Decrypt"), event(source=ALERTS)):
        assert not one.wants(other)
    assert KEY not in repr(one)


def test_a_webhook_that_asks_for_nothing_gets_all_but_is_not_called_inside(tmp_path: Path, key: Path) -> None:
    (one,) = read_sinks(written(tmp_path / "f", hook(key))).webhooks
    assert one.wants(event())
    assert one.wants(event(source=ALERTS))
    assert frozenset() == one.outside.internal


def test_alerts_are_off_until_named(tmp_path: Path) -> None:
    assert not read_sinks(written(tmp_path / "f", "")).alerts.any
    told = read_sinks(written(tmp_path / "f", "[alerts]\nrotation_failed = true\ndenials_a_minute = 50\n")).alerts
    assert Alerts(rotation_failed=True, denials_a_minute=50) == told
    assert told.any


@pytest.mark.parametrize(
    "text",
    [
        "webhooks = 1", "[[webhook]]\nname = 'x'", "[alerts]\nnothing = true", "[alerts]\nrotation_failed = 1",
        "[alerts]\ndenials_a_minute = -1", "[alerts]\ndenials_a_minute = true", "[[webhook]", "webhook = 3",
    ],
)  # fmt: skip
def test_what_is_not_known_refuses_to_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartRefused):
        read_sinks(written(tmp_path / "f", text))


@pytest.mark.parametrize(
    "more",
    ["secret = 'x'", "names = 'x'", "alerts = 1", "retry_hours = 0", "retry_hours = 1000", "retry_hours = 'x'",
     "sources = [1]", "ca_file = 3"],
)  # fmt: skip
def test_a_webhook_with_a_wrong_line_refuses_to_start(tmp_path: Path, key: Path, more: str) -> None:
    with pytest.raises(StartRefused):
        read_sinks(written(tmp_path / "f", hook(key, more)))


@pytest.mark.parametrize("url", ["http://h/", "ftp://h/", "h", ""])
def test_only_https_is_taken(tmp_path: Path, key: Path, url: str) -> None:
    with pytest.raises(StartRefused):
        read_sinks(written(tmp_path / "f", hook(key).replace("https://siem.internal:8443/x", url)))


def test_two_of_one_name_or_too_many_refuse_to_start(tmp_path: Path, key: Path) -> None:
    with pytest.raises(StartRefused, match="of one name"):
        read_sinks(written(tmp_path / "f", hook(key) * 2))
    many = "".join(hook(key).replace("siem", f"siem{number}") for number in range(9))
    with pytest.raises(StartRefused, match="more than 8"):
        read_sinks(written(tmp_path / "f", many))


@pytest.mark.parametrize(("mode", "text"), [(0o640, KEY), (0o600, "short"), (0o600, "whsec_###")])
def test_a_key_file_that_protects_nothing_refuses_to_start(tmp_path: Path, key: Path, mode: int, text: str) -> None:
    key.write_text(text)
    key.chmod(mode)
    with pytest.raises(StartRefused) as refused:
        read_sinks(written(tmp_path / "f", hook(key)))
    assert KEY not in str(refused.value)


def test_a_key_in_the_form_of_standard_webhooks_is_read_as_such(tmp_path: Path, key: Path) -> None:
    raw = bytes(range(32))
    key.write_text(f"whsec_{base64.b64encode(raw).decode()}")
    assert raw == read_sinks(written(tmp_path / "f", hook(key))).webhooks[0].key


def test_a_signature_covers_id_moment_and_body() -> None:
    """Source: Standard Webhooks specification, "Signature scheme"."""
    told = signed(b"k" * 32, "the-id", 1700000000, b"{}")
    proof = base64.b64encode(hmac.digest(b"k" * 32, b"the-id.1700000000.{}", "sha256")).decode()
    assert f"v1,{proof}" == told["webhook-signature"]
    assert ("the-id", "1700000000") == (told["webhook-id"], told["webhook-timestamp"])


def test_heads_go_where_the_file_says(tmp_path: Path, key: Path) -> None:
    found = read_sinks(written(tmp_path / "f", hook(key, "heads = true") + '[heads]\nfile = "/far/heads.jsonl"\n'))
    assert (Path("/far/heads.jsonl"), 10.0, True) == (
        found.heads.file, found.heads.every_seconds, found.webhooks[0].heads
    )  # fmt: skip
    assert not read_sinks(written(tmp_path / "f", hook(key))).webhooks[0].heads


@pytest.mark.parametrize(
    "text",
    ['file = "heads.jsonl"', "file = 1", "every_seconds = 0", "every_seconds = true", 'every_seconds = "1"', "x = 1"],
)
def test_heads_that_are_not_understood_refuse_to_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartRefused, match="heads"):
        read_sinks(written(tmp_path / "f", f"[heads]\n{text}\n"))
