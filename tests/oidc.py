"""A real OpenID Connect provider on loopback: https under a CA of its own, discovery, keys, and signed tokens.

What it does wrong is set on it by the test: ``provider.answer = ...`` takes the place of its proper answers.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_RSA = rsa.generate_private_key(65537, 2048)
Handler = http.server.BaseHTTPRequestHandler


def encoded(raw: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(algorithm: str, key: Any, message: bytes) -> bytes:
    """The signature as JWS has it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), _HASHES[algorithm[2:]])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        half = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(_HASHES[algorithm[2:]])))
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return bytes(key.sign(message))


def jwk(key: PrivateKey, key_id: str, **more: str) -> dict[str, Any]:
    """The public half, as a JWKS lists it."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        parts = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        size = (public.curve.key_size + 7) // 8
        point = public.public_numbers()
        name = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
        coordinates = {"x": encoded(point.x.to_bytes(size, "big")), "y": encoded(point.y.to_bytes(size, "big"))}
        parts = {"kty": "EC", "crv": name, **coordinates}
    else:
        parts = {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}
    return {"kid": key_id, "use": "sig", **parts, **more}


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class Provider:
    """One issuer: ``with Provider(tmp_path) as provider``. ``asked`` are the paths of the requests so far."""

    directory: Path
    path: str = ""
    name: str = "localhost"
    keys: dict[str, tuple[str, PrivateKey]] = field(
        default_factory=lambda: {
            "rsa": ("RS256", _RSA),
            "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
            "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        }
    )
    asked: list[str] = field(default_factory=list)
    answer: Callable[[Handler], None] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    listed: list[dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        ca, certificate, key = _certificates(self.directory, self.name)
        self.ca = ca
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """``localhost:PORT``, as the setting lists it."""
        return f"{self.name}:{self.port}"

    @property
    def url(self) -> str:
        """The issuer."""
        return f"https://{self.host}{self.path}"

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Good claims, some of them changed; None leaves one out."""
        now = int(time.time())
        good = {"iss": self.url, "sub": "somebody", "aud": "sts.amazonaws.com", "iat": now, "exp": now + 600}
        return {name: value for name, value in (good | changed).items() if value is not None}

    def token(self, key_id: str = "rsa", header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A signed token. ``header`` is put over the good one; None leaves a member out."""
        algorithm, key = self.keys[key_id]
        good: dict[str, Any] = {"alg": algorithm, "typ": "JWT", "kid": key_id} | (header or {})
        kept = {name: value for name, value in good.items() if value is not None}
        signed = f"{encoded(json.dumps(kept).encode())}.{encoded(json.dumps(self.claims(**changed)).encode())}"
        return f"{signed}.{encoded(sign(algorithm, key, signed.encode()))}"

    def _handler(self) -> type[Handler]:
        provider = self

        class Answering(Handler):
            """Discovery and keys, or what the test wants instead."""

            def do_GET(self) -> None:
                provider.asked.append(self.path)
                if provider.answer is not None:
                    provider.answer(self)
                    return
                found = provider.documents().get(self.path)
                send(self, 200 if found is not None else 404, json.dumps(found).encode())

            def log_message(self, *values: Any) -> None:
                """Nothing."""

        return Answering

    def documents(self) -> dict[str, dict[str, Any]]:
        """What lies where."""
        listed = [jwk(key, key_id) for key_id, (_, key) in self.keys.items()]
        keys = {"keys": self.listed if self.listed is not None else listed}
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.about
        return {f"{self.path}/.well-known/openid-configuration": about, f"{self.path}/keys": keys}


def send(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    """One whole answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _certificates(directory: Path, name: str) -> tuple[Path, Path, Path]:
    """A CA's certificate, a server's chain, and its key."""
    directory.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Provider CA")])
    now = datetime.now(UTC)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(issuer_name=ca_name, subject_name=subject, public_key=public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    own = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    ca = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    paths = tuple(directory / part for part in ("ca.pem", "server.pem", "server.key"))
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(ca.public_bytes(pem))
    paths[1].write_bytes(leaf.public_bytes(pem))
    paths[2].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths[0], paths[1], paths[2]
