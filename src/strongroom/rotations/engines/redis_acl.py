"""Redis users, by redis-py. A user may have several passwords at once, so nobody is shut out while one changes.

The user changes its own password where it may, else a superuser does (``masterarn``). Digests are sent, no passwords.
The driver trusts the function's own authorities beside those of ``ca``.
Source: Redis documentation, ACL SETUSER, ACL SAVE, ACL DRYRUN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from strongroom.rotations import tls
from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.errors import CannotChange, Refused, RotationError, Unreachable, said
from strongroom.rotations.secret import port_of, text_of
from strongroom.rotations.strategies import keeps_previous, superuser_of

CONNECT_SECONDS = 5
_TALK_SECONDS = 5


def plan(tools: Tools) -> Plan:
    """The plan of a Redis user."""
    return RedisUser(tools)


class RedisUser:
    """One user with at most two passwords of ours: the current and the one before or after it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """The same user with another password."""
        text_of(current, "username")
        return {**current, "password": self._tools.password()}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Add the new password, and take away the one before the current."""
        if not _same_user(pending, current):
            raise RotationError("the pending value is for another host, port or user than the current one")
        # Also where the new one is taken already: an attempt may have been cut off before the old one was forgotten.
        with self._changer(current, previous) as client:
            _set(client, text_of(pending, "username"), f"#{_digest(pending)}")
            _forget(client, previous, but=(pending, current))
            _keep(client)

    def test(self, value: Value) -> None:
        """Log in."""
        with opened(value):
            pass

    def retire(self, current: Value, previous: Value | None) -> None:
        """Take the previous password away, where two shall not be valid."""
        if previous is None or keeps_previous(self._tools):
            return
        with self._changer(current, None) as client:
            _forget(client, previous, but=(current,))
            _keep(client)

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """Log in, and have Redis say whether the change would be allowed."""
        user = text_of(current, "username")
        with opened(current):
            how = "over TLS" if tls.wanted(current) else "in PLAIN TEXT: no TLS"
            found = [Finding("login", f"{user} is let in, {how}")]
        superuser = superuser_of(current, self._tools)
        changer = text_of(superuser or current, "username")
        with self._changer(current, None) as client:
            try:
                told = client.execute_command("ACL", "DRYRUN", changer, "ACL", "SETUSER", user, "#" + 64 * "0")
            except redis.RedisError as error:
                return [*found, Finding("right to change", f"Redis does not tell: {said(error)}")]
        if told in (b"OK", "OK", True):
            return [*found, Finding("right to change", f"{changer} may set the passwords of {user}")]
        mend = f"give {changer} +acl|setuser, or name a superuser's secret (--superuser)"
        return [*found, Finding("right to change", said(told), mend)]

    @contextmanager
    def _changer(self, current: Value, previous: Value | None) -> Iterator[Any]:
        """Whoever changes the password: the superuser where one is named, else the user itself."""
        superuser = superuser_of(current, self._tools)
        if superuser is not None:
            with opened(superuser) as client:
                yield client
            return
        value = current if previous is None or not _same_user(previous, current) or _opens(current) else previous
        with opened(value) as client:
            yield client


@contextmanager
def opened(value: Value) -> Iterator[Any]:
    """A login. Raises BadSecret, Unreachable, Refused."""
    user, host, port = text_of(value, "username"), text_of(value, "host"), port_of(value, 6379)
    encrypted = {
        "ssl": True,
        "ssl_ca_certs": tls.bundle(value),
        "ssl_check_hostname": True,
        "ssl_cert_reqs": "required",
    }
    client = redis.Redis(
        host=host,
        port=port,
        username=user,
        password=text_of(value, "password"),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=_TALK_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        single_connection_client=False,
        **(encrypted if tls.wanted(value) else {}),
    )
    with client:
        try:
            client.ping()
        except redis.exceptions.NoPermissionError:
            pass  # it is let in, and may do less than that
        except redis.exceptions.AuthenticationError as error:
            raise Refused(user, error) from None
        except redis.exceptions.ConnectionError as error:
            raise Unreachable(f"{host}:{port}", error) from None
        except redis.exceptions.TimeoutError as error:
            raise Unreachable(f"{host}:{port}", error) from None
        except redis.exceptions.ResponseError as error:
            raise Refused(user, error) from None
        yield client


def _opens(value: Value) -> bool:
    try:
        with opened(value):
            return True
    except Refused:
        return False


def _same_user(one: Value, other: Value) -> bool:
    return all(str(one.get(name)) == str(other.get(name)) for name in ("host", "port", "username"))


def _digest(value: Value) -> str:
    return hashlib.sha256(text_of(value, "password").encode()).hexdigest()


def _set(client: Any, user: str, rule: str) -> None:
    try:
        client.execute_command("ACL", "SETUSER", user, rule)
    except redis.RedisError as error:
        raise CannotChange(f"change the passwords of {user}", error) from None


def _forget(client: Any, old: Value | None, *, but: tuple[Value, ...]) -> None:
    """Take a password away that this very user had; a version of something else is left alone."""
    if old is None or not isinstance(old.get("password"), str):
        return
    if any(not _same_user(old, one) or _digest(old) == _digest(one) for one in but):
        return
    try:
        client.execute_command("ACL", "SETUSER", text_of(old, "username"), f"!{_digest(old)}")
    except redis.ResponseError as error:
        if "does not exist" not in str(error):
            raise CannotChange("take the old password away", error) from None


def _keep(client: Any) -> None:
    """Have Redis write its users down, as it is set up to; else a restart forgets them, which the log then says."""
    words = []
    for command in (("ACL", "SAVE"), ("CONFIG", "REWRITE")):
        try:
            client.execute_command(*command)
        except redis.RedisError as error:
            words.append(f"{' '.join(command)}: {said(error)}")
        else:
            return
    print(f"WARNING: Redis has the change in memory alone ({'; '.join(words)})")  # noqa: T201  it is the function's log
