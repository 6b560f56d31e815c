"""A collector of traces: a real OTLP/HTTP server on loopback that decodes what it is sent, and misbehaves as told."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span as it came."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    begun: int
    ended: int
    attributes: dict[str, Any]


@dataclass
class Collector:
    """``with Collector() as collector``. ``status`` answers; None hangs until the end."""

    status: int | None = 200
    spans: list[Span] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    instances: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, done: Callable[[list[Span]], bool], seconds: float = 60.0) -> list[Span]:
        """Wait until that is so of what came; what came."""
        until = time.monotonic() + seconds
        while not done(self.spans):
            assert time.monotonic() < until, [(one.name, one.attributes) for one in self.spans]
            time.sleep(0.02)
        return list(self.spans)

    def of(self, request_id: str) -> Span:
        """The span of a call by its request id, once it is there."""

        def found(spans: list[Span]) -> list[Span]:
            return [one for one in spans if one.attributes.get("aws.request_id") == request_id]

        (only,) = found(self.wait_for(lambda spans: bool(found(spans))))
        return only

    def below(self, parent: Span) -> list[Span]:
        """Its children, in the order of their beginnings."""
        return sorted((one for one in self.spans if one.parent == parent.id), key=lambda one: one.begun)

    def _take(self, body: bytes) -> None:
        self.raw.append(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = _plain(group.resource.attributes)
            self.instances.add(str(self.resource["service.instance.id"]))
            for scope in group.scope_spans:
                self.spans += [
                    Span(
                        one.name,
                        one.trace_id.hex(),
                        one.span_id.hex(),
                        one.parent_span_id.hex(),
                        one.kind,
                        one.status.code == 2,
                        one.start_time_unix_nano,
                        one.end_time_unix_nano,
                        _plain(one.attributes),
                    )
                    for one in scope.spans
                ]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.paths.append(self.path)
                if collector.status is None:
                    collector._end.wait(60)
                    self.close_connection = True
                    return
                if collector.status == 200:
                    collector._take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(collector.status)
                if 300 <= collector.status < 400:
                    self.send_header("location", f"{collector.url}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                collector.paths.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in attributes}
