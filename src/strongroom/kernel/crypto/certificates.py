"""A certificate authority of one's own, and the server certificates that it issues.

The authority lives ten years and signs nothing but servers; where it is told names, it can sign no others.
A server certificate lives ninety days and is renewed at sixty. Keys are EC P-256.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.base.classes import dataclass, field

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=90)
RENEWED_AFTER = timedelta(days=60)
_SKEW = timedelta(minutes=5)
"""Certificates begin a little early, for clients whose clocks run behind."""

_LOOPBACK = ("127.0.0.0/8", "::1/128")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM. ``key`` is plain PKCS #8: seal it before it is stored."""

    certificate: bytes
    key: bytes = field(repr=False)


def make_authority(now: datetime, names: Sequence[str] = ()) -> Pair:
    """A new authority. With names (hosts or addresses) it is confined to them, their subdomains and loopback.

    Source: RFC 5280, sections 4.2.1.9 (path length 0) and 4.2.1.10 (name constraints, critical).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Strongroom CA {now:%Y-%m-%d}")])
    builder = (
        _begin(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if names:
        constraints = x509.NameConstraints(permitted_subtrees=_permitted(names), excluded_subtrees=None)
        builder = builder.add_extension(constraints, critical=True)
    return _pair(builder.sign(key, hashes.SHA256()), key)


def issue_server(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """A new server certificate for host names and addresses, with a key of its own.

    Raises ValueError for no hosts, or for hosts outside the authority's names.
    Source: RFC 5280; RFC 9525, section 6 (names stand in subjectAltName only).
    """
    if not hosts:
        raise ValueError("a server certificate needs at least one host")
    if not covers(authority.certificate, hosts):
        raise ValueError("the authority is confined to other names")
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Strongroom server")])
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        _begin(name, issuer.subject, key.public_key(), now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def covers(authority_certificate: bytes, hosts: Iterable[str]) -> bool:
    """Whether an authority (PEM) may issue for all these hosts; if not, a new one is needed."""
    certificate = x509.load_pem_x509_certificate(authority_certificate)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return True
    permitted = [subtree.value for subtree in constraints.permitted_subtrees or ()]
    return all(_is_permitted(host, permitted) for host in hosts)


def names_of(server_certificate: bytes) -> frozenset[str]:
    """The host names and addresses that a server certificate (PEM) stands for."""
    certificate = x509.load_pem_x509_certificate(server_certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def due_for_renewal(server_certificate: bytes, now: datetime) -> bool:
    """Whether a server certificate (PEM) has lived its sixty days, or is not yet valid by this clock."""
    begins = x509.load_pem_x509_certificate(server_certificate).not_valid_before_utc
    return not begins <= now < begins + RENEWED_AFTER


def ends(certificate: bytes) -> datetime:
    """When a certificate (PEM) is over. Raises ValueError for what is none."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """A certificate authority signs certificates, a server signs handshakes; neither does anything else."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _general_name(host: str) -> x509.GeneralName:
    address = _address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _permitted(names: Sequence[str]) -> list[x509.GeneralName]:
    """Subtrees for the names and loopback; both kinds are always there, else one kind would be free."""
    networks: list[Network] = [ip_network(network) for network in _LOOPBACK]
    hosts = {"localhost"}
    for name in names:
        address = _address(name)
        if address is None:
            hosts.add(name.removeprefix("*."))
        elif not address.is_loopback:
            networks.append(ip_network(address))
    return [*map(x509.DNSName, sorted(hosts)), *map(x509.IPAddress, networks)]


def _is_permitted(host: str, permitted: Sequence[object]) -> bool:
    address = _address(host)
    if address is not None:
        networks = [one for one in permitted if isinstance(one, IPv4Network | IPv6Network)]
        return any(address in network for network in networks)
    name = host.removeprefix("*.").lower()
    subtrees = [one.lower() for one in permitted if isinstance(one, str)]
    return any(name == subtree or name.endswith(f".{subtree}") for subtree in subtrees)
