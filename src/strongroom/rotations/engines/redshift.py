"""Redshift, on PostgreSQL's login path. Redshift itself was not seen: the page about rotation says so.

Source: Amazon Redshift Database Developer Guide, ALTER USER; facts secretsmanager, 9.6.
"""

from __future__ import annotations

import hashlib
from typing import Any

from strongroom.rotations.contract import Plan, Tools
from strongroom.rotations.engines.postgres import PostgreSQL, PostgreSQLSession
from strongroom.rotations.strategies import plan_of


def plan(tools: Tools) -> Plan:
    """The plan of a Redshift user."""
    return plan_of(Redshift(), tools)


class Redshift(PostgreSQL):
    """PostgreSQL's protocol, with other defaults."""

    user_characters = 127
    default_port = 5439
    default_database = "dev"

    def session(self, connection: Any, *, encrypted: bool) -> PostgreSQLSession:
        """What can be done with a login."""
        return RedshiftSession(connection, encrypted=encrypted)


class RedshiftSession(PostgreSQLSession):
    """A login at Redshift, which does not tell which kind of verifier it wants."""

    def verifier(self, user: str, password: str) -> str:
        """``sha256|DIGEST|SALT`` is taken by Redshift alone, an MD5 verifier by PostgreSQL too; it is salted by name.

        Source: ALTER USER, PASSWORD: 'md5' followed by the digest of password and user name.
        """
        return "md5" + hashlib.md5(f"{password}{user}".encode()).hexdigest()  # noqa: S324  the protocol's own
