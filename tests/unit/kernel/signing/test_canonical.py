"""Path and query in canonical form."""

from __future__ import annotations

import pytest

from strongroom.kernel.signing.canonical import canonical_path, canonical_query


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        (b"", b"/"),
        (b"/", b"/"),
        (b"//", b"/"),
        (b"/a/b/", b"/a/b/"),
        (b"/a//b", b"/a/b"),
        (b"/./a/../b", b"/b"),
        (b"/../../a", b"/a"),
        (b"/a/..", b"/"),
        (b"/a%20b", b"/a%2520b"),
        (b"/%2E%2E/a", b"/%252E%252E/a"),
        (b"/~a-b_c.d", b"/~a-b_c.d"),
        (b"/a:b+c", b"/a%3Ab%2Bc"),
        (b"/\xff", b"/%FF"),
    ],
)
def test_paths_lose_dots_and_doubled_slashes_and_are_encoded_once_more(path: bytes, canonical: bytes) -> None:
    assert canonical == canonical_path(path)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        (b"", b""),
        (b"a", b"a="),
        (b"a&b=&=c&&", b"=c&a=&b="),
        (b"b=1&a=2", b"a=2&b=1"),
        (b"a=2&a=10&a=1", b"a=1&a=10&a=2"),
        (b"a=b=c", b"a=b%3Dc"),
        (b"a=b+c&d=%2B", b"a=b%20c&d=%2B"),
        (b"a=%7e%7E~&b=%c3%a9", b"a=~~~&b=%C3%A9"),
        (b"a=%zz%", b"a=%25zz%25"),
        (b"a=\xff", b"a=%FF"),
        (b"a-b=1&a=2&a.=3&aa=4", b"a=2&a-b=1&a.=3&aa=4"),
        (b"X-Amz-Signature=x&a=b&X%2DAmz%2DSignature=y", b"a=b"),
    ],
)
def test_queries_are_sorted_and_encoded_anew_without_the_signature(query: bytes, canonical: bytes) -> None:
    assert canonical == canonical_query(query)
