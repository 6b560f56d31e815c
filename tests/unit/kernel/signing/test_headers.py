"""The signed headers and their block."""

from __future__ import annotations

import pytest

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing.headers import canonical_headers, signed_names

HOST = (b"host", b"h")


def asked(headers: list[tuple[bytes, bytes]]) -> HTTPRequest:
    return HTTPRequest("POST", b"/", b"", headers, b"")


@pytest.mark.parametrize(
    ("headers", "names", "block"),
    [
        ([HOST], "host", b"host:h\n"),
        ([HOST, (b"a", b"1")], "host;a", b"a:1\nhost:h\n"),
        ([HOST, (b"a", b"1")], "host;a;host", b"a:1\nhost:h\n"),
        ([HOST, (b"a", b" x  y\t z ")], "a;host", b"a:x y z\nhost:h\n"),
        ([HOST, (b"a", b"x"), (b"a", b" y  z "), (b"b", b"")], "a;b;host", b"a:x,y z\nb:\nhost:h\n"),
        ([HOST, (b"user-agent", b"not signed")], "host", b"host:h\n"),
        ([HOST, (b"a%b", b"%s")], "a%b;host", b"a%b:%s\nhost:h\n"),
        (
            [HOST, (b"x-amz-date", b"d"), (b"x-amzn-trace-id", b"t")],
            "host;x-amz-date",
            b"host:h\nx-amz-date:d\n",
        ),
    ],
)
def test_the_block_has_one_tidy_line_for_each_signed_header(
    headers: list[tuple[bytes, bytes]], names: str, block: bytes
) -> None:
    assert block == canonical_headers(asked(headers), signed_names(names))


@pytest.mark.parametrize("unsigned", [b"x-amz-target", b"x-amz-security-token", b"x-amz-"])
@pytest.mark.parametrize("first", [True, False])
def test_a_reserved_header_that_is_not_signed_is_refused(unsigned: bytes, first: bool) -> None:
    headers = [(unsigned, b"x"), HOST] if first else [HOST, (unsigned, b"x")]
    with pytest.raises(Refusal) as refusal:
        canonical_headers(asked(headers), signed_names("host"))

    assert Kind.BAD_SIGNATURE is refusal.value.kind


def test_a_repeated_header_cannot_make_room_for_an_unsigned_reserved_one() -> None:
    headers = [HOST, (b"x-amz-date", b"d"), (b"x-amz-date", b"e"), (b"x-amz-target", b"t")]
    with pytest.raises(Refusal) as refusal:
        canonical_headers(asked(headers), signed_names("host;x-amz-date"))

    assert Kind.BAD_SIGNATURE is refusal.value.kind


def test_a_signed_header_that_is_absent_is_named() -> None:
    with pytest.raises(Refusal) as refusal:
        canonical_headers(asked([HOST]), signed_names("b;host;a"))

    assert "'a' is named as a SignedHeader, but it does not exist in the HTTP request" == refusal.value.message


@pytest.mark.parametrize("names", ["", "hosts", "Host", "content-type", ";"])
def test_host_must_be_signed(names: str) -> None:
    with pytest.raises(Refusal) as refusal:
        signed_names(names)

    assert Kind.BAD_SIGNATURE is refusal.value.kind
