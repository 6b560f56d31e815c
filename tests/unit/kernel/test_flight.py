"""A flight that is begun again has kept nothing of the steps that it passed, and all that the world outside brought."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from strongroom.base.http import HTTPRequest
from strongroom.kernel.call import Call, Kernel, Source
from strongroom.kernel.flight import GLOBAL_REGION, NOBODY, Flight
from strongroom.kernel.metrics.steps import Step, Steps
from strongroom.kernel.wire import Route

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LEFT = {
    "call": "records target decision denial told afterwards also kept question remembered asked asks plan by_kin",
    "flight": "reply records refusal prepared",
}


def begun() -> Flight:
    call = Call(
        kernel=cast("Kernel", None),
        service="toy",
        name="Get",
        region=GLOBAL_REGION,
        credential=NOBODY,
        params={},
        now=NOW,
        machine_now=NOW,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )
    return Flight(HTTPRequest("POST", b"/", b"", [], b""), call.source, call, Route("toy", "Get", "json"))


def test_what_the_steps_left_is_gone() -> None:
    flight, fresh = begun(), begun()
    both: list[tuple[Any, Any, str]] = [(flight.call, fresh.call, LEFT["call"]), (flight, fresh, LEFT["flight"])]
    for dirty, _, names in both:
        for name in names.split():
            setattr(dirty, name, "left")
    flight.start_over()
    for cleaned, clean, names in both:
        assert {name: getattr(clean, name) for name in names.split()} == {
            name: getattr(cleaned, name) for name in names.split()
        }


def test_what_the_world_outside_brought_and_what_was_computed_stay() -> None:
    flight = begun()
    flight.call.ahead, flight.call.computed, flight.needs_time = "brought", {"key": 1}, True
    flight.start_over()
    assert ("brought", {"key": 1}, True) == (flight.call.ahead, flight.call.computed, flight.needs_time)


def test_parts_that_a_trace_has_heard_of_are_told_once() -> None:
    flight = begun()
    flight.call.steps = Steps()
    flight.call.steps.add(Step("kms", "Decrypt", "", "r", 0.0, 1.0))
    flight.start_over()
    assert [] == flight.call.steps.done
