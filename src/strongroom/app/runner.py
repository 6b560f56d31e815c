"""The runner of the product."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strongroom.app import journals
from strongroom.kernel import roots
from strongroom.kernel.jobloop import JobLoop
from strongroom.kernel.unasked import Unasked
from strongroom.server import alerts
from strongroom.server.functions.house import AtHome, House, invocations
from strongroom.server.headsinks import HeadSinks
from strongroom.server.sinks import read_sinks
from strongroom.server.traces import Jobs, TracedMachine
from strongroom.server.webhooks import Couriers, Ledger
from strongroom.services import local
from strongroom.services.functions import queued
from strongroom.services.functions.execution import Execution
from strongroom.services.metrics import jobs as hours
from strongroom.services.secretsmanager.rotation import RUN
from strongroom.services.secretsmanager.running import Rotator

if TYPE_CHECKING:
    from strongroom.app.product import Product

_ERRANDS_SECONDS = 50.0
"""How long whoever wants all due jobs done waits for those that wait for functions."""


class Runner:
    """The runner (server.parts.RunnerParts)."""

    def __init__(self, product: Product, root_key: bytes) -> None:
        self._product = product
        self._opened = opened = product.open_engine(root_key, "runner")
        watched = {} if opened.traces is None else {"watch": Jobs(opened.traces.tell, opened.chain.new_id).watch}
        self._loop = JobLoop(
            registry=self._opened.registry,
            store=self._opened.store,
            queue=self._opened.queue,
            keyring=self._opened.roots.keyring,
            entropy=product.entropy,
            clock=product.clock,
            offset=self._opened.offset,
            owner=f"node:{product.node()}",
            catch_up=self._opened.roots.catch_up,
            count=self._opened.count_job,
            **watched,
        )
        self._node = product.node()
        settings = product.settings
        self.house = House(
            settings.data,
            isolation=settings.function_isolation,
            pythons=settings.function_pythons,
            most=settings.function_processes,
            processors=settings.function_processors,
            idle_seconds=settings.function_idle,
            authorities=product.authorities,
        )
        unasked = Unasked(opened.chain, opened.queue, opened.recorder)
        machine = self.house if opened.traces is None else TracedMachine(self.house)
        self.execution = Execution(unasked, machine, product.surroundings)
        opened.registry.add_errand(queued.JOB, self.execution.deliver)
        opened.registry.add_errand(hours.HOUR, hours.hourly(opened.store.read, opened.registry.census))
        sinks = read_sinks(settings.events_path)
        ledger = Ledger(opened.store, opened.queue)
        self.couriers = Couriers(sinks.webhooks, ledger, product.clock, self._node)
        self.watch = alerts.Watch(sinks.alerts, ledger, product.clock, self._node)
        opened.registry.functions = AtHome(self.house, self.execution.invoke, scratch_mb=settings.function_scratch_mb)
        rotator = Rotator(unasked, closing=lambda: self.house.closing, session_of=self.execution.session_of)
        at_once = min(settings.rotations_at_once, settings.function_processes)
        opened.registry.add_errand(RUN, rotator.run, at_once=at_once, lane_at_once=max(1, at_once // 2))
        self.house.open_desk(invocations(self.execution.invoke))
        self._indexing = journals.indexing(product, opened)
        self._heads = HeadSinks(sinks.heads, sinks.webhooks, product.clock)
        self._rounds = journals.rounds(product, opened, (self._heads.take,))

    def run(self, stop: threading.Event) -> None:
        """Do due jobs, and answer what other nodes ask, until told to stop."""
        answering = threading.Thread(target=self._opened.nodes.run, args=(stop, self._answer), name="answering")
        answering.start()
        self._loop.run(stop)
        answering.join()

    def _answer(self, subject: Mapping[str, Any]) -> Any:
        return local.told_of(subject, self._product.lookup)

    def catch_up(self) -> None:
        """Know the root keys as they stand now."""
        self._opened.catch_up()

    def is_behind(self) -> bool:
        """Whether this node's seal still gives an older root key than the one that seals now."""
        with self._opened.store.read() as tx:
            return roots.is_behind(tx, self._node)

    def run_due_now(self) -> int:
        """Do all that is due now."""
        done = 0
        while more := self._loop.run_due():
            done += more
            self._loop.settle(_ERRANDS_SECONDS)
        return done

    def close(self) -> None:
        """Give back everything; functions end first."""
        self.watch.close()
        self.couriers.close()
        self.house.close()
        self._loop.close()
        self._indexing.close()
        for rounds in self._rounds:
            rounds.close()
        self._heads.close()
        self._opened.close()
