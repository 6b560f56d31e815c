"""The AWS SDK for JavaScript v3: the life of a secret, as its users write it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.clients.programs import javascript
from tests.wire.test_secretsmanager_life import MARKED


@pytest.fixture(scope="module")
def found(told: dict[str, str]) -> dict[str, Any]:
    """What the tour found."""
    return javascript("secrets.mjs", told)


def test_values_come_back_as_they_were_stored(found: dict[str, Any]) -> None:
    assert {"username": "admin", "password": "p\u00e4ssw\u00f6rd"} == found["value"]
    assert [0, 1, 2, 255] == found["bytes"]
    assert found["createdIsADate"]
    assert ["AWSCURRENT"] == found["stages"]


def test_labels_and_metadata_are_shown(found: dict[str, Any]) -> None:
    assert [["AWSPREVIOUS"], ["AWSCURRENT"]] == found["labels"]
    assert found["rolledBack"]
    assert [{"Key": "team", "Value": "js"}] == found["tags"]
    assert "T00:00:00.000Z" == found["accessed"]


def test_lists_batches_policies_and_copies_work(found: dict[str, Any]) -> None:
    assert ["js/binary", "js/db-creds"] == found["listed"]
    assert [["js/binary"], ["ResourceNotFoundException"]] == found["batch"]
    assert found["policy"]
    assert ["AccessDeniedException"] == found["denied"]
    assert [["eu-west-1", "InSync"]] == found["copies"]
    assert 20 == found["password"]


def test_errors_arrive_as_the_sdks_own_classes_with_awss_texts(found: dict[str, Any]) -> None:
    assert [
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
        400,
        "ResourceNotFoundException",
    ] == found["missing"]
    assert "ResourceExistsException" == found["taken"][3]
    assert "ValidationException" == found["invalid"][0]
    assert "InvalidRequestException" == found["unrotatable"][3]


def test_a_scheduled_deletion_is_told_and_taken_back(found: dict[str, Any]) -> None:
    assert 7 == found["days"]
    assert ["InvalidRequestException", MARKED] == found["marked"][:2]
