"""What a call keeps: results that are costly, and changes that outlive its refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Credential, Kernel, Source
from strongroom.kernel.storage.port import Transaction

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def a_call() -> Call:
    """A call that asks for nothing."""
    user = Principal(PrincipalKind.USER, arn="arn:aws:iam::111122223333:user/ann", account="111122223333")
    return Call(
        kernel=cast("Kernel", None),
        service="iam",
        name="ChangePassword",
        region="us-east-1",
        credential=Credential(user, "AKIA", "secret"),
        params={},
        now=NOW,
        machine_now=NOW,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )


def test_what_is_costly_is_computed_once_for_each_key_and_call() -> None:
    call, computed = a_call(), list[str]()

    def compute(word: str) -> str:
        computed.append(word)
        return word.upper()

    assert ["A", "A", "B"] == [call.once(("upper", word), lambda: compute(word)) for word in ("a", "a", "b")]  # noqa: B023
    assert ["a", "b"] == computed
    assert "A" == a_call().once(("upper", "a"), lambda: compute("a"))
    assert ["a", "b", "a"] == computed, "another call computes for itself"


def test_what_a_call_computed_is_in_no_repr() -> None:
    call = a_call()
    call.once(("password", "hunter2"), lambda: b"stretched")

    assert "hunter2" not in repr(call)
    assert "stretched" not in repr(call)


def test_changes_to_keep_are_kept_in_order() -> None:
    call, made = a_call(), list[int]()
    for number in (1, 2):
        call.keep(lambda tx, number=number: made.append(number))  # type: ignore[misc]
    for change in call.kept:
        change(cast("Transaction", None))

    assert [1, 2] == made
