"""A PostgreSQL that listens on loopback, with TLS, for users whose passwords are rotated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests import postgres
from tests.targets import places


class PostgreSQLTarget:
    """One server. ``value`` makes the secret of a user."""

    engine = "postgres"

    def __init__(self, server: postgres.Server, authority: str) -> None:
        self.server = server
        self.authority = authority

    def run(self, statement: str, *names: str, **literals: str) -> None:
        """One statement as superuser, names quoted by the driver."""
        text = sql.SQL(statement).format(
            *map(sql.Identifier, names), **{name: sql.Literal(value) for name, value in literals.items()}
        )
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(text)

    @property
    def password(self) -> str:
        """The superuser's, who is called strongroom."""
        return postgres.PASSWORD

    def ask(self, statement: str) -> list[Any]:
        """The rows of a question."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def make_user(self, name: str, password: str, more: str = "") -> dict[str, Any]:
        """A user, and the value of its secret, over TLS."""
        self.run(f"CREATE ROLE {{}} WITH LOGIN {more} PASSWORD {{password}}", name, password=password)
        return self.value(name, password)

    def value(self, name: str, password: str, **more: Any) -> dict[str, Any]:
        """What a secret says."""
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.server.port, "dbname": "postgres"}
        return {**place, "username": name, "password": password, "ca": self.authority, **more}

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether a secret's value opens the server."""
        try:
            psycopg.connect(
                host=value["host"],
                port=int(value["port"]),
                user=value["username"],
                password=value["password"],
                dbname="postgres",
                client_encoding="utf8",
            ).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def target() -> Iterator[PostgreSQLTarget]:
    """Start one, and leave nothing behind."""
    server = postgres.initialised()
    try:
        made = places.certificates(server.directory, server.user)
        server.port = places.free_port()
        server.more = (
            "ssl=on",
            f"ssl_cert_file={made.chain}",
            f"ssl_key_file={made.key}",
        )
        # "md5" takes both kinds of stored passwords, each by its own way.
        (server.directory / "data" / "pg_hba.conf").write_text(
            "local all all scram-sha-256\nhost all all 127.0.0.1/32 md5\n"
        )
        server.start()
        yield PostgreSQLTarget(server, made.authority)
    finally:
        postgres.remove(server)
