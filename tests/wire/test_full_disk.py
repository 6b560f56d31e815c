"""A disk that fills up: what is still answered, and that refusals are recorded.

Bounds larger than the disk stand for a full one; a small disk is filled where the machine lets us mount one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import InProcess
from tests.journals import entries

from strongroom.server.space import RESERVE_BYTES, RESERVE_FILE

MUCH = 1_000_000_000


@contextmanager
def server(place: Path, **settings: Any) -> Iterator[InProcess]:
    """A server with these bounds."""
    made = InProcess(place, **settings)
    try:
        yield made
    finally:
        made.close()


def refusal(call: Any, **asked: Any) -> tuple[str, int]:
    """Code and status of a call that is refused."""
    with pytest.raises(ClientError) as error:
        call(**asked)
    told = error.value.response
    return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]


def health(made: InProcess) -> dict[str, Any]:
    """What health says."""
    with urllib.request.urlopen(f"{made.url}/_strongroom/health") as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def test_with_little_room_reads_and_deletions_go_on_and_what_grows_is_refused(tmp_path: Path) -> None:
    with server(tmp_path) as made:
        account = made.account()
        account.client("secretsmanager").create_secret(Name="db", SecretString="x")
        assert "space" not in health(made)
    with server(tmp_path, space_warn_mb=MUCH, space_writes_mb=MUCH) as made:
        secrets = type(account)(made.url, account.id, account.key_id, account.secret).client("secretsmanager")

        assert "x" == secrets.get_secret_value(SecretId="db")["SecretString"]
        refused = refusal(secrets.put_secret_value, SecretId="db", SecretString="y")
        assert ("ServiceUnavailableException", 503) == refused
        assert "refused" in health(made)["space"]
        secrets.delete_secret(SecretId="db")
    told = [(entry.name, entry.event.get("errorCode")) for entry in entries(tmp_path)]
    assert ("PutSecretValue", "ServiceUnavailableException") in told


def test_without_room_only_health_answers_and_the_refusals_are_recorded(tmp_path: Path) -> None:
    with server(tmp_path, space_calls_mb=MUCH) as made:
        account = made.account()  # the operator's own door stays open

        assert ("ServiceUnavailableException", 503) == refusal(account.client("secretsmanager").list_secrets)
        told = health(made)
        assert told["ready"]
        assert "every call is refused" in told["space"]
    assert ("ListSecrets", "ServiceUnavailableException") in [
        (entry.name, entry.event.get("errorCode")) for entry in entries(tmp_path)
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MiB, made in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this machine mounts no disk for us")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_real_disk_that_fills_loses_no_acknowledged_write(small_disk: Path) -> None:
    data = small_disk / "data"
    bounds = {"space_warn_mb": 60, "space_writes_mb": 40, "space_calls_mb": 20}
    with server(data, **bounds) as made:
        secrets = made.account().client("secretsmanager")
        stored = []
        for number in range(2000):
            try:
                secrets.create_secret(Name=f"s{number}", SecretString="x" * 60_000)
            except ClientError as error:
                assert "ServiceUnavailableException" == error.response["Error"]["Code"]
                break
            stored.append(f"s{number}")
        else:
            raise AssertionError("the disk never filled")
        ballast = small_disk / "ballast"
        assert "x" * 60_000 == secrets.get_secret_value(SecretId=stored[0])["SecretString"]
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 12 * 1024 * 1024))
        wait_until_stopped(secrets)
        ballast.unlink()
        for name in (stored[0], stored[-1]):
            assert "x" * 60_000 == read_again(secrets, name)


def test_on_a_disk_without_a_byte_left_the_reserve_is_given_up_and_refusals_are_recorded(small_disk: Path) -> None:
    data = small_disk / "data"
    with server(data, space_warn_mb=24, space_writes_mb=22, space_calls_mb=20) as made:
        secrets = made.account().client("secretsmanager")
        reserve = data / RESERVE_FILE
        for _ in range(600):
            if reserve.exists() and reserve.stat().st_size == RESERVE_BYTES:
                break
            pause()
        assert RESERVE_BYTES == reserve.stat().st_size
        fill(small_disk / "ballast")
        for _ in range(600):
            # Until the space is looked at again, a call is answered or, where it cannot be recorded, fails as one.
            try:
                secrets.list_secrets()
            except ClientError as error:
                if error.response["Error"]["Code"] == "ServiceUnavailableException":
                    break
            pause()
        before = refusals(data)
        assert ("ServiceUnavailableException", 503) == refusal(secrets.list_secrets)

        assert not reserve.exists()
        assert before + 1 == refusals(data)
        assert "every call is refused" in health(made)["space"]


def fill(path: Path) -> None:
    """Write until not one more byte fits."""
    with path.open("wb", buffering=0) as ballast:
        size = 1024 * 1024
        while size:
            try:
                ballast.write(bytes(size))
            except OSError:
                size //= 2


def refusals(data: Path) -> int:
    """How many calls the journal says were refused for want of room."""
    return sum(
        (entry.name, entry.event.get("errorCode")) == ("ListSecrets", "ServiceUnavailableException")
        for entry in entries(data)
    )


def wait_until_stopped(secrets: Any) -> None:
    """The space is looked at now and then."""
    for _ in range(600):
        try:
            secrets.list_secrets(MaxResults=1)
        except ClientError as error:
            assert "ServiceUnavailableException" == error.response["Error"]["Code"]
            return
        pause()
    raise AssertionError("calls were never refused")


def read_again(secrets: Any, name: str) -> str:
    """A value, once there is room again."""
    for _ in range(600):
        try:
            return str(secrets.get_secret_value(SecretId=name)["SecretString"])
        except ClientError:
            pause()
    raise AssertionError("calls are still refused")


def pause() -> None:
    """A moment between two looks."""
    time.sleep(0.1)
