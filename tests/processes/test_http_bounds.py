"""What a client can send and hold is bounded, and malformed HTTP never reaches the application or the log."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deployment import Toy
from tests.processes.wire import Raw

BODY = 128 * 1024
HEAD = 8 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """One worker with short patience. Whatever the tests do, it must not die or print a traceback."""
    limits = (
        "workers=1",
        "tls=off",
        f"max_body_bytes={BODY}",
        f"max_head_bytes={HEAD}",
        "max_headers=32",
        "head_timeout=1",
        "body_timeout=1",
        "keep_alive=1",
        "max_pipelined=4",
        "max_connections=40",
    )
    with Toy(tmp_path_factory.mktemp("bounds") / "data", *limits) as toy:
        yield toy
        assert [0, 0] == [child["restarts"] for child in toy.admin({"do": "status"})["children"]]
    assert "Traceback" not in toy.said()
    assert "Exception" not in toy.said()


MALFORMED = {
    "garbage": b"\x16\x03\x01 hello\r\n\r\n",
    "no version": b"GET /echo\r\n\r\n",
    "an unknown version": b"GET /echo HTTP/9.9\r\nHost: {host}\r\n\r\n",
    "a zero byte in a header": b"GET /echo HTTP/1.1\r\nHost: {host}\r\nx: a\0b\r\n\r\n",
    "a space before the colon": b"GET /echo HTTP/1.1\r\nHost : {host}\r\n\r\n",
    "a folded header": b"GET /echo HTTP/1.1\r\nHost: {host}\r\nx: a\r\n b\r\n\r\n",
    "both length and chunks": b"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a negative length": b"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: -3\r\n\r\nabc",
    "a length that overflows": b"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\nabc",
    "a chunk size that is none": b"POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a path that is not ASCII": b"GET /\xc3\xa9cho HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bare line feeds": b"GET /echo HTTP/1.1\nHost: {host}\n\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_gets_400_and_a_closed_connection(server: Toy, data: bytes) -> None:
    with Raw(server.url) as raw:
        raw.send(data.replace(b"{host}", raw.host.encode()))
        assert 400 == raw.answer().status
        assert raw.closed()


def test_malformed_http_after_good_requests_does_not_disturb_their_answers(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request("/slow", b"first")
        raw.request("/echo", b"second")
        raw.send(b"\0\0garbage\r\n\r\n")
        assert [5, 6] == [json.loads(raw.answer().body)["size"] for _ in range(2)]
        assert raw.closed()


@pytest.mark.parametrize(
    "head",
    [
        f"x: {'a' * HEAD}\r\n".encode(),
        b"".join(b"x%d: a\r\n" % number for number in range(40)),
        b"".join(b"x%d: %b\r\n" % (number, b"a" * 1000) for number in range(9)),
    ],
    ids=["one long header", "many headers", "long headers together"],
)
def test_a_head_that_is_too_large_is_refused(server: Toy, head: bytes) -> None:
    with Raw(server.url) as raw:
        raw.send(b"POST /echo HTTP/1.1\r\nHost: " + raw.host.encode() + b"\r\n" + head + b"\r\n")
        assert 431 == raw.answer().status
        assert raw.closed()


@pytest.mark.parametrize("start", [b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000])
def test_a_head_without_an_end_is_refused_before_its_end(server: Toy, start: bytes) -> None:
    with Raw(server.url) as raw:
        raw.send(start[:1000])
        time.sleep(0.05)
        raw.send(start[1000:])
        assert 431 == raw.answer().status


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: {BODY + 1}\r\n\r\n".encode())
        refused = raw.answer()
        assert (413, "application/x-amz-json-1.1") == (refused.status, refused.headers["content-type"])
        assert "RequestEntityTooLargeException" == json.loads(refused.body)["__type"]


CODE = "/2015-03-31/functions"


def test_where_code_is_taken_a_body_may_be_larger_and_few_are_read_at_once(server: Toy) -> None:
    head = f"POST {CODE} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {BODY + 1}\r\n\r\n"
    with ExitStack() as stack:
        under_way = [stack.enter_context(Raw(server.url)) for _ in range(4)]
        for raw in under_way:
            raw.send(head.format(host=raw.host).encode() + b"x")
        time.sleep(0.2)
        with Raw(server.url) as fifth:
            fifth.send(head.format(host=fifth.host).encode())
            assert 503 == fifth.answer().status
        for raw in under_way:
            raw.send(b"x" * BODY)
            assert raw.answer().status not in (413, 503)  # it came to the application
    with Raw(server.url) as again:
        again.request(CODE, b"x" * (BODY + 1))
        assert again.answer().status not in (413, 503)


def test_code_too_is_bounded_and_must_say_its_size(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(f"POST {CODE} HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: {80 << 20}\r\n\r\n".encode())
        assert 413 == raw.answer().status
    with Raw(server.url) as raw:
        raw.send(f"POST {CODE} HTTP/1.1\r\nHost: {raw.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        raw.send(b"20001\r\n" + b"x" * 131073 + b"\r\n0\r\n\r\n")
        assert 413 == raw.answer().status


def test_a_client_that_sends_all_of_its_large_body_still_reads_its_refusal(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request("/echo", b"x" * 1_500_000)
        assert 413 == raw.answer().status
        assert raw.closed()


def test_chunks_are_counted(server: Toy) -> None:
    with Raw(server.url) as raw:
        head = f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.send(head.encode() + b"10000\r\n" + b"x" * 65536 + b"\r\n")
        raw.send(b"10001\r\n" + b"x" * 65537 + b"\r\n0\r\n\r\n")
        assert 413 == raw.answer().status
        assert raw.closed()


def test_the_framing_of_chunks_is_counted_too(server: Toy) -> None:
    with Raw(server.url) as raw:
        head = f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.send(head.encode())
        with pytest.raises(ConnectionError):
            for _ in range(40):
                raw.send(b"1;" + b"x" * 100_000 + b"\r\na\r\n")
            raise ConnectionError if raw.answer().status == 413 else AssertionError


def test_a_body_of_the_largest_size_is_taken(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request("/echo", b"x" * BODY)
        assert BODY == json.loads(raw.answer().body)["size"]


@pytest.mark.parametrize(
    "start",
    [b"POST /ec", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["head", "body"],
)
def test_a_slow_client_is_told_and_closed(server: Toy, start: bytes) -> None:
    begun = time.monotonic()
    with Raw(server.url) as raw:
        raw.send(start.replace(b"Host: a", b"Host: " + raw.host.encode()))
        assert 408 == raw.answer().status
        assert 0.9 < time.monotonic() - begun < 3
        assert raw.closed()


def test_a_slow_client_cannot_win_time_byte_by_byte(server: Toy) -> None:
    with Raw(server.url) as raw:
        ended = threading.Event()

        def drip() -> None:
            try:
                while not ended.wait(0.1):
                    raw.send(b"x")
            except OSError:
                return

        raw.send(b"POST /")
        dripping = threading.Thread(target=drip)
        dripping.start()
        assert 408 == raw.answer().status
        ended.set()
        dripping.join()


@pytest.mark.parametrize("start", [b"", b"\r\n\r\n"], ids=["silent", "empty lines"])
def test_a_connection_without_a_request_is_closed(server: Toy, start: bytes) -> None:
    with Raw(server.url) as raw:
        raw.send(start)
        assert raw.answer().status in (0, 408)


def test_an_idle_connection_is_closed_after_keep_alive(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request()
        assert 200 == raw.answer().status
        time.sleep(0.5)
        raw.request()
        assert 200 == raw.answer().status
        assert raw.closed(within=3)


def test_an_application_may_take_longer_than_any_client(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request("/slow", b"x")
        assert 200 == raw.answer().status


def test_pipelined_requests_are_answered_in_order(server: Toy) -> None:
    with Raw(server.url) as raw:
        for size in (1, 2, 3, 4):
            raw.request("/slow" if size == 1 else "/echo", b"x" * size)
        assert [1, 2, 3, 4] == [json.loads(raw.answer().body)["size"] for _ in range(4)]


def test_a_flood_of_pipelined_requests_is_cut_and_what_was_accepted_is_answered(server: Toy) -> None:
    with Raw(server.url) as raw:
        one = f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: 0\r\n\r\n".encode()
        raw.send(one * 200)
        answered = 0
        while raw.answer().status == 200:
            answered += 1
        assert 1 <= answered <= 10


def test_trailers_do_not_become_headers(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(
            f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n0\r\nX-Amz-Security-Token: t\r\n\r\n".encode()
        )
        seen = json.loads(raw.answer().body)["headers"]
        assert ["host", "transfer-encoding"] == [name for name, _ in seen]


def test_a_client_that_asks_before_sending_is_told_to_go_on(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(
            f"POST /echo HTTP/1.1\r\nHost: {raw.host}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode()
        )
        assert 100 == raw.answer().status
        raw.send(b"ab")
        assert 2 == json.loads(raw.answer().body)["size"]


def test_a_body_that_was_never_asked_for_is_not_taken_for_a_request(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(
            f"POST /early HTTP/1.1\r\nHost: {raw.host}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode()
        )
        assert b"early" == raw.answer().body
        assert raw.closed()


def test_an_answer_before_the_body_keeps_the_connection_in_step(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.send(f"POST /early HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: 4\r\n\r\nab".encode())
        assert b"early" == raw.answer().body
        raw.send(b"cd")
        raw.request("/echo", b"x")
        assert 1 == json.loads(raw.answer().body)["size"]


def test_an_offer_to_upgrade_is_answered_as_http_1_and_closed(server: Toy) -> None:
    with Raw(server.url) as raw:
        raw.request("/echo", b"ab", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n")
        assert 200 == raw.answer().status
        assert raw.closed()


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["evil.example"], 421),
        (["127.0.0.1.evil.example"], 421),
        (["localhost@evil.example"], 421),
        (["localhost:x"], 421),
        (["{host}", "{host}"], 400),
        ([], 400),
        (["LocalHost"], 200),
        (["localhost:9"], 200),
        (["[::1]:9"], 200),
    ],
)
def test_the_host_header_must_name_this_server_once(server: Toy, hosts: list[str], status: int) -> None:
    with Raw(server.url) as raw:
        lines = "".join(f"Host: {host}\r\n" for host in hosts).replace("{host}", raw.host)
        raw.send(f"GET /echo HTTP/1.1\r\n{lines}\r\n".encode())
        assert status == raw.answer().status


def test_more_connections_than_allowed_are_sent_away_and_the_others_live(server: Toy) -> None:
    held = [Raw(server.url) for _ in range(40)]
    try:
        time.sleep(0.1)
        with Raw(server.url) as late:
            assert 503 == late.answer().status
    finally:
        for raw in held:
            raw.__exit__()
    time.sleep(0.2)
    with Raw(server.url) as raw:
        raw.request()
        assert 200 == raw.answer().status


_PIECES = st.sampled_from(
    [
        b"GET /echo HTTP/1.1\r\n",
        b"POST /echo HTTP/1.1\r\n",
        b"Host: localhost\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"5\r\nabcde\r\n",
        b"0\r\n\r\n",
        b"abcde",
        b"\0",
        b"HTTP/1.1",
        b"\n",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.one_of(_PIECES, st.binary(max_size=40)), min_size=1, max_size=14),
    cut=st.integers(0, 200),
)
def test_any_bytes_are_answered_or_closed_and_the_worker_lives(server: Toy, pieces: list[bytes], cut: int) -> None:
    data = b"".join(pieces)
    with Raw(server.url, timeout=8) as raw:
        try:
            raw.send(data[:cut])
            raw.send(data[cut:])
            raw._socket.shutdown(1)
        except OSError:
            pass
        while (answer := raw.answer()).status:
            assert answer.status in (100, 200, 400, 408, 413, 421, 431)


def test_the_worker_is_the_same_as_before_all_this(server: Toy, tmp_path: Path) -> None:
    with Raw(server.url) as raw:
        raw.request()
        assert server.children()["worker 0"] == json.loads(raw.answer().body)["pid"]
