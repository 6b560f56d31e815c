"""What is remembered of compiled policies, and that it is never anything but what was asked for."""

from __future__ import annotations

import json

import pytest

from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import DocumentKind, joined, load_document, read_document
from strongroom.kernel.authz.memory import Memory
from strongroom.kernel.authz.model import Policies, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind

ANN = Principal(PrincipalKind.USER, "arn:aws:iam::123456789012:user/ann", "123456789012", name="ann")
READ = "secretsmanager:GetSecretValue"


def policy(effect: str, resource: str) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": READ, "Resource": resource}})


def test_a_document_is_read_once_and_each_text_label_and_kind_is_its_own() -> None:
    text = policy("Allow", "*")
    one = load_document(text, DocumentKind.IDENTITY, "one")
    assert load_document(text, DocumentKind.IDENTITY, "one") is one
    others = [
        load_document(text, DocumentKind.IDENTITY, "two"),
        load_document(text, DocumentKind.SESSION, "one"),
        load_document(policy("Deny", "*"), DocumentKind.IDENTITY, "one"),
    ]
    assert all(other is not one for other in others)
    assert ["two", "one", "one"] == [other.statements[0].match.label for other in others]
    assert ["identity", "session", "identity"] == [other.statements[0].match.kind for other in others]
    assert not others[2].statements[0].allows


def test_the_memory_is_bounded_and_what_is_in_use_stays() -> None:
    memory: Memory[str] = Memory(10_000)
    made: list[int] = []

    def make(number: int) -> str:
        made.append(number)
        return f"made of {number}"

    for number in range(200):
        assert f"made of {number}" == memory.of(number, 100, lambda number=number: make(number))
        assert "made of -1" == memory.of(-1, 100, lambda: make(-1))
    assert 1 == made.count(-1)
    assert len(memory._young) + len(memory._old) <= 10_000 // 300 + 1
    memory.clear()
    memory.of(-1, 100, lambda: make(-1))
    assert 2 == made.count(-1)


def test_what_is_too_long_is_made_anew_each_time() -> None:
    memory: Memory[object] = Memory(10_000)
    assert memory.of("long", 9_000, object) is not memory.of("long", 9_000, object)


def test_a_part_is_compiled_when_it_is_asked_for_and_only_then() -> None:
    document = read_document(policy("Allow", "arn:aws:secretsmanager:*:*:secret:a*"), DocumentKind.IDENTITY, "lazy")
    (statement,) = document.statements
    with pytest.raises(AttributeError):
        object.__getattribute__(statement, "covers")
    assert () == document.about("kms:Decrypt")
    with pytest.raises(AttributeError):
        object.__getattribute__(statement, "covers")
    assert statement.covers is not None
    assert statement.covers is object.__getattribute__(statement, "covers")
    with pytest.raises(AttributeError, match="nothing"):
        _ = statement.nothing  # type: ignore[attr-defined]


def test_documents_joined_say_what_each_of_them_says() -> None:
    allow = load_document(policy("Allow", "*"), DocumentKind.IDENTITY, "all")
    deny = load_document(policy("Deny", "arn:aws:secretsmanager:*:*:secret:no*"), DocumentKind.IDENTITY, "all")
    both = joined([allow, deny], DocumentKind.IDENTITY, "all")
    for name, allowed in (("yes", True), ("no", False)):
        arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"
        decided = [
            decide(Request(ANN, READ, arn, "123456789012"), Policies(identity=each))
            for each in ((both,), (allow, deny))
        ]
        assert [allowed, allowed] == [one.allowed for one in decided]
        assert decided[0].matches == decided[1].matches
