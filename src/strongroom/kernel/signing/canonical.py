"""The canonical request: the one text that signer and verifier must agree on.

Every part is rebuilt from the bytes as they stood on the wire, so that what was signed is what is used.
Source: IAM User Guide, "Create a signed AWS API request", step 1.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

from strongroom.base.http import Headers
from strongroom.kernel.signing.claim import MAX_SIGNED_HEADERS, incomplete, mismatch

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
    trailing = b"/" if kept and path.endswith((b"/", b"/.", b"/..")) else b""
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


def canonical_headers(headers: Headers, names: frozenset[bytes], order: tuple[bytes, ...]) -> bytes:
    """One line for each signed header: trimmed, inner spaces collapsed, repetitions joined by commas.

    Every ``x-amz-*`` header that is present must be signed. Our choice, because AWS is not known to insist:
    X-Amz-Target picks the operation, so a request signed without it could be turned into another one by
    whoever sees it pass. Raises IncompleteSignature for a signed header that is absent.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in names:
            line = b" ".join(value.split())
            found[name] = found[name] + b"," + line if name in found else line
        elif name[:6] == b"x-amz-":
            _refuse_unsigned(name)
    if len(found) != len(names):
        missing = next(name for name in order if name not in found).decode("latin-1")
        incomplete(f"'{missing}' is named as a SignedHeader, but it does not exist in the HTTP request")
    return b"".join([b"%b:%b\n" % (name, found[name]) for name in order])


@lru_cache(maxsize=256)
def signed_names(text: str) -> tuple[tuple[bytes, ...], frozenset[bytes]]:
    """The names of a ``SignedHeaders`` list, lower-case and sorted, and the same as a set.

    Raises BadSignature where ``host`` is not among them, IncompleteSignature for more than 100 names.
    """
    if len(text) > MAX_SIGNED_HEADERS * 64 or text.count(";") >= MAX_SIGNED_HEADERS:
        incomplete(f"SignedHeaders may name at most {MAX_SIGNED_HEADERS} headers")
    names = frozenset(name.encode("latin-1") for name in text.lower().split(";"))
    if b"host" not in names:
        mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    return tuple(sorted(names)), names


def _refuse_unsigned(name: bytes) -> None:
    shown = "-".join(word.capitalize() for word in name.decode("latin-1").split("-"))
    mismatch(f"'{shown}' must be a 'SignedHeader' in the AWS Authorization.")


def _encoded(part: bytes) -> str:
    return quote_from_bytes(unquote_to_bytes(part.replace(b"+", b" ")), safe="~")
