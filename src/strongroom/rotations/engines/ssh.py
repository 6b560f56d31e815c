"""SSH keys of an account, by paramiko: the new key is added beside the current one in ``authorized_keys``.

The secret holds ``private_key`` (OpenSSH), ``public_key``, and ``host_key``: the server's own key, without which
anybody could pose as it. Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.rotations.contract import Attempt, Finding, Plan, Tools, Value
from strongroom.rotations.errors import BadSecret, CannotChange, Refused, RotationError, Unreachable
from strongroom.rotations.secret import port_of, text_of
from strongroom.rotations.strategies import keeps_previous

CONNECT_SECONDS = 5
_FILE = ".ssh/authorized_keys"
_NEW = ".ssh/authorized_keys.strongroom"
_MOST_BYTES = 1 << 20
_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


def plan(tools: Tools) -> Plan:
    """The plan of an SSH key."""
    return SSHKey(tools)


class SSHKey:
    """One account's key."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """A new Ed25519 key pair."""
        made = Ed25519PrivateKey.generate()
        form = serialization.PrivateFormat.OpenSSH
        private = made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        public = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return {**current, "private_key": private.decode(), "public_key": public.decode()}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Add the new key where the current one stands, and drop the one before it."""
        if any(pending.get(name) != current.get(name) for name in ("host", "port", "username", "host_key")):
            raise RotationError("the pending value is for another host or user than the current one")
        if _opens(pending):
            return
        login = current
        if previous is not None and _blobs(previous) and not _opens(current):
            login = previous
        with opened(login) as client:
            drop = _blobs(previous) - {_blob(pending), _blob(current)}
            _rewrite(client, add=_public(pending), beside=_blob(login), drop=drop)

    def test(self, value: Value) -> None:
        """Log in."""
        with opened(value):
            pass

    def retire(self, current: Value, previous: Value | None) -> None:
        """Drop the previous key, where two shall not be valid."""
        drop = _blobs(previous) - {_blob(current)}
        if not drop or keeps_previous(self._tools):
            return
        with opened(current) as client:
            _rewrite(client, add=_public(current), beside=_blob(current), drop=drop)

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """Log in, find the key's line, and see that the file can be written."""
        user = text_of(current, "username")
        with opened(current) as client:
            found = [Finding("login", f"{user} is let in, the server's key is the one in the secret")]
            try:
                with client.open_sftp() as files:
                    lines = _lines(files)
                    with files.open(_FILE, "r+"):
                        pass
            except (OSError, paramiko.SSHException) as error:
                mend = f"let {user} use SFTP and write {_FILE}"
                return [*found, Finding("right to change", str(CannotChange(f"write {_FILE}", error)), mend)]
        if not any(_blob(current) in line.split() for line in lines):
            mend = f"put the secret's public_key into {_FILE}: a key from elsewhere cannot be replaced there"
            return [*found, Finding("right to change", f"{_FILE} has no line with the current key", mend)]
        return [*found, Finding("right to change", f"{_FILE} can be written")]


@contextmanager
def opened(value: Value) -> Iterator[Any]:
    """A login. Raises BadSecret, Unreachable, Refused."""
    user, host, port = text_of(value, "username"), text_of(value, "host"), port_of(value, 22)
    client = paramiko.SSHClient()
    kind, key = _host_key(value)
    client.get_host_keys().add(host if port == 22 else f"[{host}]:{port}", kind, key)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            host,
            port,
            user,
            pkey=_private(value),
            look_for_keys=False,
            allow_agent=False,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
        )
    except paramiko.AuthenticationException as error:
        client.close()
        raise Refused(user, error) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        client.close()
        raise Unreachable(f"{host}:{port}", error) from None
    with client:
        yield client


def _opens(value: Value) -> bool:
    try:
        with opened(value):
            return True
    except Refused:
        return False


def _host_key(value: Value) -> tuple[str, Any]:
    parts = text_of(value, "host_key").split()
    try:
        return parts[0], paramiko.PKey.from_type_string(parts[0], base64.b64decode(parts[1], validate=True))
    except (IndexError, binascii.Error, paramiko.SSHException, ValueError) as error:
        raise BadSecret(f"host_key is not like 'ssh-ed25519 AAAA...': {type(error).__name__}") from None


def _private(value: Value) -> Any:
    text = text_of(value, "private_key")
    for kind in _KINDS:
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError):
            continue
    raise BadSecret("private_key is no Ed25519, ECDSA or RSA key without a passphrase")


def _public(value: Value) -> str:
    """Kind and key as they stand in authorized_keys, from the private key: what is proven is what is added."""
    key = _private(value)
    return f"{key.get_name()} {key.get_base64()}"


def _blob(value: Value) -> str:
    return _public(value).split()[1]


def _blobs(previous: Value | None) -> set[str]:
    """The key of the previous value, if it has one: whatever was stored by hand may have been no key."""
    if previous is None or not isinstance(previous.get("private_key"), str):
        return set()
    with suppress(BadSecret):
        return {_blob(previous)}
    return set()


def _lines(files: Any) -> list[str]:
    with files.open(_FILE, "r") as file:
        text: bytes = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise CannotChange(f"read {_FILE}", "it is larger than 1 MiB")
    return text.decode().splitlines()


def _rewrite(client: Any, *, add: str, beside: str, drop: set[str]) -> None:
    """Write the file anew and put it in place in one step: whoever reads it sees the old one or the new one.

    The new line has the options of the line with the key ``beside``, such as ``from=``.
    """
    try:
        with client.open_sftp() as files:
            lines = _lines(files)
            mode = files.stat(_FILE).st_mode
            kept = [line for line in lines if not drop & set(line.split())]
            if not any(add.split()[1] in line.split() for line in kept):
                kept.append(_like(next((line for line in lines if beside in line.split()), ""), add, beside))
            if kept == lines:
                return
            with files.open(_NEW, "w") as file:
                files.chmod(_NEW, (mode or 0o600) & 0o777)
                file.write(("\n".join(kept) + "\n").encode())
            files.posix_rename(_NEW, _FILE)
    except (OSError, paramiko.SSHException, UnicodeDecodeError) as error:
        raise CannotChange(f"rewrite {_FILE}", error) from None


def _like(line: str, add: str, beside: str) -> str:
    """The line with another key in it."""
    before, _, after = line.partition(beside)
    options = before.rstrip().rpartition(" ")[0]
    return " ".join(part for part in (options, add, after.strip()) if part)
