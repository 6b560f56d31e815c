"""The signed headers: which they are, and their block of the canonical request.

Source: IAM User Guide, "Create a signed AWS API request", step 1: CanonicalHeaders and SignedHeaders.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import NoReturn

from strongroom.base.classes import dataclass, field
from strongroom.base.http import Headers, HTTPRequest
from strongroom.kernel.signing.refusals import incomplete, mismatch

MAX_SIGNED_HEADERS = 100
_RESERVED = b"x-amz-"
_LISTS_KEPT = 16
_LIST_BYTES_KEPT = 1024
_SPACE, _TAB = 0x20, 0x09  # numbers, because a bytes object is searched for a number twenty times faster


@dataclass(frozen=True, slots=True)
class SignedNames:
    """A ``SignedHeaders`` list, made ready for all the requests that come with the same one.

    ``order``: lower-case, sorted, without repetition. ``listed``: as the canonical request ends its headers.
    ``pick`` takes their values out of a request's headers, ``block`` is the ``%b`` template to set them in.
    ``whole`` holds, as they were sent, lists of names among which no reserved one (``x-amz-...``) is unsigned.
    """

    order: tuple[bytes, ...]
    listed: bytes
    pick: Callable[[dict[bytes, bytes]], tuple[bytes, ...]]
    block: bytes
    whole: set[tuple[bytes, ...]] = field(default_factory=set, compare=False, repr=False)


@lru_cache(maxsize=256)
def signed_names(text: str) -> SignedNames:
    """The names of a ``SignedHeaders`` list. Signers write them in lower case; others name no header.

    Raises BadSignature where ``host`` is not among them, IncompleteSignature for more than 100 names.
    """
    if len(text) > MAX_SIGNED_HEADERS * 64 or text.count(";") >= MAX_SIGNED_HEADERS:
        incomplete(f"SignedHeaders may name at most {MAX_SIGNED_HEADERS} headers")
    order = tuple(sorted({name.encode("latin-1") for name in text.split(";")}))
    if b"host" not in order:
        mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    # With a single name itemgetter answers a bare value; twice the first makes a tuple of it in any case.
    pick = itemgetter(order[0], *order)
    block = b"".join([name.replace(b"%", b"%%") + b":%b\n" for name in order])
    return SignedNames(order, b";".join(order), pick, block)


def canonical_headers(request: HTTPRequest, signed: SignedNames) -> bytes:
    """One line for each signed header: trimmed, inner spaces collapsed, repetitions joined by commas.

    Every ``x-amz-*`` header that is present must be signed. Our choice, because AWS is not known to insist:
    X-Amz-Target picks the operation, so a request signed without it could be turned into another one by
    whoever sees it pass. Raises BadSignature for that, IncompleteSignature for a signed header not there.
    """
    values, headers = request.by_name, request.headers
    if len(values) != len(headers):
        values = _joined(headers)
    try:
        picked = signed.pick(values)[1:]
    except KeyError:
        _refuse_missing(values, signed)
    names = tuple(values)
    if names not in signed.whole:
        _refuse_unsigned(names, signed)
        if len(signed.whole) < _LISTS_KEPT and sum(map(len, names)) <= _LIST_BYTES_KEPT:
            signed.whole.add(names)
    block = signed.block % picked
    if _SPACE in block or _TAB in block:
        block = signed.block % tuple([_tidy(value) for value in picked])
    return block


def _joined(headers: Headers) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = joined[name] + b"," + _tidy(value) if name in joined else _tidy(value)
    return joined


def _tidy(value: bytes) -> bytes:
    return b" ".join(value.split())


def _refuse_missing(values: dict[bytes, bytes], signed: SignedNames) -> NoReturn:
    missing = next(name for name in signed.order if name not in values).decode("latin-1")
    incomplete(f"'{missing}' is named as a SignedHeader, but it does not exist in the HTTP request")


def _refuse_unsigned(names: tuple[bytes, ...], signed: SignedNames) -> None:
    for name in names:
        if name.startswith(_RESERVED) and name not in signed.order:
            shown = "-".join(word.capitalize() for word in name.decode("latin-1").split("-"))
            mismatch(f"'{shown}' must be a 'SignedHeader' in the AWS Authorization.")
