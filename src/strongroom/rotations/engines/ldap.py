"""LDAP entries that change their own password, by ldap3: the password modify operation after a simple bind.

``username`` is the entry's DN. Port 636 is TLS from the first byte, every other port StartTLS.
Source: RFC 3062 (password modify), RFC 4513 (simple bind, StartTLS).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from strongroom.rotations import tls
from strongroom.rotations.contract import Finding, Plan, Tools, Value
from strongroom.rotations.errors import CannotChange, Refused, Unreachable
from strongroom.rotations.secret import port_of, text_of
from strongroom.rotations.strategies import SingleUser

CONNECT_SECONDS = 5
_TALK_SECONDS = 20
_LDAPS = 636


def plan(tools: Tools) -> Plan:
    """The plan of an LDAP entry."""
    return SingleUser(Directory(), tools)


class Directory:
    """Servers that speak LDAP."""

    user_characters = 4096

    def address(self, value: Value) -> str:
        """Host and port."""
        return f"{text_of(value, 'host')}:{self._port(value)}"

    def _port(self, value: Value) -> int:
        return port_of(value, _LDAPS if tls.wanted(value) else 389)

    @contextmanager
    def open(self, value: Value) -> Iterator[DirectorySession]:
        """Bind, over TLS with the host's name checked unless the secret says otherwise."""
        user, password = text_of(value, "username"), text_of(value, "password")
        encrypted, port = tls.wanted(value), self._port(value)
        checks = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=tls.bundle(value)) if encrypted else None
        server = ldap3.Server(
            text_of(value, "host"),
            port=port,
            use_ssl=encrypted and port == _LDAPS,
            tls=checks,
            connect_timeout=CONNECT_SECONDS,
            get_info=ldap3.NONE,
        )
        connection = ldap3.Connection(server, user=user, password=password, receive_timeout=_TALK_SECONDS)
        try:
            connection.open(read_server_info=False)
            if encrypted and port != _LDAPS and not connection.start_tls(read_server_info=False):
                raise Unreachable(self.address(value), f"StartTLS was refused ({tls.PLAIN_MEND})")
            bound = connection.bind(read_server_info=False)
        except (LDAPException, OSError) as error:
            _end(connection)
            raise Unreachable(self.address(value), error) from None
        if not bound:
            words = _words(connection)
            _end(connection)
            raise Refused(user, words)
        try:
            yield DirectorySession(connection, encrypted=encrypted, old=password)
        finally:
            _end(connection)


class DirectorySession:
    """A bound connection."""

    def __init__(self, connection: Any, *, encrypted: bool, old: str) -> None:
        self.encrypted = encrypted
        self._connection = connection
        self._old = old

    def set_password(self, user: str, password: str) -> None:
        """The password modify operation, with the old password."""
        try:
            done = self._connection.extend.standard.modify_password(user, self._old, password)
        except (LDAPException, OSError) as error:
            raise CannotChange(f"change the password of {user}", error) from None
        if not done:
            raise CannotChange(f"change the password of {user}", _words(self._connection))

    def clone(self, user: str, clone: str, password: str) -> None:  # noqa: ARG002  it is not offered
        """Entries of a directory are not copied."""
        raise CannotChange(f"make the entry {clone}", "a directory has no second user")

    def rehearse(self, user: str, candidate: str, *, clone: str | None) -> list[Finding]:  # noqa: ARG002
        """A directory does not tell what it would allow; that much is said."""
        seen = f"whether {user} may change its password cannot be seen without changing it"
        return [Finding("right to change", seen)]


def _words(connection: Any) -> str:
    told = connection.result or {}
    return f"{told.get('description', 'no reason')} {told.get('message', '')}".strip()


def _end(connection: Any) -> None:
    with suppress(LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:  # the driver keeps one that never came to be connected
        connection.socket.close()
