"""One process's engine room, and what it is opened with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from strongroom.base.classes import dataclass
from strongroom.base.clock import to_ms
from strongroom.base.entropy import Entropy
from strongroom.kernel import asking, roots
from strongroom.kernel.chain import Chain
from strongroom.kernel.feed import rows as feed
from strongroom.kernel.metrics.alarms import Alarm
from strongroom.kernel.metrics.usage import Use
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.registry import Registry
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import WriteQueue
from strongroom.server import alerts
from strongroom.server.parts import StartRefused
from strongroom.server.sinks import Alerts
from strongroom.server.traces import Jobs, Traces
from strongroom.services import local, metrics

DEV_CLOCK = "dev_clock"
ACCOUNT = "default_account"
_NO_OFFSET = timedelta()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store itself says, once and for all, about the deployment."""

    account: str
    dev_clock: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """One process's engine room."""

    store: Store
    roots: roots.Roots
    registry: Registry
    queue: WriteQueue
    recorder: Recorder
    chain: Chain
    offset: Callable[[Transaction], timedelta]
    nodes: asking.Nodes
    rules: Alerts
    account: str
    traces: Traces | None = None

    def catch_up(self) -> None:
        """Know the root keys as they stand now."""
        with self.store.read() as tx:
            self.roots.catch_up(tx)

    def keep_usage(
        self, tx: Transaction, counted: Mapping[Use, int], alarms: Sequence[Alarm], denials: Mapping[str, int]
    ) -> None:
        """Add what a process counted to the store's sums, and tell what the operator wants to be told of."""
        now = self.chain.clock() + self.offset(tx)
        readers = metrics.keep(tx, counted, now)
        sums = metrics.add_denials(tx, denials, now)
        if not self.rules.any:
            return
        clock, entropy = self.chain.clock, self.chain.entropy
        told = alerts.met(self.rules, alarms=alarms, readers=readers, denials=sums, clock=clock, entropy=entropy)
        if told:
            feed.add_told(tx, told, to_ms(clock()))

    def count_job(self, kind: str, done: bool) -> None:
        """Count one job that was run."""
        if self.recorder.tally is not None:
            self.recorder.tally.job(kind, done=done)
        Jobs.ended(done=done)

    def close(self) -> None:
        """Drain and give back."""
        if self.traces is not None:
            self.traces.close()
        self.queue.close()
        self.recorder.journal.close()
        self.store.close()


def opened_roots(tx: Transaction, root_key: bytes, entropy: Entropy | None = None) -> roots.Opened:
    """The root keys of the store. Raises StartRefused where the one that is given is not among them."""
    try:
        return roots.opened(tx, root_key, entropy)
    except roots.WrongRoot as wrong:
        raise StartRefused(str(wrong)) from None


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """A store that cannot be had is the operator's business: one sentence, no trace."""
    try:
        yield
    except StoreError as error:
        raise StartRefused(str(error)) from None


def stored_offset(tx: Transaction) -> timedelta:
    """How far the product's clock is ahead of the machine's, as the store says."""
    return local.clock_offset(tx)


def no_offset(tx: Transaction) -> timedelta:  # noqa: ARG001
    """The same where nobody can move the product's clock."""
    return _NO_OFFSET
