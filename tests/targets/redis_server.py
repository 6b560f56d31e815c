"""A Redis on loopback, on a plain port and on one with TLS, with its users in a file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from tests.targets import places

PASSWORD = "of the administrator"


class RedisTarget:
    """One server."""

    def __init__(self, plain_port: int, port: int, authority: str) -> None:
        self.plain_port = plain_port
        self.port = port
        self.authority = authority

    def admin(self, *words: str) -> Any:
        """One command as administrator."""
        with redis.Redis(port=self.plain_port, username="admin", password=PASSWORD, protocol=2) as client:
            return client.execute_command(*words)

    def make_user(self, name: str, password: str, *rules: str) -> dict[str, Any]:
        """A user, and the value of its secret, over TLS."""
        self.admin("ACL", "SETUSER", name, "reset", "on", f">{password}", *rules)
        return self.value(name, password)

    def value(self, name: str, password: str, **more: Any) -> dict[str, Any]:
        """What a secret says."""
        place = {"engine": "redis", "host": "127.0.0.1", "port": self.port, "ca": self.authority}
        return {**place, "username": name, "password": password, **more}

    def plain(self, value: dict[str, Any]) -> dict[str, Any]:
        """The same without TLS."""
        return {**value, "port": self.plain_port, "ssl": False}

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether a secret's value opens the server."""
        user, password = value["username"], value["password"]
        with redis.Redis(port=self.plain_port, username=user, password=password, protocol=2) as client:
            try:
                client.ping()
            except redis.exceptions.NoPermissionError:
                return True
            except redis.exceptions.AuthenticationError:
                return False
        return True


@contextmanager
def target() -> Iterator[RedisTarget]:
    """Start one, and leave nothing behind. Raises RuntimeError where there is no Redis."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("these tests need Redis's server (Debian: apt-get install redis-server)")
    where = places.directory("re")
    user = places.nobody()
    made = places.certificates(where, user)
    acl = where / "users.acl"
    acl.touch(0o600)
    acl.write_text(f'user default off\nuser admin on "#{_digest(PASSWORD)}" ~* &* +@all\n'.replace('"', ""))
    if user is not None:
        for one in (where, acl):
            shutil.chown(one, user)
    plain, port = places.free_port(), places.free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": plain,
        "tls-port": port,
        "tls-cert-file": made.chain,
        "tls-key-file": made.key,
        "tls-ca-cert-file": made.ca,
        "tls-auth-clients": "no",
        "dir": where,
        "aclfile": acl,
        "save": "",
        "maxmemory": "16mb",
    }
    words = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    process = places.start([program, *words], where / "log", user=user, answers=lambda: places.listens(port))
    try:
        yield RedisTarget(plain, port, made.authority)
    finally:
        places.stop(process)
        shutil.rmtree(where)


def _digest(password: str) -> str:

    return hashlib.sha256(password.encode()).hexdigest()
