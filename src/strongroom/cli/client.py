"""Asking a server over its signed local API, with the standard library alone.

Source: Signature Version 4, "Create a signed AWS API request" (IAM User Guide).
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from strongroom.base.classes import dataclass, field
from strongroom.cli.options import directory_of
from strongroom.server.directory import DataDirectory, read_credentials, read_endpoint
from strongroom.server.parts import StartRefused
from strongroom.server.tls import client_context

SERVICE = "strongroom"
_SECONDS = 30.0
_MOST_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs: an access key, and the token of a session."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """One server as one principal sees it."""

    url: str
    region: str
    keys: Keys
    ca: Path | None

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to one signed request. Raises StartRefused with the server's own words."""
        content = b"" if body is None else json.dumps(body).encode()
        return answer_of(*self.send(method, path, content, "application/json", service=SERVICE))

    def call(self, service: str, target: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of one operation of a json 1.1 service, as ``X-Amz-Target`` names it. Raises StartRefused."""
        more = {"x-amz-target": target}
        content, form = json.dumps(body).encode(), "application/x-amz-json-1.1"
        return answer_of(*self.send("POST", "/", content, form, service=service, more=more))

    def send(
        self,
        method: str,
        path: str,
        content: bytes,
        content_type: str,
        *,
        service: str,
        more: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of the reply to one signed request. Raises StartRefused where there is no reply.

        ``more``: further headers, in lower case; they are signed.
        """
        headers = {"host": self.netloc, "content-type": content_type, **(more or {})}
        headers |= signature(
            self, method, path, headers=headers, content=content, now=datetime.now(UTC), service=service
        )
        connection = self.connection()
        try:
            connection.request(method, path, content, headers)
            reply = connection.getresponse()
            text = reply.read(_MOST_ANSWER_BYTES)
        except ssl.SSLError as error:
            raise StartRefused(f"the TLS certificate of {self.url} is not trusted: {error.reason}") from None
        except (OSError, HTTPException) as error:
            raise StartRefused(f"{self.url} does not answer: {error}") from None
        finally:
            connection.close()
        return reply.status, text

    @property
    def netloc(self) -> str:
        """Host and port as the URL names them."""
        return urlsplit(self.url).netloc

    def connection(self) -> HTTPConnection:
        """A new connection, not opened yet."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, timeout=_SECONDS, context=client_context(self.ca))
        return HTTPConnection(host, parts.port, timeout=_SECONDS)


def answer_of(status: int, text: bytes) -> dict[str, Any]:
    """What a reply says. Raises StartRefused with the server's own words."""
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StartRefused(f"the server answered with status {status} and something that is not JSON")
    if status >= 300:
        told = found.get("message") or found.get("Message") or f"status {status}"
        raise StartRefused(str(told))
    return found


def signature(
    client: Client,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    content: bytes,
    now: datetime,
    service: str = SERVICE,
) -> dict[str, str]:
    """The headers that sign a request; ``headers`` are those that it has already, in lower case.

    The path has no query, and its characters need no second encoding.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "x-amz-date": moment}
    if client.keys.token is not None:
        signed["x-amz-security-token"] = client.keys.token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)]
    digest = hashlib.sha256(content).hexdigest()
    canonical = "\n".join([method, quote(path, safe="/-_.~"), "", *lines, "", names, digest])
    scope = f"{moment[:8]}/{client.region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + client.keys.secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    proof = hmac.digest(key, text.encode(), "sha256").hex()
    added = {name: signed[name] for name in signed if name not in headers}
    return added | {
        "authorization": f"AWS4-HMAC-SHA256 Credential={client.keys.access_key_id}/{scope},"
        f" SignedHeaders={names}, Signature={proof}"
    }


def client_of(given: argparse.Namespace) -> Client:
    """The client that ``--data`` or ``--endpoint`` means. Raises StartRefused where something is missing.

    AWS_* in the environment go before ``DIR/credentials``.
    """
    directory = directory_of(given)
    endpoint = read_endpoint(directory) or {}
    url = getattr(given, "endpoint", None) or endpoint.get("url")
    if not isinstance(url, str):
        raise StartRefused(f"no server has ever run on {directory.root}; start one, or name it with --endpoint")
    bundle = os.environ.get("AWS_CA_BUNDLE") or (endpoint.get("ca") if url == endpoint.get("url") else None)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or endpoint.get("region")
    return Client(url, region or "us-east-1", keys_of(directory), Path(bundle) if bundle else None)


def keys_of(directory: DataDirectory) -> Keys:
    """The keys to sign with. Raises StartRefused where there are none."""
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        return Keys(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))
    found = read_credentials(directory)
    if found is None:
        raise StartRefused(
            f"there are no keys to sign with: {directory.credentials} is gone, and AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY are not set"
        )
    return Keys(*found)
