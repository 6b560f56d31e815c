"""The slow decision is itself held against the hand-written vectors, so that both cannot be wrong alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.oracle.slow_decide import slow_decide

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "policies").glob("*.json"))
UNREADABLE = "unreadable_"  # the slow one reads well-formed statements only
FIELDS = ("arn", "account", "entity_arn", "unique_id", "name")


@pytest.mark.parametrize(
    "path", [path for path in VECTORS if not path.stem.startswith(UNREADABLE)], ids=lambda p: p.stem
)
def test_the_slow_decision_matches_the_vectors(path: Path) -> None:
    vector = json.loads(path.read_text())
    given = vector["policies"]
    caller = {field: vector["principal"].get(field, "") for field in FIELDS}
    caller["kind"] = vector["principal"]["kind"].lower()
    context = {key: tuple(value) if isinstance(value, list) else value for key, value in vector["context"].items()}
    question = {field: vector[field] for field in ("action", "resource", "resource_account")} | {"context": context}
    policies = {
        "rule": given["rule"].lower(),
        "identity": given.get("identity", []),
        "session": given.get("session", []),
        "boundary": given.get("boundary"),
        "resource": given.get("resource"),
    }

    assert (vector["expected"]["outcome"], vector["expected"]["kind"]) == slow_decide(question, caller, policies)
