"""Spans in OpenTelemetry's own words, sent over OTLP/HTTP. The only file that imports its library, where asked for.

Resource, sampler, headers, certificates and compression are taken from the environment by the library itself.
A collector is sent to and not listened to: no redirect is followed, no body is read, no proxy, .netrc or other
credential of the machine is used.
Source: OpenTelemetry specification, "Environment Variable Specification"; semantic conventions, "RPC" and "AWS SDK".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from strongroom.kernel.metrics.steps import FUNCTION, JOB, Done, Step
from strongroom.kernel.metrics.tally import FAILED, OUTCOMES

SECONDS = 10.0
"""How long one batch may take, repetitions included."""
_NANOSECONDS = 1e9
_FAILED = (OUTCOMES[FAILED], "failed")


class Collector:
    """One process's spans (traces.Sender). To be made and used in one thread."""

    def __init__(self, *, instance: str, version: str) -> None:
        """``instance``: the name of this process among those of all nodes."""
        # Their loggers quote what a collector answers; we say that it does not answer, in our own words.
        theirs = logging.getLogger("opentelemetry")
        theirs.addHandler(logging.NullHandler())
        theirs.propagate = False
        own = Resource.create(
            {"service.name": "strongroom", "service.version": version, "service.instance.id": instance}
        )
        resource = own.merge(OTELResourceDetector().detect())  # what the environment says stands
        self._made = _Made()
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._made)
        self._tracer = provider.get_tracer("strongroom", version)
        self._propagator = TraceContextTextMapPropagator()
        self._exporter = OTLPSpanExporter(timeout=SECONDS, session=_Session())

    def send(self, some: Sequence[Done]) -> tuple[int, int]:
        """As Sender. What the sampler left out is neither."""
        for one in some:
            self._spans(one)
        spans = self._made.taken()
        if not spans:
            return 0, 0
        taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        return (len(spans), 0) if taken else (0, len(spans))

    def close(self) -> None:
        """As Sender."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _spans(self, one: Done) -> None:
        zero = one.moment_ns - int(one.ended * _NANOSECONDS)
        context = Context()
        if one.traceparent:
            context = self._propagator.extract({"traceparent": one.traceparent}, context)
        kind = SpanKind.INTERNAL if one.service == JOB else SpanKind.SERVER
        first = self._tracer.start_span(
            _name(one), context, kind, _of_call(one), start_time=zero + int(one.begun * _NANOSECONDS)
        )
        if not first.is_recording():
            return
        if one.outcome in _FAILED:
            first.set_status(Status(StatusCode.ERROR))
        made: dict[str, Span] = {one.request_id: first}
        for step in sorted(one.steps, key=lambda step: step.begun):
            parent = set_span_in_context(made.get(step.parent, first))
            begun, ended = zero + int(step.begun * _NANOSECONDS), zero + int(step.ended * _NANOSECONDS)
            span = self._tracer.start_span(_name(step), parent, SpanKind.INTERNAL, _of_step(step), start_time=begun)
            made[step.request_id] = span
            span.end(ended)
        first.end(one.moment_ns)


class _Made(SpanProcessor):
    """Gathers the spans that were made."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """As SpanProcessor."""
        self._spans.append(span)

    def taken(self) -> list[ReadableSpan]:
        """All spans since the last time."""
        spans, self._spans = self._spans, []
        return spans


class _Session(requests.Session):
    """Asks nobody but the collector, and takes nothing from it but a status."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.stream = True  # the body stays unread

    def request(self, *words: Any, **more: Any) -> requests.Response:
        """As requests.Session. A redirect is a failure: the library would take it for success."""
        with super().request(*words, **more) as answer:
            if 300 <= answer.status_code < 400:
                answer.status_code = 400
            return answer


def _name(one: Done | Step) -> str:
    if one.service in (JOB, FUNCTION):
        return f"{one.service} {one.name}"
    return f"{one.service}/{one.name}"


def _rpc(one: Done | Step) -> dict[str, str]:
    if one.service in (JOB, FUNCTION):
        found = {"strongroom.job.kind": one.name} if one.service == JOB else {}
    else:
        found = {"rpc.system": "aws-api", "rpc.service": one.service, "rpc.method": one.name}
        if one.request_id:
            found["aws.request_id"] = one.request_id
    if one.code:
        found["error.type"] = one.code
    if one.secret:
        found["aws.secretsmanager.secret.arn"] = one.secret
    return found


def _of_call(one: Done) -> dict[str, str | int]:
    found: dict[str, str | int] = {**_rpc(one), "strongroom.outcome": one.outcome}
    if one.account:
        found |= {"cloud.account.id": one.account, "cloud.region": one.region}
    if one.left_out:
        found["strongroom.steps_left_out"] = one.left_out
    return found


def _of_step(step: Step) -> dict[str, str | bool]:
    found: dict[str, str | bool] = dict(_rpc(step))
    if step.repeated:
        found["strongroom.repeated"] = True
    return found
