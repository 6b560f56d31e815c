"""Code, environments and queued payloads: sealed under the root key, bound to the function they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.kernel.sealing.keyring import Keyring

CODE = "function-code"
ENVIRONMENT = "function-environment"
EVENT = "function-event"


def seal_code(keyring: Keyring, packed: bytes, sha256: str) -> bytes:
    """A zip, bound to its fingerprint: what is run is what was uploaded."""
    return keyring.seal(CODE, packed, sha256.encode())


def open_code(keyring: Keyring, sealed: bytes, sha256: str) -> bytes:
    """The zip again. Raises SealBroken."""
    return keyring.open(CODE, sealed, sha256.encode())


def seal_environment(keyring: Keyring, variables: Mapping[str, str], arn: str) -> bytes:
    """Environment variables, bound to the function's ARN."""
    return keyring.seal(ENVIRONMENT, orjson.dumps(dict(variables)), arn.encode())


def open_environment(keyring: Keyring, sealed: bytes | None, arn: str) -> dict[str, str]:
    """The variables again; none where none were given."""
    return {} if sealed is None else dict(orjson.loads(keyring.open(ENVIRONMENT, sealed, arn.encode())))


def seal_event(keyring: Keyring, event: Mapping[str, Any], event_id: str) -> bytes:
    """What waits to be given to a function, bound to its id."""
    return keyring.seal(EVENT, orjson.dumps(dict(event)), event_id.encode())


def open_event(keyring: Keyring, sealed: bytes, event_id: str) -> dict[str, Any]:
    """The same again."""
    return dict(orjson.loads(keyring.open(EVENT, sealed, event_id.encode())))
