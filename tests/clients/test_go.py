"""The AWS SDK for Go v2: the life of a secret. Compiling it takes a minute where nothing is cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.clients.programs import HERE, needs, run
from tests.wire.test_secretsmanager_life import GONE, MARKED

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def found(told: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tour found."""
    needs("go")
    program: Path = tmp_path_factory.mktemp("go") / "tour"
    run(["go", "build", "-o", str(program), "."], {}, directory=HERE / "go", timeout=800)
    answer: dict[str, Any] = json.loads(run([str(program)], told, directory=HERE / "go").stdout.splitlines()[-1])
    return answer


def test_values_labels_and_dates_come_back(found: dict[str, Any]) -> None:
    assert ("first", ["AWSCURRENT"], "AWSCURRENT", "AAH/") == (
        found["value"],
        found["stages"],
        found["current"],
        found["bytes"],
    )
    assert found["accessed"]
    assert 32 == found["password"]


def test_pages_and_batches_are_whole(found: dict[str, Any]) -> None:
    assert ["go/bytes", "go/db-creds"] == sorted(found["listed"])
    assert ["second", "ResourceNotFoundException"] == found["batch"]


def test_errors_arrive_as_the_sdks_own_types(found: dict[str, Any]) -> None:
    assert (GONE[1], True, MARKED, True) == (found["missing"], found["taken"], found["marked"], found["unrotated"])


def test_a_restored_secret_reads_again(found: dict[str, Any]) -> None:
    assert "second" == found["restored"]
