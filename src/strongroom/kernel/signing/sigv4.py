"""Signature Version 4: what a request claims, and whether the claim holds.

Source: IAM User Guide, "AWS Signature Version 4 for API requests".
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing.canonical import canonical_path, canonical_query
from strongroom.kernel.signing.claim import ALGORITHM, Claim, split_credential
from strongroom.kernel.signing.headers import SignedNames, canonical_headers, signed_names
from strongroom.kernel.signing.keys import SigningKeys
from strongroom.kernel.signing.moment import amz_date_of
from strongroom.kernel.signing.presigned import presigned_claim, query_parameters
from strongroom.kernel.signing.refusals import incomplete, mismatch
from strongroom.kernel.signing.scope import read_date

MAX_AUTHORIZATION_CHARS = 8192
_MAX_KEPT_PREFIX_CHARS = 1024
_REQUIRED = ("Credential", "Signature", "SignedHeaders")


def read_claim(request: HTTPRequest) -> Claim:
    """Who a request says has signed it, in the Authorization header or in the query string.

    Raises MissingToken where it is not signed at all, IncompleteSignature with AWS's sentences where the
    signature cannot be read, BadSignature where it stands in both places or leaves out what must be signed.
    """
    header = request.header(b"authorization")
    # The cheap look keeps unsigned queries from being parsed at all. A percent sign may spell any letter.
    given = query_parameters(request.query) if request.query and _may_sign(request.query) else {}
    if header is None or not header.startswith("AWS4-"):
        if given:
            return presigned_claim(request, given)
        raise Refusal(Kind.MISSING_TOKEN, "Missing Authentication Token")
    if given:
        mismatch("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
    return _header_claim(request, header)


def verify(claim: Claim, request: HTTPRequest, secret: str, keys: SigningKeys) -> None:
    """Prove that the holder of ``secret`` signed this very request.

    ``claim`` must come from ``read_claim`` of the same request. Raises BadSignature, always with one text, so
    that nothing is learnt about where the two signatures part.
    """
    payload = sha256(request.body).hexdigest().encode()
    sent = request.by_name.get(b"x-amz-content-sha256")
    # Our choice: UNSIGNED-PAYLOAD and the streaming forms are refused with the rest. A body that is not
    # signed is a request that is not signed; only S3 has a reason to take one.
    if sent is not None and sent != payload:
        mismatch(detail="x-amz-content-sha256 is not the hash of the body")
    key = keys.key(claim, secret)
    expected = key.signature(string_to_sign(claim, key.scope, canonical_request(claim, request, payload)))
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("latin-1")):
        mismatch()
    keys.keep(key)


def canonical_request(claim: Claim, request: HTTPRequest, payload: bytes) -> bytes:
    """The canonical request; ``payload`` is the body's SHA-256 in hex."""
    return b"\n".join((
        request.method.encode(),
        b"/" if request.path == b"/" else canonical_path(request.path),
        canonical_query(request.query) if request.query else b"",
        claim.canonical_headers,
        claim.signed.listed,
        payload,
    ))  # fmt: skip


def string_to_sign(claim: Claim, scope: bytes, canonical: bytes) -> bytes:
    """The text under the signature. Source: "Create a signed AWS API request", step 2."""
    digest = sha256(canonical).hexdigest()
    return b"AWS4-HMAC-SHA256\n%b\n%b\n%b" % (claim.amz_date.encode(), scope, digest.encode())


def _header_claim(request: HTTPRequest, header: str) -> Claim:
    prefix, _, signature = header.rpartition("Signature=")
    known = _known_prefix(prefix) if len(signature) == 64 and signature.isalnum() else None
    date = request.header(b"x-amz-date") or _plain_date(request)  # X-Amz-Date wins over Date
    if known is None or date is None:
        parts = _authorization(header)
        if date is None or not all(map(parts.get, _REQUIRED)):
            incomplete(_needs(parts, date, header))
        known, signature = _scope_and_names(parts), parts["Signature"]
    (key_id, scope_date, region, service, terminator), signed = known
    return Claim(
        key_id, scope_date, region, service, terminator,
        read_date(date),
        signed,
        canonical_headers(request, signed),
        signature,
        request.header(b"x-amz-security-token"),
        presigned=False,
        expires_s=None,
    )  # fmt: skip


def _scope_and_names(parts: dict[str, str]) -> tuple[tuple[str, ...], SignedNames]:
    return split_credential(parts["Credential"]), signed_names(parts["SignedHeaders"])


@lru_cache(maxsize=512)
def _known_prefix(prefix: str) -> tuple[tuple[str, ...], SignedNames] | None:
    """All of an Authorization header before its signature, which one client repeats for a day.

    None where the pieces stand in another order or something is wrong: the long way finds the words for it.
    """
    if len(prefix) > _MAX_KEPT_PREFIX_CHARS or not prefix.endswith((" ", ",")):
        return None
    try:
        parts = _authorization(prefix)
        return _scope_and_names(parts) if set(parts) == {"Credential", "SignedHeaders"} else None
    except Refusal:
        return None


def _authorization(header: str) -> dict[str, str]:
    """The key=value pieces behind the algorithm; clients part them by a comma, a space or both."""
    if len(header) > MAX_AUTHORIZATION_CHARS:
        incomplete(f"Authorization header may have at most {MAX_AUTHORIZATION_CHARS} characters.")
    algorithm, *pieces = [piece for piece in header.replace(",", " ").split(" ") if piece]
    if algorithm != ALGORITHM:
        incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    where = f"in Authorization header: '{header}'"
    parts: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if not equals:
            incomplete(f"'{piece}' not a valid key=value pair (missing equal-sign) {where}.")
        if name in parts:
            incomplete(f"'{name}' is given more than once {where}.")
        parts[name] = value
    return parts


def _needs(parts: dict[str, str], date: str | None, header: str) -> str:
    """Only the sentences that apply, in AWS's order."""
    needs = [f"Authorization header requires '{name}' parameter. " for name in _REQUIRED if not parts.get(name)]
    if date is None:
        needs.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    return "".join(needs) + f"Authorization={header}"


def _plain_date(request: HTTPRequest) -> str | None:
    """A ``Date`` header in the basic format, which it may have already or be brought to."""
    date = request.header(b"date")
    return None if not date else amz_date_of(date) or date


def _may_sign(query: bytes) -> bool:
    return b"X-Amz-" in query or b"%" in query
