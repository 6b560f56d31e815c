"""From an empty or an older store to one that processes can be opened on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert

from strongroom.app.administrators import administrator
from strongroom.app.opened import ACCOUNT, DEV_CLOCK, opened_roots, told_plainly
from strongroom.kernel import rewrap, roots
from strongroom.kernel.jobs import due
from strongroom.kernel.journal import settle
from strongroom.kernel.journal.files import settled_through
from strongroom.kernel.recorder import Recorder, committed_among, forget_ended
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.tokenkeys import has_token_keys, rotate
from strongroom.kernel.storage.migrations import migrate, version
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.server.functions.house import NO_ISOLATION
from strongroom.server.functions.sandbox import Bubblewrap, Unconfined
from strongroom.server.parts import Prepared, StartRefused
from strongroom.services import local, sts
from strongroom.services.metrics import jobs as hours

if TYPE_CHECKING:
    from strongroom.app.product import Product

PREPARER = "prepare"
_PUT = Statement(lambda: insert(setting).values(name=bindparam("name"), value=bindparam("value")))


def initialised(product: Product) -> bool:
    """Whether the store belongs to a root key already. Changes nothing."""
    with told_plainly():
        if version(product.settings.store_url) is None:
            return False
        store = open_store(product.settings.store_url)
        try:
            with store.read() as tx:
                return bool(roots.stored(tx))
        finally:
            store.close()


def prepare(product: Product, root_key: bytes | None) -> Prepared:
    """Bring the store up to date, test the root key, settle the journal, make the first administrator."""
    with told_plainly():
        notes = [*migrate(product.settings.store_url), *_about_functions(product), *filter(None, [product.traced.note])]
        store = open_store(product.settings.store_url)
        try:
            return _prepare(product, store, root_key, notes)
        finally:
            store.close()


def _prepare(product: Product, store: Store, root_key: bytes | None, notes: Sequence[str]) -> Prepared:
    if root_key is None:
        with store.read() as tx:
            if not roots.stored(tx):
                raise StartRefused("This store is new and has no root key yet: give the passphrase to begin with.")
        return Prepared(fresh=False, administrator=False, notes=tuple(notes))
    journal = product.journal(PREPARER)
    recorder = Recorder(journal, store, product.clock)
    try:
        with store.write() as tx:
            fresh = not roots.stored(tx)
            if fresh:
                roots.first(tx, root_key, product.entropy, product.clock())
            opened = opened_roots(tx, root_key, product.entropy)
            if opened.given < opened.number or not roots.under_way(roots.stored(tx)):
                # Where the seal gives the newer root already, the node says so when its files follow: ``hold``.
                roots.hold(tx, product.node(), opened.given, product.clock())
            if roots.under_way(roots.stored(tx)):
                # Whoever did this before us may hold its lease for a minute more; a lease lost is work done again.
                now = product.clock() + local.clock_offset(tx)
                due.schedule(tx, kind=rewrap.KIND, key=str(opened.number), due=now)
            if fresh:
                _first_start(product, tx, opened.keyring, recorder)
            elif product.settings.dev_clock and not product.facts(tx).dev_clock:
                raise StartRefused("--dev-clock works only on a data directory that was made with it.")
            if not has_token_keys(tx):
                now = product.clock() + local.clock_offset(tx)
                rotate(tx, opened.keyring, product.entropy, now)
                sts.plan_rotation(tx, now)
            hours.plan(tx, product.clock() + local.clock_offset(tx))
        settle.settle(journal, product.journal_directory(), lambda ids: committed_among(store, ids))
        _forget(product, store)
    finally:
        journal.close()
    return Prepared(fresh=fresh, administrator=fresh, notes=tuple(notes))


def _first_start(product: Product, tx: Transaction, keyring: Keyring, recorder: Recorder) -> None:
    tx.run(_PUT, name=DEV_CLOCK, value="1" if product.settings.dev_clock else "0")
    tx.run(_PUT, name=ACCOUNT, value=product.settings.account)
    administrator(product, tx, product.settings.account, keyring, recorder, "CreateFirstAdministrator")


def _forget(product: Product, store: Store) -> None:
    through = settled_through(product.journal_directory())
    if through:
        with store.write() as tx:
            forget_ended(tx, product.node(), through)


def _about_functions(product: Product) -> list[str]:
    """What every start must say of functions; nothing where they are isolated."""
    if product.settings.function_isolation == NO_ISOLATION:
        return [f"WARNING: {Unconfined.warning}"]
    problem = Bubblewrap.problem()
    return [f"Functions are refused: {problem}."] if problem else []
