"""Every vector of tests/vectors/sigv4, step by step, so that a failure says which step is wrong."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing import SigningKeys, check_scope, read_claim, verify
from strongroom.kernel.signing.sigv4 import canonical_request, string_to_sign

DIRECTORY = Path(__file__).parents[3] / "vectors" / "sigv4"
VECTORS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DIRECTORY.glob("*.json")}
ACCEPTED = sorted(name for name, made in VECTORS.items() if made["expected"]["outcome"] == "accepted")
REFUSED = sorted(set(VECTORS) - set(ACCEPTED))


def request_of(vector: dict[str, Any]) -> HTTPRequest:
    """The request as the server would hand it on."""
    sent = vector["request"]
    return HTTPRequest(
        sent["method"],
        sent["path"].encode(),
        sent["query"].encode(),
        [(name.encode(), value.encode()) for name, value in sent["headers"]],
        base64.b64decode(sent["body"]),
    )


def moment(vector: dict[str, Any]) -> datetime:
    """The vector's clock."""
    return datetime.strptime(vector["now"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_there_are_vectors_of_both_outcomes() -> None:
    assert len(ACCEPTED) >= 20
    assert len(REFUSED) >= 30


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_canonical_request_is_botocores(name: str) -> None:
    request = request_of(VECTORS[name])
    payload = sha256(request.body).hexdigest().encode()

    assert VECTORS[name]["canonical_request"] == canonical_request(read_claim(request), request, payload).decode()


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_string_to_sign_is_botocores(name: str) -> None:
    vector = VECTORS[name]
    claim = read_claim(request_of(vector))
    scope = SigningKeys().key(claim, vector["secret"]).scope

    assert vector["string_to_sign"] == string_to_sign(claim, scope, vector["canonical_request"].encode()).decode()


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_signature_is_botocores(name: str) -> None:
    vector = VECTORS[name]
    key = SigningKeys().key(read_claim(request_of(vector)), vector["secret"])

    assert vector["signature"] == key.signature(vector["string_to_sign"].encode())


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_botocore_signs_is_accepted(name: str) -> None:
    vector, keys = VECTORS[name], SigningKeys()
    request = request_of(vector)
    claim = read_claim(request)
    check_scope(claim, service=vector["service"], regions=frozenset(vector["regions"]), now=moment(vector))
    verify(claim, request, vector["secret"], keys)

    assert 1 == len(keys)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_hold_is_refused_by_its_step_and_in_its_words(name: str) -> None:
    vector, keys = VECTORS[name], SigningKeys()
    request = request_of(vector)
    stage = "read_claim"
    with pytest.raises(Refusal) as refusal:
        claim = read_claim(request)
        stage = "check_scope"
        check_scope(claim, service=vector["service"], regions=frozenset(vector["regions"]), now=moment(vector))
        stage = "verify"
        verify(claim, request, vector["secret"], keys)
    told = {
        "outcome": "refused",
        "stage": stage,
        "kind": refusal.value.kind.name,
        "message": refusal.value.message,
    }

    assert vector["expected"] == told
    assert 0 == len(keys)


def test_every_kind_of_signature_refusal_has_a_vector() -> None:
    kinds = {VECTORS[name]["expected"]["kind"] for name in REFUSED}

    assert {Kind.MISSING_TOKEN.name, Kind.INCOMPLETE_SIGNATURE.name, Kind.BAD_SIGNATURE.name} == kinds
