"""One store with an administrator and a secret, asked in this process: the chain, the write queue and the journal.

For benches that compare stores or sizes: no socket and no other process, so that a busy machine slows all alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from strongroom.app import Opened, Product
from strongroom.base.http import HTTPRequest
from strongroom.kernel.authz.document import LOADED
from strongroom.kernel.call import Sources
from strongroom.services.kms import grants
from strongroom.settings import load_settings

URL = "http://127.0.0.1:8443"
SOURCES = Sources()
LINES = 500


class House:
    """A product of its own, with its administrator's keys."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.product = Product(load_settings({"data": str(folder), "tls": "off"}, {}))
        self.root = os.urandom(32)
        self.product.prepare(self.root)
        lines = (folder / "credentials").read_text().splitlines()
        found = dict(line.split(" = ") for line in lines if " = " in line)
        self.admin = Credentials(found["aws_access_key_id"], found["aws_secret_access_key"])
        self.opened: Opened = self.product.open_engine(self.root, "worker0")
        self.json(self.admin, "CreateSecret", Name="bench/one", SecretString="x" * 300, ClientRequestToken="0" * 32)

    def close(self) -> None:
        """End it."""
        self.opened.close()

    def start_again(self) -> None:
        """Open the store as a process does that starts: nothing is remembered."""
        self.opened.close()
        LOADED.clear()
        grants.COMPILED.clear()
        self.opened = self.product.open_engine(self.root, "worker0")

    def json(self, key: Credentials, operation: str, **params: Any) -> dict[str, Any]:
        """One call of Secrets Manager; its answer."""
        return answered(self.ask(signed_json(key, operation, params)))

    def kms(self, key: Credentials, operation: str, **params: Any) -> dict[str, Any]:
        """One call of KMS; its answer."""
        return answered(self.ask(signed_kms(key, operation, params)))

    def iam(self, **fields: str) -> bytes:
        """One call of IAM by the administrator; the answer."""
        body = urlencode({"Version": "2010-05-08", **fields}).encode()
        return self.ask(signed(self.admin, "iam", body, {"Content-Type": "application/x-www-form-urlencoded"}))

    def imports(self, lines: Sequence[bytes], sha256: str = "") -> Iterator[float]:
        """Import lines as the command sends them; the seconds of processor that each batch took."""
        name = sha256 or hashlib.sha256(os.urandom(16)).hexdigest()
        path, kind = f"/_strongroom/import/{name}", {"Content-Type": "application/octet-stream"}
        start = signed(self.admin, "strongroom", orjson.dumps({"Sha256": name}), {}, path="/_strongroom/import")
        self.ask(start)
        for at in range(0, len(lines), LINES):
            some, first = lines[at : at + LINES], at + 1
            more = {**kind, "x-strongroom-first-line": str(first)}
            if first + len(some) > len(lines):
                more["x-strongroom-last"] = "true"
            request = signed(self.admin, "strongroom", b"\n".join(some), more, path=path)
            begun = time.process_time()
            told = answered(self.ask(request))
            yield time.process_time() - begun
            if told["Errors"]:
                raise SystemExit(f"lines were refused: {told['Errors'][0]}")

    def ask(self, request: HTTPRequest) -> bytes:
        """The answer, as a worker would give it."""
        again = HTTPRequest(request.method, request.path, request.query, request.headers, request.body)
        source = SOURCES.of("127.0.0.1", b"", again.by_name[b"host"], None)
        chain = self.opened.chain
        flight = chain.enter(chain.begin(again, source))
        if flight.reply is None:
            outcome: list[Any] = []
            self.opened.queue.submit(lambda tx: chain.write(flight, tx), outcome.append)
            while not outcome:
                time.sleep(0.001)
        else:
            self.opened.recorder.read(flight.records)
        if flight.reply is None or flight.reply.status != 200:
            raise SystemExit(f"{flight.call.name} was refused: {flight.reply and flight.reply.body!r}")
        return flight.reply.body

    def user(self, name: str, statements: Sequence[Mapping[str, Any]]) -> Credentials:
        """A user with a policy of its own."""
        self.iam(Action="CreateUser", UserName=name)
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam(Action="PutUserPolicy", UserName=name, PolicyName="own", PolicyDocument=document)
        return self.new_key(name)

    def new_key(self, name: str) -> Credentials:
        """An access key of a user."""
        made = self.iam(Action="CreateAccessKey", UserName=name).decode()
        return Credentials(
            *(made.partition(f"<{tag}>")[2].partition("<")[0] for tag in ("AccessKeyId", "SecretAccessKey"))
        )


def answered(body: bytes) -> dict[str, Any]:
    """The members of an answer in JSON."""
    found: dict[str, Any] = orjson.loads(body) if body else {}
    return found


def signed_json(key: Credentials, operation: str, params: Mapping[str, Any]) -> HTTPRequest:
    """One request to Secrets Manager."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"secretsmanager.{operation}"}
    return signed(key, "secretsmanager", orjson.dumps(params), headers)


def signed_kms(key: Credentials, operation: str, params: Mapping[str, Any]) -> HTTPRequest:
    """One request to KMS."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}
    return signed(key, "kms", orjson.dumps(params), headers)


def signed(key: Credentials, service: str, body: bytes, headers: Mapping[str, str], *, path: str = "/") -> HTTPRequest:
    """One request as the server hands it to the chain, signed by botocore."""
    request = AWSRequest("POST", URL + path, data=body, headers=dict(headers))
    SigV4Auth(key, service, "us-east-1").add_auth(request)
    sent = [(b"host", urlsplit(URL).netloc.encode()), (b"content-length", b"%d" % len(body))]
    sent += [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    return HTTPRequest("POST", path.encode(), b"", sent, body)
