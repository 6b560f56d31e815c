"""MariaDB and MySQL, by PyMySQL.

Source: MariaDB Knowledge Base, SET PASSWORD, CREATE USER, SHOW GRANTS; MySQL 8.0 Reference Manual, SET PASSWORD.
MySQL itself was not seen: the page about rotation says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql

from strongroom.rotations import tls
from strongroom.rotations.contract import Finding, Plan, Tools, Value
from strongroom.rotations.errors import CannotChange, Refused, Unreachable
from strongroom.rotations.secret import port_of, text_of
from strongroom.rotations.strategies import plan_of

CONNECT_SECONDS = 5
_TALK_SECONDS = 20
_FIRST_CLIENT_ERROR, _FIRST_SERVER_ERROR_AGAIN = 2000, 3000
"""Errors from 2000 on are the client's own, from 3000 on the server's again (MySQL error reference)."""


def plan(tools: Tools) -> Plan:
    """The plan of a MariaDB or MySQL user."""
    return plan_of(MySQL(), tools)


class MySQL:
    """Servers that speak MySQL's protocol."""

    user_characters = 80
    """MariaDB's; MySQL has 32, and says so itself."""

    def address(self, value: Value) -> str:
        """Host and port."""
        return f"{text_of(value, 'host')}:{port_of(value, 3306)}"

    @contextmanager
    def open(self, value: Value) -> Iterator[MySQLSession]:
        """Log in, over TLS with the host's name checked unless the secret says otherwise."""
        user = text_of(value, "username")
        encrypted = tls.wanted(value)
        # With a context of ours the driver refuses servers without TLS before it sends anything of a password.
        more: dict[str, Any] = {"ssl": tls.context(value)} if encrypted else {"ssl_disabled": True}
        try:
            connection = pymysql.connect(
                host=text_of(value, "host"),
                port=port_of(value, 3306),
                user=user,
                # Text would be sent as Latin-1, and refused beyond it.
                password=text_of(value, "password").encode(),
                database=value.get("dbname") or None,
                charset="utf8mb4",
                autocommit=True,
                local_infile=False,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=_TALK_SECONDS,
                write_timeout=_TALK_SECONDS,
                **more,
            )
        except pymysql.MySQLError as error:
            if _is_servers(error):
                raise Refused(user, error) from None
            hint = f" ({tls.PLAIN_MEND})" if "SSL is required" in str(error) else ""
            raise Unreachable(self.address(value), f"{error}{hint}") from None
        with connection:
            yield MySQLSession(connection, encrypted=encrypted)


class MySQLSession:
    """A login at MariaDB or MySQL."""

    def __init__(self, connection: Any, *, encrypted: bool) -> None:
        self.encrypted = encrypted
        self._connection = connection
        self._is_mariadb = "mariadb" in str(connection.get_server_info()).lower()

    def set_password(self, user: str, password: str) -> None:
        """The login's own; it needs no right to others'."""
        try:
            self._do(f"SET PASSWORD = {self._sent}", password)
        except pymysql.MySQLError as error:
            raise CannotChange(f"change the password of {user}", error) from None

    def clone(self, user: str, clone: str, password: str) -> None:
        """For each host of the first user a second one with its grants and its demand for TLS.

        These statements commit by themselves; each may be repeated.
        """
        try:
            for host, ssl_type in self._ask("SELECT Host, ssl_type FROM mysql.user WHERE User = %s", user):
                self._do("CREATE USER IF NOT EXISTS %s@%s IDENTIFIED BY %s", clone, host, password)
                self._do(f"SET PASSWORD FOR %s@%s = {self._sent}", clone, host, password)
                if ssl_type in _REQUIRE:
                    self._do(f"ALTER USER %s@%s REQUIRE {_REQUIRE[ssl_type]}", clone, host)
                for (grant,) in self._ask("SHOW GRANTS FOR %s@%s", user, host):
                    self._copy(grant, (user, host), clone)
        except pymysql.MySQLError as error:
            raise CannotChange(f"make or change the user {clone}", error) from None

    def _copy(self, grant: str, whose: tuple[str, str], clone: str) -> None:
        """Do for the second user what a line of SHOW GRANTS says of the first."""
        ((quote,),) = self._ask("SELECT @@sql_quote_show_create")
        mark = "`" if quote else "'"
        named = "@".join(mark + part.replace(mark, mark * 2) + mark for part in whose)
        for word in (" TO ", " FOR "):
            before, found, after = grant.rpartition(f"{word}{named}")
            if found:
                # Of what follows, the password's hash and the demand for TLS are not to be copied so.
                option = " WITH GRANT OPTION" if "WITH GRANT OPTION" in after else ""
                self._do(f"{before.replace('%', '%%')}{word}%s@%s{option}", clone, whose[1])
                return

    def rehearse(self, user: str, candidate: str, *, clone: str | None) -> list[Finding]:
        """Look at what would refuse the change: these servers cannot take a password back."""
        try:
            ((read_only,),) = self._ask("SELECT @@read_only")
            if read_only:
                return [Finding("right to change", "the server is read-only", "name the writable server as host")]
            if clone is None:
                seen = f"{user} may change its own password; whether {len(candidate)} characters are taken is not tried"
                return [Finding("right to change", seen)]
            self._ask("SELECT Host FROM mysql.user WHERE User = %s", user)
            grants = " ".join(grant for (grant,) in self._ask("SHOW GRANTS"))
        except pymysql.MySQLError as error:
            mend = "give the superuser SELECT on mysql.* and CREATE USER"
            return [Finding("right to change", str(CannotChange("look at users", error)), mend)]
        lacks = [
            right
            for right, others in (("CREATE USER", "ALL PRIVILEGES"), ("GRANT OPTION", "GRANT OPTION"))
            if right not in grants and others not in grants
        ]
        if lacks:
            mend = f"grant {' and '.join(lacks)} to the superuser"
            return [Finding("right to change", f"the superuser lacks {' and '.join(lacks)}", mend)]
        return [Finding("right to change", f"the superuser may make {clone} and hand on what {user} may")]

    @property
    def _sent(self) -> str:
        """How a new password stands in SET PASSWORD. MariaDB wants its hash, MySQL since 5.7 the password."""
        return "PASSWORD(%s)" if self._is_mariadb else "%s"

    def _do(self, statement: str, *values: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)

    def _ask(self, statement: str, *values: str) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


_REQUIRE = {"ANY": "SSL", "X509": "X509"}
"""mysql.user.ssl_type, and the word that asks for the same."""


def _is_servers(error: Any) -> bool:
    """Whether the server itself said this."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else _FIRST_CLIENT_ERROR
    return not _FIRST_CLIENT_ERROR <= code < _FIRST_SERVER_ERROR_AGAIN
