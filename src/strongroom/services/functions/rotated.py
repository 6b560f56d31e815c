"""Code, environments and queued payloads as they lie under the root key, for its rotation.

Code is large: one zip in a transaction, so that nobody waits for another's.
"""

from __future__ import annotations

from sqlalchemy import func, literal, select

from strongroom.base.names import PARTITION
from strongroom.kernel.rewrap import sealed_rows
from strongroom.services.functions import sealed
from strongroom.services.functions.store.tables import code, event, function, layer, version

_OF_VERSION = select(func.min(version.c.code_sha256)).where(version.c.code_pk == code.c.pk).scalar_subquery()
_OF_LAYER = select(func.min(layer.c.code_sha256)).where(layer.c.code_pk == code.c.pk).scalar_subquery()
_ARN = (
    select(
        literal(f"arn:{PARTITION}:lambda:")
        .concat(function.c.region)
        .concat(":")
        .concat(function.c.account)
        .concat(":function:")
        .concat(function.c.name)
    )
    .where(function.c.pk == version.c.function_pk)
    .scalar_subquery()
)

SEALED = (
    sealed_rows(
        sealed.CODE, code.c.sealed, code.c.pk, -1, str.encode, told=func.coalesce(_OF_VERSION, _OF_LAYER, ""), at_once=1
    ),
    sealed_rows(sealed.ENVIRONMENT, version.c.environment, version.c.pk, -1, str.encode, told=_ARN),
    sealed_rows(sealed.EVENT, event.c.sealed, event.c.id, "", str.encode, at_once=20),
)
"""Everything of the room that lies under the root key."""
