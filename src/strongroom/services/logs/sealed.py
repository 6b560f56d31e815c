"""Messages: sealed a batch at a time under the root key, bound to the stream they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from strongroom.kernel.sealing.keyring import Keyring
from strongroom.services.logs.store import Batch

PURPOSE = "log-events"


def seal_events(keyring: Keyring, events: Sequence[tuple[int, str]], stream_pk: int) -> bytes:
    """Moments and messages as one sealed thing."""
    return keyring.seal(PURPOSE, orjson.dumps(list(events)), str(stream_pk).encode())


def open_events(keyring: Keyring, one: Batch) -> list[tuple[int, str]]:
    """The same again. Raises SealBroken."""
    opened = orjson.loads(keyring.open(PURPOSE, one.sealed, str(one.stream_pk).encode()))
    return [(when, message) for when, message in opened]
