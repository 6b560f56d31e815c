"""A directory as a bucket that can be read: as much of S3 as validating CloudTrail's log files needs.

An object's metadata stands beside it, in NAME.metadata.json.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

_NOT_FOUND = b"<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>"
_BESIDE = ".metadata.json"


class Bucket:
    """One bucket on a loopback port."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root.resolve()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a GET."""
        name, _, key = unquote(path).lstrip("/").partition("/")
        if name != self.name:
            return 404, {}, _NOT_FOUND
        if not key and "location" in query:
            return 200, {}, b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
        if not key:
            return 200, {}, self._list(query.get("prefix", [""])[0], query.get("marker", [""])[0])
        file = self.root / key
        if not file.is_file():
            return 404, {}, _NOT_FOUND
        beside = file.with_name(file.name + _BESIDE)
        told = json.loads(beside.read_text()) if beside.exists() else {}
        return 200, {f"x-amz-meta-{name}": value for name, value in told.items()}, file.read_bytes()

    def _list(self, prefix: str, marker: str) -> bytes:
        keys = sorted(str(one.relative_to(self.root)) for one in self.root.rglob("*") if one.is_file())
        listed = [key for key in keys if key.startswith(prefix) and key > marker and not key.endswith(_BESIDE)]
        contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in listed)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, headers, body = bucket.answer(parts.path, parse_qs(parts.query, keep_blank_values=True))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
