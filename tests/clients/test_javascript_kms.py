"""The AWS SDK for JavaScript v3: keys, as its users use them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.clients.programs import javascript


@pytest.fixture(scope="module")
def found(told: dict[str, str]) -> dict[str, Any]:
    """What the tour found."""
    return javascript("kms.mjs", told)


def test_a_message_is_opened_with_its_context_after_a_rotation_too(found: dict[str, Any]) -> None:
    assert ["Enabled", "SYMMETRIC_DEFAULT", True] == found["state"]
    assert ["p\u00e4ssw\u00f6rd", True, True] == found["opened"]
    assert "content" == found["envelope"]
    assert ["NON_CURRENT", "CURRENT"] == found["rotations"]


def test_signatures_verify_in_node_and_here(found: dict[str, Any]) -> None:
    assert [True, True] == found["signed"]


def test_grants_come_back_as_they_were_made(found: dict[str, Any]) -> None:
    assert [1, True, {"EncryptionContextSubset": {"app": "tour"}}] == found["grants"]


def test_errors_arrive_as_the_sdks_own_classes(found: dict[str, Any]) -> None:
    for name, seen in (
        ("InvalidCiphertextException", found["withoutContext"]),
        ("KMSInvalidSignatureException", found["wrongSignature"]),
        ("KMSInvalidStateException", found["pending"]),
    ):
        assert [name, 400, name] == [seen[0], *seen[2:]]
    assert f"{found['arn']} is pending deletion." == found["pending"][1]
    assert ["PendingDeletion", True] == found["deletion"]
