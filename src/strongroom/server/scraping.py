"""Who may read the metrics without a signature: whoever brings the token of the operator's file.

Prometheus cannot sign; it can send ``Authorization: Bearer``. The token opens this one page and nothing else.
Source: DESIGN.md, "The command line and the local API"; RFC 6750, section 2.1.
"""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

from strongroom.base.http import HTTPRequest
from strongroom.server.parts import StartRefused

PATH = b"/_strongroom/metrics"
_LEAST_CHARS = 16
_MOST_BYTES = 4096
_SCHEME = "bearer "


def bearer(request: HTTPRequest) -> str | None:
    """The token of a request for the metrics; None for every other request, and for one that is signed."""
    if request.path != PATH or request.method != "GET":
        return None
    given = request.header(b"authorization") or ""
    return given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else None


def check_token_file(path: Path) -> None:
    """Refuse at start a file that is missing, too short to be a secret, or open to others. Raises StartRefused."""
    try:
        found = path.stat()
        token = _token(path)
    except OSError as error:
        raise StartRefused(f"the file of metrics_token_file cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        raise StartRefused(f"{path} must be a file that only its owner may read: chmod 600 {path}")
    if len(token) < _LEAST_CHARS:
        raise StartRefused(f"{path} must hold a token of at least {_LEAST_CHARS} characters")


def is_token(given: str, path: Path | None) -> bool:
    """Whether a token is that of the file as it is now, so that a new one needs no restart. Takes the same time
    wherever they differ; never true where there is no file.
    """
    if path is None:
        return False
    try:
        token = _token(path)
    except OSError:
        return False
    if len(token) < _LEAST_CHARS:
        return False
    return hmac.compare_digest(_digest(given.encode("utf-8", "replace")), _digest(token))


def _token(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES).strip()


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
