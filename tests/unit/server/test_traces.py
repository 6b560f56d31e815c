"""When traces are sent, and what becomes of those that nobody takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from strongroom.kernel.metrics.steps import STEPS_AT_MOST, Done, Step, Steps
from strongroom.kernel.metrics.tally import SPANS_DROPPED, SPANS_FAILED, SPANS_SENT
from strongroom.server import traces
from strongroom.server.traces import Jobs, Traces, wish

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=canary"}


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "https://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", ENDPOINT: "https://c"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", ENDPOINT: "https://c"}, False),
        ({"OTEL_SERVICE_NAME": "vault", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        (HEADERS | {ENDPOINT: "http://127.0.0.1:4318"}, True),
        (HEADERS | {ENDPOINT: "https://c"}, True),
    ],
)
def test_the_environment_asks_for_traces(environment: dict[str, str], on: bool) -> None:
    assert on is wish(environment).on


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "sends otlp"),
        ({ENDPOINT: "https://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "speaks http/protobuf"),
        ({ENDPOINT: "c:4318"}, "not the URL of a host"),
        ({ENDPOINT: "file:///etc/passwd"}, "not the URL of a host"),
        ({ENDPOINT: "https://user:canary@c"}, "not the URL of a host"),
        ({ENDPOINT: "https://c:99999999"}, "not the URL of a host"),
        (HEADERS | {ENDPOINT: "http://c:4318"}, "in clear"),
    ],
)
def test_what_cannot_be_done_is_said_and_traces_are_off(environment: dict[str, str], says: str) -> None:
    asked = wish(environment)
    assert not asked.on
    assert says in asked.note
    assert "canary" not in asked.note


def test_without_the_library_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_LIBRARY", "opentelemetry.that.is.not.there")
    asked = wish({ENDPOINT: "https://c"})
    assert (False, True) == (asked.on, "strongroom[traces]" in asked.note)


class Held:
    """A sender that waits until it may go on, and then fails or not."""

    def __init__(self, *, taken: bool) -> None:
        self.go, self.begun, self.taken = threading.Event(), threading.Event(), taken

    def send(self, some: Sequence[Done]) -> tuple[int, int]:
        self.begun.set()
        self.go.wait(60)
        return (len(some), 0) if self.taken else (0, len(some))

    def close(self) -> None:
        self.go.set()


def done() -> Done:
    return Done("kms", "Encrypt", "id", "answered", "", "", "", "", "", 0.0, 1.0, 0, (), 0)


@pytest.mark.parametrize("taken", [True, False])
def test_a_slow_collector_costs_a_bounded_queue_and_what_is_lost_is_counted(
    monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    monkeypatch.setattr(traces, "WAITING_AT_MOST", 3)
    monkeypatch.setattr(traces, "EVERY_SECONDS", 0.01)
    counted = {SPANS_SENT: 0, SPANS_DROPPED: 0, SPANS_FAILED: 0}
    sender = Held(taken=taken)
    made = Traces(lambda: sender, lambda end, number: counted.update({end: counted[end] + number}))
    made.tell(done())
    assert sender.begun.wait(60)
    begun = time.perf_counter()
    for _ in range(10):
        made.tell(done())
    assert time.perf_counter() - begun < 1.0
    assert 7 == counted[SPANS_DROPPED]
    sender.go.set()
    made.close()
    assert (4, 0) == (counted[SPANS_SENT if taken else SPANS_FAILED], counted[SPANS_FAILED if taken else SPANS_SENT])


def test_a_library_that_does_not_load_ends_nothing() -> None:
    def broken() -> Held:
        raise ImportError("canary")

    made = Traces(broken, lambda _end, _number: None)
    made.tell(done())
    made.close()
    assert not made._thread.is_alive()


def test_a_call_of_very_many_parts_keeps_some_and_counts_the_others() -> None:
    steps = Steps()
    for _ in range(STEPS_AT_MOST + 5):
        steps.add(Step("kms", "Decrypt", "", "", 0.0, 0.0))
    assert (STEPS_AT_MOST, 5) == (len(steps.done), steps.left_out)


@pytest.mark.parametrize(("told", "end"), [(True, "done"), (False, "failed"), (None, "lost")])
def test_a_job_is_told_with_its_end(told: bool | None, end: str) -> None:
    heard: list[Done] = []
    with Jobs(heard.append, lambda: "an-id").watch("kind"):
        if told is not None:
            Jobs.ended(done=told)
    assert [("job", "kind", end)] == [(one.service, one.name, one.outcome) for one in heard]
