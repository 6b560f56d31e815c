"""The engines, by the word that names each: where its code is, and which packages it needs.

This table is read by ``strongroom rotation enable`` too: nothing is imported here that a function alone has.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.rotations.contract import Plan, Tools
from strongroom.rotations.errors import BadSecret


@dataclass(frozen=True, slots=True)
class Kind:
    """One engine. ``packages``: what its function is packed with; ``parts``: modules that its own builds on.

    ``helped``: whether a superuser may change the password of a single user.
    """

    module: str
    packages: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ("single",)
    parts: tuple[str, ...] = ()
    helped: bool = False


_DATABASE = ("single", "alternating")
KINDS = {
    "postgres": Kind("postgres", ("psycopg", "psycopg-binary"), _DATABASE),
    "redshift": Kind("redshift", ("psycopg", "psycopg-binary"), parts=("postgres",)),
    "mysql": Kind("mysql", ("PyMySQL",), _DATABASE),
    "mariadb": Kind("mysql", ("PyMySQL",), _DATABASE),
    "redis": Kind("redis_acl", ("redis",), helped=True),
    "ldap": Kind("ldap", ("ldap3",)),
    "ssh": Kind("ssh", ("paramiko",)),
    "iam": Kind("iam"),
    "http-key": Kind("http_key", parts=("web",)),
    "oauth2": Kind("oauth2", parts=("web",)),
    "password": Kind("bare"),
}
"""Which engines there are."""

ENGINE = "ROTATION_ENGINE"
"""The setting of a function that names its engine."""


def plan_for(tools: Tools) -> Plan:
    """The plan that the function's settings name. Raises BadSecret for an engine that is not there."""
    name = tools.environment.get(ENGINE, "")
    kind = KINDS.get(name)
    if kind is None:
        raise BadSecret(f"{ENGINE} is {name!r}; it must be one of {', '.join(sorted(KINDS))}")
    found: Callable[[Tools], Plan] = importlib.import_module(f"{__name__}.{kind.module}").plan
    return found(tools)
