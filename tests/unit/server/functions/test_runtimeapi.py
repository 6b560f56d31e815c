"""The Runtime API below AWS's client: what it answers, and to whom."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from strongroom.server.functions.runtimeapi import MOST_RESULT_BYTES, Headers, RuntimeAPI

PREFIX = "/2018-06-01/runtime"


class Known:
    """A function that has one event, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []

    def next(self) -> tuple[Headers, bytes] | None:
        """The one event."""
        return {"Lambda-Runtime-Aws-Request-Id": "id"}, b'{"n":1}'

    def result(self, request_id: str, body: bytes, *, failed: bool) -> bool:
        """Keep the first result of that event."""
        self.told.append((f"{request_id} {failed}", body))
        return request_id == "id"

    def not_started(self, body: bytes) -> None:
        """Keep the reason."""
        self.told.append(("init", body))


@pytest.fixture
def function() -> Known:
    """What stands behind the API."""
    return Known()


@pytest.fixture
def api(function: Known) -> Iterator[http.client.HTTPConnection]:
    """A connection that is known to be its own."""
    made = RuntimeAPI(function, lambda _connection: True)
    made.start()
    connection = http.client.HTTPConnection(made.address, timeout=5)
    yield connection
    connection.close()
    made.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
    """One request on a kept connection; its status."""
    connection.request(method, f"{PREFIX}/{path}", body)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_an_event_comes_with_its_headers(api: http.client.HTTPConnection) -> None:
    api.request("GET", f"{PREFIX}/invocation/next")
    answer = api.getresponse()
    assert ("id", b'{"n":1}') == (answer.getheader("Lambda-Runtime-Aws-Request-Id"), answer.read())


def test_results_and_errors_are_taken_on_one_connection(api: http.client.HTTPConnection, function: Known) -> None:
    assert 202 == ask(api, "POST", "invocation/id/response", b"1")
    assert 202 == ask(api, "POST", "invocation/id/error", b"{}")
    assert 202 == ask(api, "POST", "init/error", b"why")
    assert [("id False", b"1"), ("id True", b"{}"), ("init", b"why")] == function.told


def test_a_result_that_nobody_waits_for_is_refused(api: http.client.HTTPConnection) -> None:
    assert 403 == ask(api, "POST", "invocation/other/response", b"1")


def test_a_result_that_is_too_large_is_refused_and_read_to_its_end(api: http.client.HTTPConnection) -> None:
    assert 413 == ask(api, "POST", "invocation/id/response", bytes(MOST_RESULT_BYTES + 1))
    assert 202 == ask(api, "POST", "invocation/id/response", b"small")


@pytest.mark.parametrize("path", ["", "invocation", "invocation/id", "invocation/id/response/more", "restore/next"])
def test_other_paths_are_not_there(api: http.client.HTTPConnection, path: str) -> None:
    assert 404 == ask(api, "POST", path, b"")


def test_chunks_are_put_together(api: http.client.HTTPConnection, function: Known) -> None:
    api.request("POST", f"{PREFIX}/invocation/id/response", iter([b"one", b"two"]), encode_chunked=True,
                headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert 202 == api.getresponse().status
    assert [("id False", b"onetwo")] == function.told


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /x HTTP/1.1\r\n" + b"a: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_closed(function: Known, sent: bytes) -> None:
    made = RuntimeAPI(function, lambda _connection: True)
    made.start()
    host, _, port = made.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        answered = raw.recv(100)
    made.close()
    assert answered == b"" or answered.startswith(b"HTTP/1.1 4")
    assert [] == function.told


def test_a_connection_of_somebody_else_is_closed_without_an_answer(function: Known) -> None:
    made = RuntimeAPI(function, lambda _connection: False)
    made.start()
    connection = http.client.HTTPConnection(made.address, timeout=5)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(connection, "GET", "invocation/next")
    connection.close()
    made.close()
    assert [] == function.told
