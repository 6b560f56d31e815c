"""What a rotation keeps under the root key itself: its RotationToken, and what functions told of failures.

Values are not here: each lies under a data key of its own (``envelopes``).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.kernel.rewrap import sealed_rows
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.services.secretsmanager.store.tables import attempt, rotation

TOKEN, TOLD = "rotation-token", "rotation-attempt"


def seal_token(keyring: Keyring, token: str, version_id: str) -> bytes:
    """A RotationToken, bound to the version that its rotation makes."""
    return keyring.seal(TOKEN, token.encode(), version_id.encode())


def open_token(keyring: Keyring, sealed: bytes, version_id: str) -> str:
    """The same again. Raises SealBroken."""
    return keyring.open(TOKEN, sealed, version_id.encode()).decode()


def is_token(keyring: Keyring, sealed: bytes, version_id: str, given: str) -> bool:
    """Whether somebody gave a rotation's own token, in time that does not depend on where it differs."""
    return hmac.compare_digest(open_token(keyring, sealed, version_id).encode(), given.encode())


def seal_told(keyring: Keyring, told: Mapping[str, str], rotation_pk: int) -> bytes:
    """The texts of one attempt, bound to its rotation."""
    return keyring.seal(TOLD, orjson.dumps(dict(told)), str(rotation_pk).encode())


def open_told(keyring: Keyring, sealed: bytes, rotation_pk: int) -> dict[str, Any]:
    """The same again. Raises SealBroken."""
    told: dict[str, Any] = orjson.loads(keyring.open(TOLD, sealed, str(rotation_pk).encode()))
    return told


SEALED = (
    sealed_rows(TOKEN, rotation.c.token, rotation.c.pk, -1, str.encode, told=rotation.c.version_id),
    sealed_rows(
        TOLD, attempt.c.told, attempt.c.pk, -1, lambda pk: str(pk).encode(), told=attempt.c.rotation_pk, at_once=50
    ),
)
"""Everything of the room that lies under the root key."""
