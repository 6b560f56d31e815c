"""An OpenLDAP on loopback: a plain port that knows StartTLS, and one with TLS from the first byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap3

from tests.targets import places

PASSWORD = "of the administrator"
SUFFIX = "dc=example,dc=org"
_CONFIG = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {where}/pid
TLSCACertificateFile {ca}
TLSCertificateFile {chain}
TLSCertificateKeyFile {key}
database mdb
maxsize 16777216
directory {where}/data
suffix "{suffix}"
rootdn "cn=admin,{suffix}"
rootpw "{password}"
access to attrs=userPassword by self write by anonymous auth by * none
access to * by self read by * none
"""


class LDAPTarget:
    """One server."""

    def __init__(self, port: int, tls_port: int, authority: str) -> None:
        self.port = port
        self.tls_port = tls_port
        self.authority = authority
        with self._admin() as admin:
            admin.add(SUFFIX, ["dcObject", "organization"], {"o": "example", "dc": "example"})

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, f"cn=admin,{SUFFIX}", PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def make_user(self, name: str, password: str) -> dict[str, Any]:
        """An entry, and the value of its secret, over StartTLS. ``name``: the characters of its cn."""
        from ldap3.utils.dn import escape_rdn  # noqa: PLC0415

        dn = f"cn={escape_rdn(name)},{SUFFIX}"
        with self._admin() as admin:
            attributes = {"sn": "x", "userPassword": password}
            assert admin.add(dn, ["person"], attributes), admin.result
        place = {"engine": "ldap", "host": "127.0.0.1", "port": self.port, "ca": self.authority}
        return {**place, "username": dn, "password": password}

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether a secret's value opens the server."""
        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, value["username"], value["password"])
        found = bool(connection.bind())
        connection.unbind()
        return found


@contextmanager
def target() -> Iterator[LDAPTarget]:
    """Start one, and leave nothing behind. Raises RuntimeError where there is no slapd."""
    program = shutil.which("slapd") or "/usr/sbin/slapd"
    if not Path(program).exists():
        raise RuntimeError("these tests need OpenLDAP's server (Debian: apt-get install slapd)")
    where = places.directory("ld")
    user = places.nobody()
    (where / "data").mkdir()
    made = places.certificates(where, user)
    config = where / "slapd.conf"
    words = {"where": where, "ca": made.ca, "chain": made.chain, "key": made.key}
    config.write_text(_CONFIG.format(**words, suffix=SUFFIX, password=PASSWORD))
    if user is not None:
        for one in (where, where / "data", config):
            shutil.chown(one, user)
    port, tls_port = places.free_port(), places.free_port()
    process = places.start(
        [program, "-f", config, "-d", "0", "-h", f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"],
        where / "log",
        user=user,
        answers=lambda: places.listens(port),
    )
    try:
        yield LDAPTarget(port, tls_port, made.authority)
    finally:
        places.stop(process)
        shutil.rmtree(where)
