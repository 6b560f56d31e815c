"""The order of the steps is the security of the product, so it is pinned here."""

from __future__ import annotations

from typing import Any, cast

import pytest

from strongroom.kernel import steps


def test_the_caller_is_proven_before_anything_is_said_or_read() -> None:
    assert (steps.prove_the_caller, steps.offer_the_operation, steps.read_the_parameters) == steps.BEFORE


def test_inside_a_transaction_the_decision_comes_before_the_work_and_is_checked_after_it() -> None:
    assert (
        steps.locate_the_resource,
        steps.decide_the_call,
        steps.handle_the_call,
        steps.check_the_answer,
    ) == steps.INSIDE


def test_an_answer_without_a_decision_is_a_bug_and_no_answer() -> None:
    class Undecided:
        decision = None
        service, name = "secretsmanager", "GetSecretValue"

    with pytest.raises(RuntimeError, match="without a decision"):
        steps.check_the_answer(cast("Any", None), cast("Any", Undecided()), cast("Any", None), cast("Any", None), {})
