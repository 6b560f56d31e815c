"""PostgreSQL, by psycopg.

Source: PostgreSQL documentation, ALTER ROLE, CREATE ROLE; libpq, "Connection Status Functions". Facts rotation, 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from strongroom.rotations import tls
from strongroom.rotations.contract import Finding, Plan, Tools, Value
from strongroom.rotations.errors import CannotChange, Refused, Unreachable
from strongroom.rotations.secret import port_of, text_of
from strongroom.rotations.strategies import plan_of

CONNECT_SECONDS = 5

# Whoever names a secret's user x_clone must not so have the superuser set the password of some x. pg_has_role would
# not do: a superuser is taken for a member of every role.
_KNOWN = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_auth_members AS grants
    JOIN pg_catalog.pg_roles AS first ON first.oid = grants.roleid
    JOIN pg_catalog.pg_roles AS second ON second.oid = grants.member
    WHERE (first.rolname, second.rolname) IN ((%(user)s, %(clone)s), (%(clone)s, %(user)s)))
FROM pg_catalog.pg_roles WHERE rolname = %(clone)s
"""


def plan(tools: Tools) -> Plan:
    """The plan of a PostgreSQL user."""
    return plan_of(PostgreSQL(), tools)


class PostgreSQL:
    """Servers that speak PostgreSQL's protocol."""

    user_characters = 63
    default_port = 5432
    default_database = "postgres"

    def address(self, value: Value) -> str:
        """Host and port."""
        return f"{text_of(value, 'host')}:{port_of(value, self.default_port)}"

    @contextmanager
    def open(self, value: Value) -> Iterator[PostgreSQLSession]:
        """Log in, over TLS with the host's name checked unless the secret says otherwise."""
        user = text_of(value, "username")
        encrypted = tls.wanted(value)
        words: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": tls.bundle(value)} if encrypted else {}
        try:
            connection = psycopg.connect(
                host=text_of(value, "host"),
                port=port_of(value, self.default_port),
                user=user,
                password=text_of(value, "password"),
                dbname=text_of(value, "dbname", self.default_database),
                connect_timeout=CONNECT_SECONDS,
                client_encoding="utf8",
                gssencmode="disable",
                autocommit=True,
                **({"sslmode": "disable"} | words),
            )
        except psycopg.Error as error:
            # libpq gives no code for a connection that did not come about. FATAL is the server's own word.
            asked = error.pgconn is not None and error.pgconn.used_password
            if asked or "FATAL" in str(error):
                raise Refused(user, error) from None
            hint = f" ({tls.PLAIN_MEND})" if "does not support SSL" in str(error) else ""
            raise Unreachable(self.address(value), f"{error}{hint}") from None
        with connection:
            yield self.session(connection, encrypted=encrypted)

    def session(self, connection: Any, *, encrypted: bool) -> PostgreSQLSession:
        """What can be done with a login."""
        return PostgreSQLSession(connection, encrypted=encrypted)


class PostgreSQLSession:
    """A login at PostgreSQL."""

    def __init__(self, connection: Any, *, encrypted: bool) -> None:
        self.encrypted = encrypted
        self._connection = connection

    def verifier(self, user: str, password: str) -> str:
        """What the server stores for a password, made here, so that the password itself is in no statement or log.

        Source: libpq, PQencryptPasswordConn: without an algorithm it asks the server which it wants.
        """
        made: bytes = self._connection.pgconn.encrypt_password(password.encode(), user.encode())
        return made.decode("ascii")

    def set_password(self, user: str, password: str) -> None:
        """ALTER USER."""
        try:
            self._alter(user, password)
        except psycopg.Error as error:
            raise CannotChange(f"change the password of {user}", error) from None

    def clone(self, user: str, clone: str, password: str) -> None:
        """A role that is a member of the first. Source: facts secretsmanager, 9.5."""
        try:
            with self._connection.transaction():
                self._clone(user, clone, password)
        except psycopg.Error as error:
            raise CannotChange(f"make or change the user {clone}", error) from None

    def rehearse(self, user: str, candidate: str, *, clone: str | None) -> list[Finding]:
        """The very statements, in a transaction that is rolled back."""
        what = f"the password of {user} can be changed" if clone is None else f"{clone} can be made and changed"
        try:
            with self._connection.transaction(force_rollback=True):
                if clone is None:
                    self._alter(user, candidate)
                else:
                    self._clone(user, clone, candidate)
        except CannotChange as refusal:
            return [Finding("right to change", str(refusal), "see the target's own words")]
        except psycopg.Error as error:
            mend = "ask the database's administrator for that right (ALTER USER of oneself needs none)"
            if clone is not None:
                mend = "give the superuser CREATEROLE, and ADMIN OPTION on the first user where it is not superuser"
            return [Finding("right to change", str(CannotChange("change the password", error)), mend)]
        return [Finding("right to change", f"{what}; a password of {len(candidate)} characters is taken")]

    def _alter(self, user: str, password: str) -> None:
        self._do("ALTER USER {} WITH PASSWORD {}", user, self.verifier(user, password))

    def _clone(self, user: str, clone: str, password: str) -> None:
        known = self._connection.execute(_KNOWN, {"user": user, "clone": clone}).fetchone()
        if known is not None:
            if not known[0]:
                told = f"it is there and neither of the two is granted to the other: GRANT {user} TO {clone}, if it is"
                raise CannotChange(f"take {clone} for the second user", f"{told} yours")
            self._alter(clone, password)
            return
        self._do("CREATE ROLE {} WITH LOGIN PASSWORD {}", clone, self.verifier(clone, password))
        self._connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(user), sql.Identifier(clone)))

    def _do(self, statement: Any, user: str, password: str) -> None:
        self._connection.execute(sql.SQL(statement).format(sql.Identifier(user), sql.Literal(password)))
