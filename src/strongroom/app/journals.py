"""The threads that index, sign, keep and copy this node's journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from strongroom.app.opened import Opened
from strongroom.kernel.recorder import seen_among
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from strongroom.kernel.trail import heads, pieces, signer
from strongroom.kernel.trail.follow import Follower, Segment
from strongroom.kernel.trail.index import Index
from strongroom.kernel.trail.indexing import Indexing
from strongroom.kernel.trail.keeping import Keeper, Policy
from strongroom.kernel.trail.rounds import Rounds
from strongroom.kernel.trail.signer import Signer
from strongroom.server.directory import write_private

if TYPE_CHECKING:
    from strongroom.app.product import Product

_COMMIT_SECONDS = 60.0
_KEEP_EVERY_SECONDS = 5.0


def following(product: Product, store: Store) -> Callable[[Index], Follower]:
    """How an index of this node is kept up with what all nodes recorded."""
    node = product.node()

    def elsewhere() -> Sequence[Segment]:
        return pieces.elsewhere(store, node) if product.shares_a_store else ()

    return lambda index: Follower(
        product.journal_directory(), index, lambda ids: seen_among(store, ids), product.clock, elsewhere
    )


def indexing(product: Product, opened: Opened) -> Indexing:
    """The thread that keeps this node's index up, begun."""
    return Indexing(product.index_directory(), following(product, opened.store))


def rounds(product: Product, opened: Opened, head_sinks: Sequence[signer.Sink] = ()) -> tuple[Rounds, ...]:
    """The threads that sign this node's journal, keep it, and copy it to a store that nodes share; begun.

    ``head_sinks`` take each head that is signed.
    """
    write = partial(_written, opened.queue)
    with opened.store.read() as tx:
        key = signer.signing_key(tx, opened.roots.keyring)
    if key is None:
        with opened.store.write() as tx:
            key = signer.signing_key(tx, opened.roots.keyring)
    if key is None:
        raise RuntimeError("no key that signs heads could be made")
    heads_directory = product.settings.data / "heads"
    made = Signer(
        product.journal_directory(),
        heads_directory,
        node=product.node(),
        key=key,
        store=opened.store,
        write=write,
        clock=product.clock,
        sinks=head_sinks,
    )
    public = key.public_der()
    write_private(heads_directory / f"key-{heads.key_id(public)}.pem", heads.key_pem(public).encode())
    quick: dict[str, Callable[[], object]] = {"signing": made.step}
    more: dict[str, Any] = {}
    if product.shares_a_store:
        copier = pieces.Copier(product.journal_directory(), product.node(), opened.store, write)
        quick["copying"] = copier.step
        more["forget"] = copier.forget
    keeper = Keeper(
        product.journal_directory(),
        heads_directory,
        signer=made,
        policy=Policy(product.settings.journal_days, product.settings.journal_max_mb * 1024 * 1024),
        clock=product.clock,
        **more,
    )
    # Packing takes seconds, and signing shall not wait for it.
    slow = {"keeping": keeper.step, "reserving": product.space().reserve}
    return Rounds(quick), Rounds(slow, every_seconds=_KEEP_EVERY_SECONDS)


def _written(queue: WriteQueue, change: Callable[[Transaction], None]) -> None:
    """One change that no call makes, through the write queue; returns when it is committed, raises what it raised."""
    done = threading.Event()
    got: list[Outcome | BaseException] = []

    def run(tx: Transaction) -> Outcome:
        change(tx)
        return Outcome(keep=True, records=(), value=None)

    def finished(outcome: Outcome | BaseException) -> None:
        got.append(outcome)
        done.set()

    queue.submit(run, finished)
    if not done.wait(_COMMIT_SECONDS):
        raise TimeoutError("a change of the trail was not committed in time")
    if isinstance(got[0], BaseException):
        raise got[0]
