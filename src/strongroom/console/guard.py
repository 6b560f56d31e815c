"""What every page of the console owes to the browser that shows it, and what every change must bring.

Pure: headers in, headers out.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from strongroom.base.http import HTTPRequest

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline, in nobody's frame. Source: CSP Level 3."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: a form's Origin would then be "null", and is what tells whose form it is.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NO_STORE = {"cache-control": "no-store"}

SECURE_COOKIE = "__Host-strongroom"
PLAIN_COOKIE = "strongroom-console"
_COOKIE_CHARS = 43


def is_from_here(request: HTTPRequest) -> bool:
    """Whether a change was asked by one of our own pages, as the browser says.

    ``Sec-Fetch-Site`` must be ``same-origin`` where it is sent, and ``Origin`` must name this host where it is sent;
    a request with neither comes from no browser of the last years and is refused.
    Source: Fetch Metadata Request Headers, section 2.3; RFC 6454, section 7.
    """
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    if site is None and origin is None:
        return False
    if site is not None and site != "same-origin":
        return False
    return origin is None or _host_of(origin) == (request.header(b"host") or "").lower()


def _host_of(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""


def cookie_name(*, secure: bool) -> str:
    """The cookie's name: with TLS one that no page under a neighbouring name can set (RFC 6265bis, section 4.1.3.2)."""
    return SECURE_COOKIE if secure else PLAIN_COOKIE


def cookie_of(request: HTTPRequest, *, secure: bool) -> str:
    """The session's cookie; "" where there is none, or two, or it cannot be one of ours."""
    wanted, found = cookie_name(secure=secure), []
    for part in (request.header(b"cookie") or "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            found.append(value)
    if len(found) != 1 or len(found[0]) != _COOKIE_CHARS:
        return ""
    return found[0]


def set_cookie(value: str, *, secure: bool) -> str:
    """The header that gives a browser its cookie, or with "" takes it away.

    For the browser's own session only; HttpOnly, so that no script reads it; SameSite=Strict, so that nobody
    else's page sends it.
    """
    path = "/" if secure else "/console"
    ended = "" if value else "; Max-Age=0"
    return (
        f"{cookie_name(secure=secure)}={value}; Path={path}; HttpOnly; SameSite=Strict"
        f"{'; Secure' if secure else ''}{ended}"
    )
