"""The authority's certificates are taken by a stock TLS client, for their names and no others."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.kernel.crypto import certificates
from strongroom.kernel.crypto.certificates import Pair

NOW = datetime.now(UTC).replace(microsecond=0)
LOCAL = ("localhost", "127.0.0.1", "::1")


@pytest.fixture(scope="module")
def authority() -> Pair:
    return certificates.make_authority(NOW, ("vault.example.com", "10.1.2.3"))


def handshake(authority: Pair, server: Pair, host: str, directory: Path) -> None:
    """A TLS handshake in memory, with the standard library's client. Raises SSLError where it refuses."""
    chain = directory / "server.pem"
    chain.write_bytes(server.certificate + server.key)
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(chain)
    asking = ssl.create_default_context(cadata=authority.certificate.decode())
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up, server_hostname=host)
    answerer = accepting.wrap_bio(up, down, server_side=True)
    for side in (client, answerer, client, answerer):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("host", [*LOCAL, "vault.example.com", "10.1.2.3", "eu.vault.example.com"])
def test_a_client_takes_a_server_certificate_for_its_hosts(authority: Pair, host: str, tmp_path: Path) -> None:
    server = certificates.issue_server(authority, [host], NOW)
    handshake(authority, server, host, tmp_path)
    assert {host} == certificates.names_of(server.certificate)


def test_a_client_refuses_it_for_another_host(authority: Pair, tmp_path: Path) -> None:
    server = certificates.issue_server(authority, ["localhost"], NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(authority, server, "vault.example.com", tmp_path)


@pytest.mark.parametrize("host", ["example.com", "evilvault.example.com", "amazonaws.com", "10.1.2.4", "::2"])
def test_a_confined_authority_issues_for_no_other_host(authority: Pair, host: str) -> None:
    assert not certificates.covers(authority.certificate, [host])
    with pytest.raises(ValueError, match="confined"):
        certificates.issue_server(authority, ["localhost", host], NOW)


@pytest.mark.parametrize("host", ["sts.amazonaws.com", "10.1.2.4"])
def test_what_a_thief_of_the_key_issues_outside_the_names_is_refused(
    authority: Pair, host: str, tmp_path: Path
) -> None:
    """The constraint stands in the certificate that clients trust, so it binds our own code's absence too."""
    free = certificates.make_authority(NOW)
    stolen = Pair(free.certificate, authority.key)
    forged = certificates.issue_server(stolen, [host], NOW)
    renamed = reissued(forged, authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(authority, renamed, host, tmp_path)


def reissued(server: Pair, authority: Pair) -> Pair:
    """The same certificate under the confined authority's name, signed with its key."""
    old = x509.load_pem_x509_certificate(server.certificate)
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    key = serialization.load_pem_private_key(authority.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        issuer.subject, old.subject, old.public_key(), old.serial_number, old.not_valid_before_utc,
        old.not_valid_after_utc, list(old.extensions),
    )  # fmt: skip
    signed = builder.sign(key, hashes.SHA256())
    return Pair(signed.public_bytes(serialization.Encoding.PEM), server.key)


def test_an_authority_without_names_is_not_confined() -> None:
    free = certificates.make_authority(NOW)
    assert certificates.covers(free.certificate, ["anything.example.org", "192.0.2.1"])


def test_the_authority_signs_servers_only_and_no_further_authorities(authority: Pair) -> None:
    extensions = x509.load_pem_x509_certificate(authority.certificate).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (True, True, 0) == (constraints.critical, constraints.value.ca, constraints.value.path_length)
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature


def test_lives_are_ten_years_and_ninety_days(authority: Pair) -> None:
    server = certificates.issue_server(authority, LOCAL, NOW)
    for pair, life in ((authority, timedelta(days=3650)), (server, timedelta(days=90))):
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        assert NOW + life == certificate.not_valid_after_utc
        assert certificate.not_valid_before_utc < NOW


@pytest.mark.parametrize(("days", "due"), [(-1, True), (0, False), (59, False), (60, True), (365, True)])
def test_a_server_certificate_is_renewed_after_sixty_days(authority: Pair, days: int, due: bool) -> None:
    server = certificates.issue_server(authority, LOCAL, NOW)
    assert due is certificates.due_for_renewal(server.certificate, NOW + timedelta(days=days))


def test_no_hosts_make_no_certificate(authority: Pair) -> None:
    with pytest.raises(ValueError, match="at least one host"):
        certificates.issue_server(authority, [], NOW)


def test_a_pairs_repr_does_not_show_the_key(authority: Pair) -> None:
    assert b"PRIVATE KEY" in authority.key
    assert "PRIVATE KEY" not in repr(authority)
