"""What the steps do where kin has answered: what is not kept is located again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from strongroom.kernel.authz.model import Decision
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import LET_GO, Call, Credential, Kernel, Remembered, Repeat, Source, Target
from strongroom.kernel.chain import Chain
from strongroom.kernel.registry import Alike, Mode, Operation, Room
from strongroom.kernel.steps import handle_the_call
from strongroom.kernel.storage.port import Transaction

WHO = Credential(Principal(PrincipalKind.USER, arn="arn:aws:iam::1:user/a", account="1"), "A", "s")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
TX = cast("Transaction", None)
CHAIN = cast("Chain", None)


def call_of(remembered: Remembered | None, target: Target) -> Call:
    made = Call(
        kernel=cast("Kernel", None),
        service="toy",
        name="Get",
        region="us-east-1",
        credential=WHO,
        params={},
        now=NOW,
        machine_now=NOW,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )
    made.remembered, made.target = remembered, target
    return made


def located(_call: Call, _tx: Transaction) -> Target:
    return Target("arn", "1", found="row")


def told(_call: Call, found: Any, _tx: Transaction) -> dict[str, Any]:
    return {"Found": found}


GET = Operation("toy", "Get", told, "toy:Get", Mode.READ, locate=located, steady=True)


def test_an_answer_that_time_has_ended_is_made_of_what_is_located_again() -> None:
    slim = Target("arn", "1", LET_GO)
    over = Repeat({}, lambda _call: None)
    known = Remembered({}, slim, cast("Decision", None), WHO, Source("127.0.0.1"), False, over)
    call = call_of(known, slim)
    assert {"Found": "row"} == handle_the_call(CHAIN, call, GET, TX, {})
    assert call.target is not None
    assert "row" == call.target.found


def test_what_was_located_is_not_looked_for_again() -> None:
    assert {"Found": "mine"} == handle_the_call(CHAIN, call_of(None, Target("arn", "1", "mine")), GET, TX, {})


@pytest.mark.parametrize("other", [{"steady": False}, {"shown": ("Found",)}, {"resource_type": "AWS::Toy"}])
def test_operations_whose_records_or_answers_differ_are_like_no_others(other: dict[str, Any]) -> None:
    alike = Alike(lambda _params: (), lambda _call, _tx: None, lambda _call, _target, _found, _tx: None)
    with pytest.raises(ValueError, match="like no other"):
        Room("toy").operation("Get", mode=Mode.READ, alike=alike, **({"steady": True} | other))(told)
