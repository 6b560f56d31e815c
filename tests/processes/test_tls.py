"""TLS: 1.2 and later, forward secrecy only; certificates of our own, renewed, or given."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import NotReady, Toy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """A server with certificates of its own."""
    with Toy(tmp_path_factory.mktemp("tls") / "data", "workers=2", "hosts=vault.example.com") as toy:
        yield toy


def _handshake(server: Toy, *options: str) -> tuple[bool, str]:
    """Whether openssl s_client comes through, and what it says."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", server.url.removeprefix("https://"), "-CAfile",
         str(server.data / "tls" / "ca.pem"), "-verify_return_error", *options],
        input="", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode == 0, done.stdout + done.stderr


# openssl itself offers old versions only at security level 0.
@pytest.mark.parametrize(
    "options",
    [
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "PSK:@SECLEVEL=0", "-psk", "00"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "RSA key exchange", "finite-field DH", "CBC", "no authentication", "PSK"],
)
def test_what_is_weak_fails(server: Toy, options: tuple[str, ...]) -> None:
    came_through, said = _handshake(server, *options)
    assert not came_through, said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-tls1_2", "-cipher", "ECDHE+AESGCM"), "TLSv1.2, Cipher is ECDHE-ECDSA-AES"),
        (("-tls1_2", "-cipher", "ECDHE+CHACHA20"), "TLSv1.2, Cipher is ECDHE-ECDSA-CHACHA20"),
        (("-tls1_3",), "TLSv1.3, Cipher is TLS_"),
    ],
)
def test_what_is_strong_succeeds(server: Toy, options: tuple[str, ...], expected: str) -> None:
    came_through, said = _handshake(server, *options)
    assert came_through, said
    assert expected in said
    assert "Compression: NONE" in said or "TLSv1.3" in said


def test_the_client_cannot_renegotiate(server: Toy) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_2", "-connect", server.url.removeprefix("https://")],
        input="R\n", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert re.search("no renegotiation|unexpected eof|alert", done.stdout + done.stderr)


@pytest.mark.parametrize("host", ["localhost", "vault.example.com", "127.0.0.1", "::1"])
def test_the_certificate_stands_for_every_name_of_the_server(server: Toy, host: str) -> None:
    assert "TLSv1.3" == _connect(server, host)


def test_the_certificate_stands_for_no_other_name(server: Toy) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'other\.example\.com'"):
        _connect(server, "other.example.com")


def _connect(server: Toy, host: str) -> str | None:
    context = ssl.create_default_context(cafile=str(server.data / "tls" / "ca.pem"))
    port = int(server.url.rpartition(":")[2])
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    with context.wrap_socket(plain, server_hostname=host) as secured:
        secured.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with secured.makefile("rb") as answer:
            told = json.loads(answer.read().partition(b"\r\n\r\n")[2])
        assert [secured.version(), secured.cipher()[0]] == told["tls"]  # type: ignore[index]
        return secured.version()


def test_a_client_that_never_finishes_its_handshake_is_closed(server: Toy) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
        begun = time.monotonic()
        assert b"" == silent.recv(100)
        assert time.monotonic() - begun < 13


def test_plain_http_on_the_tls_port_is_closed(server: Toy) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not plain.recv(100).startswith(b"HTTP")


def test_the_certificate_stays_over_a_restart_and_is_new_for_new_names(tmp_path: Path) -> None:
    chain, ca = tmp_path / "data" / "tls" / "server.pem", tmp_path / "data" / "tls" / "ca.pem"
    with Toy(tmp_path / "data", "workers=1"):
        first, authority = chain.read_bytes(), ca.read_bytes()
    with Toy(tmp_path / "data", "workers=1"):
        assert first == chain.read_bytes()
    with Toy(tmp_path / "data", "workers=1", "hosts=new.example.com") as server:
        assert first != chain.read_bytes()
        assert authority == ca.read_bytes()
        _connect(server, "new.example.com")


def test_given_files_are_used_and_read_again_on_sighup(tmp_path: Path) -> None:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _make_certificate(chain, key, "first")
    with Toy(tmp_path / "data", "workers=1", f"tls={chain},{key}") as server:
        assert "first" in _subject(server)
        _make_certificate(chain, key, "second")
        os.kill(server.pid, signal.SIGHUP)
        until = time.monotonic() + 5
        while "second" not in _subject(server):
            assert time.monotonic() < until
            time.sleep(0.05)
        key.write_text("nonsense")
        os.kill(server.pid, signal.SIGHUP)
        time.sleep(0.3)
        assert "second" in _subject(server)
    assert "the certificate in use stays" in server.said()


def test_files_that_are_no_certificate_refuse_the_start(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("x")
    with pytest.raises(NotReady, match="cannot be used"):
        Toy(tmp_path / "data", f"tls={tmp_path / 'c'},{tmp_path / 'c'}").start()


def _make_certificate(chain: Path, key: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "1", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip


def _subject(server: Toy) -> str:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", server.url.removeprefix("https://")],
        input="", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return next(line for line in done.stdout.splitlines() if line.startswith("subject"))
