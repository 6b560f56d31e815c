"""Signatures that stand in the query string.

Source: IAM User Guide, "Create a signed AWS API request", "Add the signature to the request", query string.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from strongroom.base.http import HTTPRequest
from strongroom.kernel.signing.claim import ALGORITHM, Claim, split_credential
from strongroom.kernel.signing.headers import canonical_headers, signed_names
from strongroom.kernel.signing.refusals import incomplete
from strongroom.kernel.signing.scope import read_date

MAX_EXPIRES_S = 604_800
_REQUIRED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
_OPTIONAL = ("X-Amz-Expires", "X-Amz-Security-Token")


def query_parameters(query: bytes) -> dict[str, str]:
    """The signing parameters of a query string; empty where it is not signed. Letter case counts.

    Raises IncompleteSignature for one given twice: two readers could pick two different values.
    """
    found: dict[str, str] = {}
    for part in query.split(b"&"):
        raw_name, _, raw_value = part.partition(b"=")
        name = _decoded(raw_name)
        if name in _REQUIRED or name in _OPTIONAL:
            if name in found:
                incomplete(f"AWS query-string parameter '{name}' is given more than once.")
            found[name] = _decoded(raw_value)
    signs = "X-Amz-Algorithm" in found or "X-Amz-Signature" in found or "X-Amz-Credential" in found
    return found if signs else {}


def presigned_claim(request: HTTPRequest, given: dict[str, str]) -> Claim:
    """The claim of a presigned request. Raises IncompleteSignature, or BadSignature for an unsigned host."""
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        needs = "".join(f"AWS query-string parameters must include '{name}'. " for name in missing)
        incomplete(needs + "Re-examine the query-string parameters.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        incomplete(f"Unsupported AWS 'algorithm': '{given['X-Amz-Algorithm']}'.")
    key_id, date, region, service, terminator = split_credential(given["X-Amz-Credential"])
    signed = signed_names(given["X-Amz-SignedHeaders"])
    return Claim(
        key_id,
        date,
        region,
        service,
        terminator,
        amz_date=read_date(given["X-Amz-Date"]),
        signed=signed,
        canonical_headers=canonical_headers(request, signed),
        signature=given["X-Amz-Signature"],
        session_token=given.get("X-Amz-Security-Token"),
        presigned=True,
        expires_s=_expires(given.get("X-Amz-Expires")),
    )


def _expires(text: str | None) -> int | None:
    """Seconds of validity; without the parameter the usual clock window holds.

    Source: S3 API reference, "Authenticating Requests: Using Query Parameters" (limits and texts).
    Our choice: zero is refused, because such a request is valid at no moment.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        incomplete("X-Amz-Expires should be a number")
    if len(text) > 6 or int(text) > MAX_EXPIRES_S:
        incomplete(
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {MAX_EXPIRES_S} seconds"
        )
    if int(text) == 0:
        incomplete("X-Amz-Expires must be positive")
    return int(text)


def _decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("latin-1")
