"""A plain request is read as the parser reads it, and nothing is plain that the parser reads otherwise."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.server import plain
from strongroom.server.glimpse import MAX_HEAD_BYTES, SHAPES_KEPT, Shape, Shapes, glimpse
from strongroom.server.plain import read_plain

SENT = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nX-Amz-Target: secretsmanager.GetSecretValue\r\n"
    b"Content-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}"
)

SIGNED = SENT.replace(
    b"Content-Length",
    b"Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261123/us-east-1/secretsmanager/aws4_request, "
    b"SignedHeaders=host, Signature=00\r\nContent-Length",
)


class Parsed:
    """What the parser makes of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.ended = 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method, self.version = parser.get_method(), parser.get_http_version()
        self.kept = parser.should_keep_alive()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


def same(data: bytes) -> bool:
    """Whether these bytes are plain; asserts that the parser then reads the same."""
    found = read_plain(data)
    if found is None:
        return False
    parsed = Parsed(data)
    assert (parsed.ended, parsed.method, parsed.version, parsed.kept) == (1, b"POST", "1.1", True)
    assert (parsed.url, parsed.headers, parsed.body) == (found.path, list(found.headers), found.body)
    assert found.by_name == dict(parsed.headers)
    return True


def one_alone(data: bytes) -> bool:
    """Whether these bytes are refused at a glance; asserts that the parser finds one whole request in them, or none."""
    if glimpse(data) is None:
        return False
    try:
        parsed = Parsed(data)
    except httptools.HttpParserError:
        return True  # nobody behind us takes it for anything either
    assert (parsed.ended, parsed.method, parsed.version, parsed.kept) == (1, b"POST", "1.1", True)
    assert parsed.body == data.partition(b"\r\n\r\n")[2]
    return True


def test_a_glance_tells_who_claims_to_ask_for_what() -> None:
    assert glimpse(SIGNED) == (b"AKIAEXAMPLE", b"secretsmanager.GetSecretValue") and one_alone(SIGNED)
    for missing in (b"X-Amz-Target", b" Credential", b"application/x-amz-json-1.1"):
        assert glimpse(SIGNED.replace(missing, b"X")) is None


def test_what_an_sdk_sends_is_plain() -> None:
    assert same(SENT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"POST", b"GET"),
        (b"POST / ", b"POST /a "),
        (b"POST / ", b"POST /?a=b "),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"\r\n\r\n{}", b"\r\n\r\n{}{"),
        (b"\r\n\r\n{}", b"\r\n\r\n{"),
        (b"\r\n\r\n{}", b"\r\n"),
        (b"Content-Length: 2\r\n", b""),
        (b"Content-Length: 2\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n"),
        (b"Content-Length: 2", b"Content-Length: +2"),
        (b"Content-Length: 2", b"Content-Length: 02"),
        (b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nConnection: close"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nExpect: 100-continue"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nUpgrade: h2c"),
        (b"Host: 127", b"Host:127"),
        (b"Host: 127", b"Host:  127"),
        (b"Host: 127", b"Host : 127"),
        (b"Host: 127", b" Host: 127"),
        (b":8443\r\n", b":8443 \r\n"),
        (b":8443\r\n", b":8443\r\n folded\r\n"),
        (b":8443\r\n", b":8443\n"),
        (b":8443\r\n", b":8443\rA: b\r\n"),
        (b":8443\r\n", b":8443\x00\r\n"),
        (b":8443\r\n", b":8443\r\nA: \xe9\r\n"),
        (b":8443\r\n", b":8443\r\nA: \r\n"),
        (b":8443\r\n", b":8443\r\n: b\r\n"),
        (b":8443\r\n", b":8443\r\nA b: c\r\n"),
        (b":8443\r\n", b":8443\r\nHost: other\r\n"),
    ],
)
def test_anything_else_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert read_plain(SENT.replace(old, new)) is None
    one_alone(SIGNED.replace(old, new))


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Content-Length: 2\r\nContent-Length: 2",
        b"Content-Length: 2\r\nContent-Length : 40",
        b"Content-Length: 2\r\nConnection: close",
        b"Content-Length: 2\r\nExpect: 100-continue",
        b"Content-Length: 2\r\nUpgrade: h2c",
        b"Content-Length: 2\r\n folded",
        b"Content-Length: 02",
        b"Content-Length: +2",
        b"Content-Length:2",
        b"Content-Length: 3",
        b"Content-Length: 1",
        b"X: Content-Length: 2",
        b"Transfer-Encoding: chunked",
    ],
)
def test_nothing_whose_end_could_be_elsewhere_is_refused_at_a_glance(framing: bytes) -> None:
    assert glimpse(SIGNED.replace(b"Content-Length: 2", framing)) is None


def test_a_long_head_and_many_headers_are_left_to_the_parser() -> None:
    padded = SENT.replace(b"Host", b"A: " + b"x" * plain.MAX_BYTES + b"\r\nHost")
    many = SENT.replace(b"Host", b"".join(b"A%d: b\r\n" % n for n in range(plain.MAX_HEADERS)) + b"Host")
    assert read_plain(padded) is None and read_plain(many) is None


def test_names_are_kept_to_a_bound() -> None:
    for number in range(2 * plain._NAMES_KEPT):
        assert read_plain(SENT.replace(b"Host", b"A%d: b\r\nHost" % number)) is not None
    assert len(plain._names) <= plain._NAMES_KEPT


PIECES = [
    b"POST / HTTP/1.1", b"\r\n", b"\n", b"\r", b": ", b":", b" ", b"\t", b"Host", b"x", b"Content-Length", b"0", b"2",
    b"{}", b"Connection", b"close", b"keep-alive", b"Transfer-Encoding", b"chunked", b"\x00", b"\x80", b"A: b\r\n",
    b"Content-Length: 2\r\n", b"\r\n\r\n", b"\r\n\r\n{}",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_whatever_is_plain_is_the_same_to_the_parser(pieces: list[bytes]) -> None:
    same(b"POST / HTTP/1.1\r\nHost: x\r\n" + b"".join(pieces))
    one_alone(SIGNED.partition(b"Content-Length")[0] + b"".join(pieces))


@settings(max_examples=300)
@given(st.integers(0, len(SIGNED)), st.integers(0, 3), st.binary(max_size=3))
def test_a_changed_request_is_plain_only_where_the_parser_reads_the_same(at: int, cut: int, put: bytes) -> None:
    same(SENT[:at] + put + SENT[at + cut :])
    one_alone(SIGNED[:at] + put + SIGNED[at + cut :])


SDK = SIGNED.replace(
    b"Content-Length",
    b"X-Amz-Date: 20261123T101112Z\r\namz-sdk-invocation-id: 0b7bd0d8-2a9c-4b7e-9d3e-0123456789ab\r\n"
    b"X-Amz-Content-Sha256: abcdef012345\r\nContent-Length",
)


def fits_as_the_parser_reads(shape: Shape, data: bytes) -> bool:
    """Whether these bytes fit; asserts that they are one whole request then, of the same claim and target."""
    if not shape.fits(data):
        return False
    assert one_alone(data) and glimpse(data) == (shape.key, shape.target)
    parsed = Parsed(data)
    assert (parsed.ended, parsed.body) == (1, data.partition(b"\r\n\r\n")[2])
    return True


def test_a_client_s_next_request_fits_the_shape_of_its_last() -> None:
    shapes = Shapes()
    shape = shapes.of(SDK)
    assert shape is not None and (shape.key, shape.target) == (b"AKIAEXAMPLE", b"secretsmanager.GetSecretValue")
    later = SDK.replace(b"T101112Z", b"T101113Z").replace(b"Signature=00", b"Signature=f9").replace(b"{}", b"[]")
    later = later.replace(b"0b7bd0d8-2a9c", b"ffffffff-0000").replace(b"abcdef", b"543210")
    assert later != SDK and fits_as_the_parser_reads(shape, later)
    assert shapes.of(later) is shape


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"AKIAEXAMPLE", b"AKIAEXAMPLF"),
        (b"GetSecretValue", b"PutSecretValue"),
        (b"us-east-1", b"us-east-2"),
        (b"POST / ", b"POST /a"),
        (b"Length: 2", b"Length: 3"),
        (b"Length: 2", b"Length: 1"),
        (b"Length: 2", b"Length: x"),
        (b"Length: 2\r\n\r\n{}", b"Length: 02\r\n\r\n{}"),
        (b"Length: 2\r\n\r\n{}", b"Length: 12\r\n\r\n{}0123456789"),
        (b"Signature=00", b"Signature=0\n"),
        (b"Signature=00", b"Signature=0 "),
        (b"Signature=00", b"Signature=0:"),
        (b"Signature=00", b"Signature=0\xb2"),
        (b"Signature=00", b"Signature=000"),
        (b"T101112Z", b"T10\r\nA:"),
        (b"0b7bd0d8-", b"0b7bd0d8:"),
        (b"{}", b"{}{"),
        (b"{}", b"{"),
        (b"{}", b""),
        (b"\r\n\r\n{}", b"\r\n"),
    ],
)
def test_whoever_asks_otherwise_does_not_fit(old: bytes, new: bytes) -> None:
    shape = Shapes().of(SDK)
    assert shape is not None and shape.fits(SDK)
    changed = SDK.replace(old, new)
    assert changed != SDK and not shape.fits(changed)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SDK)), st.integers(0, 4), st.sampled_from([*PIECES, b"a", b"7", b"-", b"="])),
        max_size=3,
    )
)
def test_whatever_fits_is_one_request_to_the_parser(edits: list[tuple[int, int, bytes]]) -> None:
    shape = Shapes().of(SDK)
    assert shape is not None
    data = SDK
    for at, width, piece in edits:
        data = data[:at] + piece + data[at + width :]
    fits_as_the_parser_reads(shape, data)
    fits_as_the_parser_reads(shape, SDK + data)


def test_shapes_are_kept_to_a_bound_and_long_heads_are_read() -> None:
    shapes = Shapes()
    for number in range(2 * SHAPES_KEPT):
        assert shapes.of(SDK.replace(b"Host", b"A: %d\r\nHost" % number)) is not None
    assert len(shapes._known) <= SHAPES_KEPT
    assert shapes.of(SDK.replace(b"Host", b"A: " + b"x" * MAX_HEAD_BYTES + b"\r\nHost")) is None
