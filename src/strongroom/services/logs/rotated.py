"""Messages as they lie under the root key, for its rotation."""

from __future__ import annotations

from strongroom.kernel.rewrap import sealed_rows
from strongroom.services.logs.sealed import PURPOSE
from strongroom.services.logs.store import batch

SEALED = sealed_rows(
    PURPOSE,
    batch.c.sealed,
    batch.c.pk,
    -1,
    lambda stream_pk: str(stream_pk).encode(),
    told=batch.c.stream_pk,
    at_once=5,
)
"""A batch of messages is up to a megabyte: a few in one transaction."""
