"""Requests below the SDK: signed by botocore's signer, sent as given, so that tests can send what no SDK sends."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.inprocess import Account

JSON_11 = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(url: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def signed(
    account: Account,
    body: bytes,
    *,
    target: str | None = "secretsmanager.GetSecretValue",
    service: str = "secretsmanager",
    region: str = "us-east-1",
    method: str = "POST",
    path: str = "/",
    content_type: str | None = JSON_11,
    more: dict[str, str] | None = None,
    key: tuple[str, str] | None = None,
) -> Reply:
    """Sign and send."""
    headers = dict(more or {})
    if content_type is not None:
        headers["Content-Type"] = content_type
    if target is not None:
        headers["X-Amz-Target"] = target
    request = AWSRequest(method, account.url + path, data=body, headers=headers)
    SigV4Auth(Credentials(*(key or (account.key_id, account.secret))), service, region).add_auth(request)
    return send(account.url, method, path, body, dict(request.headers.items()))


def presigned(account: Account, query: str, *, service: str, region: str = "us-east-1", expires: int = 60) -> Reply:
    """A GET whose signature is in its query string."""
    request = AWSRequest("GET", f"{account.url}/?{query}")
    SigV4QueryAuth(Credentials(account.key_id, account.secret), service, region, expires=expires).add_auth(request)
    url = urlsplit(str(request.url))
    return send(account.url, "GET", f"{url.path}?{url.query}", b"", {})
