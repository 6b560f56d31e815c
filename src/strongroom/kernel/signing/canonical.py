"""Path and query as the canonical request has them.

Both are rebuilt from the bytes as they stood on the wire, so that what was signed is what is used.
Source: IAM User Guide, "Create a signed AWS API request", step 1.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_to_bytes

SIGNATURE_PARAMETER = "X-Amz-Signature"


def canonical_path(path: bytes) -> bytes:
    """The path without dot segments and doubled slashes, percent-encoded once more than on the wire.

    The second encoding is the rule for every service but S3. A dot written as ``%2E`` is not a dot segment.
    """
    if path in {b"/", b""}:
        return b"/"
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in {b"", b"."}:
            kept.append(segment)
    trailing = b"/" if kept and path.endswith(b"/") else b""
    return quote_from_bytes(b"/" + b"/".join(kept) + trailing, safe="/~").encode()


def canonical_query(query: bytes) -> bytes:
    """The query's pairs in canonical encoding, sorted by name and then value, without the signature itself.

    A plus sign is a space, as it is to whoever reads the parameters: a reading of its own here would let a
    signature stand for two different requests.
    """
    if not query:
        return b""
    halves = [part.partition(b"=") for part in query.split(b"&") if part]
    pairs = sorted([(_encoded(name), _encoded(value)) for name, _, value in halves])
    return "&".join([f"{name}={value}" for name, value in pairs if name != SIGNATURE_PARAMETER]).encode()


def _encoded(part: bytes) -> str:
    return quote_from_bytes(unquote_to_bytes(part.replace(b"+", b" ")), safe="~")
