"""The server's TLS: 1.2 and later, forward secrecy and authenticated encryption only.

Source: RFC 9325 (recommendations for secure use of TLS), sections 3.1, 3.4, 3.5 and 4.2.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from strongroom.server.parts import StartRefused

_TLS12_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP"
"""TLS 1.3's suites are all of this kind and are left as OpenSSL has them."""


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """The context of every worker. Raises StartRefused where the files do not make a server certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_SUITES)
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    )
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, chain, key)
    return context


def load_certificate(context: ssl.SSLContext, chain: Path, key: Path) -> None:
    """Put a certificate into the context; handshakes from now on use it. Raises StartRefused."""
    try:
        # The callable keeps OpenSSL from asking for a passphrase on the terminal.
        context.load_cert_chain(chain, key, password=_no_passphrase)
    except OSError as error:
        raise StartRefused(f"the TLS certificate {chain} with key {key} cannot be used: {error}") from None


def _no_passphrase() -> bytes:
    raise StartRefused("the TLS key is protected by a passphrase; give one without")


def client_context(ca: Path | None) -> ssl.SSLContext:
    """For our own command line: trusts the data directory's CA alone, or the system's where there is none."""
    return ssl.create_default_context(cafile=None if ca is None else str(ca))
