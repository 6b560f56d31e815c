"""One HTTP request of a rotation: over TLS with a checked certificate, bounded, and never redirected.

Plain HTTP is spoken only where the secret says ``"ssl": false``.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from strongroom.rotations import tls
from strongroom.rotations.contract import Value
from strongroom.rotations.errors import BadSecret, RotationError, Unreachable, said

SECONDS = 20
_MOST_BYTES = 256 * 1024
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Answered(RotationError):  # noqa: N818  reads as what it says
    """The service answered with a status that is no success."""

    def __init__(self, method: str, url: str, status: int, words: object) -> None:
        self.status = status
        super().__init__(f"{method} {_place(url)} answered {status}: {said(words)}")


def ask(
    value: Value,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    form: Mapping[str, str] | None = None,
) -> Any:
    """The JSON of a successful answer, None for an empty one. Raises BadSecret, Unreachable, Answered.

    ``body`` is sent as JSON, ``form`` as a form.
    """
    parts = _checked(value, method, url)
    sent = {"Accept": "application/json", **(headers or {})}
    content = None
    if form is not None:
        content, sent["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
    elif body is not None:
        content, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
    connection = _connection(value, parts)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    try:
        connection.request(method, path, content, sent)
        answer = connection.getresponse()
        text = answer.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(_place(url), error) from None
    except ValueError as error:
        raise BadSecret(f"a header or URL for {_place(url)} cannot be sent: {type(error).__name__}") from None
    finally:
        connection.close()
    return _read(method, url, answer.status, text)


def _checked(value: Value, method: str, url: str) -> SplitResult:
    if method not in _METHODS:
        raise BadSecret(f"the method {method!r} is none of {', '.join(_METHODS)}")
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.username is not None:
        raise BadSecret(f"{_place(url)} is not the URL of a service")
    if parts.scheme == "http" and tls.wanted(value):
        raise BadSecret(f'{_place(url)} is without TLS; "ssl": false in the secret would allow it')
    return parts


def _connection(value: Value, parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=SECONDS, context=tls.context(value))
    return http.client.HTTPConnection(host, parts.port, timeout=SECONDS)


def _read(method: str, url: str, status: int, text: bytes) -> Any:
    if len(text) > _MOST_BYTES:
        raise RotationError(f"{_place(url)} answered with more than {_MOST_BYTES} bytes")
    if not 200 <= status < 300:
        raise Answered(method, url, status, text.decode(errors="replace"))
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise RotationError(f"{_place(url)} answered with something that is not JSON") from None


def _place(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{':' + str(parts.port) if parts.port else ''}{parts.path}"
