"""The root key as an operator's commands see it: replaced, named, held."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from strongroom.app.administrators import tell
from strongroom.app.opened import opened_roots, told_plainly
from strongroom.kernel import rewrap, roots
from strongroom.kernel.jobs import due
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.port import Store
from strongroom.services import local

if TYPE_CHECKING:
    from strongroom.app.product import Product


def rotate(product: Product, root_key: bytes) -> bytes:
    """Begin to replace the root key, or join what is under way; the root key that seals from now on."""
    with _recorded(product, "seal") as (store, recorder), store.write() as tx:
        waiting = roots.under_way(roots.stored(tx))
        opened = opened_roots(tx, root_key, product.entropy)
        if not waiting:
            opened = roots.begin(tx, root_key, product.entropy, product.clock())
            now = product.clock() + local.clock_offset(tx)
            due.schedule(tx, kind=rewrap.KIND, key=str(opened.number), due=now)
            tell(product, tx, recorder, "RotateRootKey", product.facts(tx).account, {"root": opened.number})
        return opened.newest


def newest_root(product: Product, root_key: bytes) -> tuple[bytes, ...]:
    """The root key that seals now, and the older one where that is being replaced."""
    with told_plainly():
        store = open_store(product.settings.store_url)
        try:
            with store.read() as tx:
                opened = opened_roots(tx, root_key, product.entropy)
                both = roots.under_way(roots.stored(tx))
                older = [opened.previous] if both and opened.previous is not None else []
                return (opened.newest, *older)
        finally:
            store.close()


def hold(product: Product, root_key: bytes) -> None:
    """Note that this node's seal gives this root key, and that nothing outside the store needs an older one."""
    with told_plainly():
        store = open_store(product.settings.store_url)
        try:
            with store.write() as tx:
                roots.hold(tx, product.node(), opened_roots(tx, root_key, product.entropy).given, product.clock())
        finally:
            store.close()


@contextlib.contextmanager
def _recorded(product: Product, process: str) -> Iterator[tuple[Store, Recorder]]:
    with told_plainly():
        store = open_store(product.settings.store_url)
        try:
            journal = product.journal(process)
            try:
                yield store, Recorder(journal, store, product.clock)
            finally:
                journal.close()
        finally:
            store.close()
