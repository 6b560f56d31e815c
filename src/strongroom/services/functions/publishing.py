"""Publishing: a copy of $LATEST that changes no more, under the next number."""

from __future__ import annotations

import orjson

from strongroom.base.clock import to_ms
from strongroom.base.entropy import uuid4
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Function, Version


def publish(call: Call, tx: Transaction, function: Function, *, description: str | None) -> Version:
    """Publish $LATEST; the version as it is now. Where nothing changed since the last one, that one.

    Source: API reference, PublishVersion: no version is published where code and configuration have not changed.
    """
    latest = store.version_at(tx, function.pk, 0)
    if latest is None:
        raise LookupError("a function without $LATEST")
    settings = latest.settings | ({} if description is None else {"Description": description})
    config = orjson.dumps(settings).decode()
    last = store.version_at(tx, function.pk, function.last_version) if function.last_version else None
    if last is not None and (last.config, last.code_pk, last.environment) == (
        config,
        latest.code_pk,
        latest.environment,
    ):
        return last
    number = function.last_version + 1
    values = {
        "revision": uuid4(call.kernel.entropy),
        "changed_ms": to_ms(call.now),
        "config": config,
        "environment": latest.environment,
        "code_pk": latest.code_pk,
        "code_sha256": latest.code_sha256,
        "code_size": latest.code_size,
    }
    store.add_version(tx, function.pk, number, values)
    store.count_up(tx, function.pk, number)
    made = store.version_at(tx, function.pk, number)
    if made is None:
        raise LookupError("a version just made is not there")
    return made
