"""The product of one set of settings: what it is made of, and how each of its processes is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from strongroom import __version__, console
from strongroom.app import operator, rootkeys, start
from strongroom.app.opened import ACCOUNT, DEV_CLOCK, Facts, Opened, no_offset, opened_roots, stored_offset
from strongroom.base.clock import Clock, machine_clock
from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel import asking, rewrap, roots
from strongroom.kernel.chain import Chain
from strongroom.kernel.journal.lookup import lines_of_request
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.metrics.tally import Tally
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.overlay import overlay_of
from strongroom.kernel.model.regions import aws_regions
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.registry import Registry
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import Seal, parse_seal
from strongroom.kernel.storage.open import import_engine, open_store, sqlite_path
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.kernel.storage.writequeue import Answers, WriteQueue
from strongroom.kernel.traced import TracedChain
from strongroom.kernel.trail import pieces
from strongroom.kernel.trail.lookup import Trail
from strongroom.kernel.trail.places import Piece
from strongroom.kernel.wire import Router
from strongroom.server.directory import DataDirectory, read_endpoint, write_private
from strongroom.server.functions.house import Neighbour
from strongroom.server.gauges import Gauges
from strongroom.server.parts import Prepared, StartRefused
from strongroom.server.scraping import check_token_file
from strongroom.server.sinks import read_sinks
from strongroom.server.space import Bounds, Space
from strongroom.server.traces import Sender, Traces, wish
from strongroom.services import functions, iam, kms, local, logs, metrics, secretsmanager, sts, trail
from strongroom.services.functions import queued
from strongroom.services.metrics import jobs as hours
from strongroom.settings import Settings

if TYPE_CHECKING:
    from strongroom.app.runner import Runner
    from strongroom.app.worker import Worker
    from strongroom.server.asgi import Scrape

NODE_FILE = "node"
_READ = Statement(lambda: select(setting.c.value).where(setting.c.name == bindparam("name")))


class Product:
    """The product of one set of settings (server.parts.Parts). Holds nothing open between its calls."""

    def __init__(self, settings: Settings, *, clock: Clock = machine_clock, entropy: Entropy | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.entropy = entropy or SystemEntropy()
        self.catalogue = CATALOGUE
        self.rules = read_sinks(settings.events_path).alerts
        self.traced = wish(os.environ)
        self._described: tuple[object, str] | None = None
        # Asked at once, so that a seal that cannot be is told before anything is opened.
        try:
            parse_seal(settings.seal, settings.data, settings.seal_command)
        except SealFailure as failure:
            raise StartRefused(str(failure)) from None

    @property
    def seal(self) -> Seal:
        """The seal as it is now: `strongroom seal change` may have changed it since the start."""
        settings = self.settings
        named = "" if current.read(settings.data) is not None else settings.seal
        return parse_seal(named, settings.data, settings.seal_command)

    def described(self) -> str:
        """What the seal protects against; worked out once for as long as it stands."""
        mark, kept = current.mark(self.settings.data), self._described
        if kept is None or kept[0] != mark:
            kept = self._described = (mark, self.seal.describe())
        return kept[1]

    # ------------------------------------------------------------------ start

    def initialised(self) -> bool:
        """Whether the store belongs to a root key already. Changes nothing."""
        return start.initialised(self)

    def prepare(self, root_key: bytes | None) -> Prepared:
        """Bring the store up to date, test the root key, settle the journal, make the first administrator."""
        return start.prepare(self, root_key)

    # ------------------------------------------------------------------ root keys

    def rotate(self, root_key: bytes) -> bytes:
        """Begin to replace the root key, or join what is under way; the root key that seals from now on."""
        return rootkeys.rotate(self, root_key)

    def newest_root(self, root_key: bytes) -> tuple[bytes, ...]:
        """The root key that seals now, and the older one where that is being replaced."""
        return rootkeys.newest_root(self, root_key)

    def hold(self, root_key: bytes) -> None:
        """Note that this node's seal gives this root key, and that nothing outside the store needs an older one."""
        rootkeys.hold(self, root_key)

    # ------------------------------------------------------------------ processes

    def preload(self) -> None:
        """Import what workers and the runner are made of, and work out what is the same for all of them."""
        for module in ("runner", "worker"):
            import_module(f"strongroom.app.{module}")
        if self.settings.tls != "off":
            import_module("strongroom.kernel.crypto.certificates")
        for service in self.offered:
            overlay_of(service)
        self.router  # noqa: B018  made now
        import_engine(self.settings.store_url)

    @cached_property
    def offered(self) -> Collection[str]:
        """The services that rooms answer for, told without any store."""
        return self.registry(Facts("", dev_clock=False), Keyring(bytes(32))).rooms

    @cached_property
    def router(self) -> Router:
        """The routes of all of them."""
        return Router(self.catalogue, self.offered)

    def open_worker(self, root_key: bytes | None, slot: int) -> Worker:
        """One API worker's parts."""
        from strongroom.app.worker import Worker  # noqa: PLC0415  imported by preload

        return Worker(self, root_key, slot)

    def open_runner(self, root_key: bytes) -> Runner:
        """The runner's parts."""
        from strongroom.app.runner import Runner  # noqa: PLC0415  imported by preload

        return Runner(self, root_key)

    def open_engine(
        self, root_key: bytes, process: str, on_batch_done: Callable[[Answers], None] | None = None
    ) -> Opened:
        """Everything that a process needs to answer calls or to do jobs, wired together."""
        store = open_store(self.settings.store_url)
        with store.read() as tx:
            kept = roots.Roots(opened_roots(tx, root_key), roots.stored(tx))
            facts = self.facts(tx)
        keyring = kept.keyring
        nodes = asking.Nodes(store, keyring, self.entropy, self.clock, self.node())
        registry = self.registry(facts, keyring, nodes)
        if registry.principals is None:
            raise RuntimeError("no room knows principals")
        journal = self.journal(process)
        tally = self._tally(process, registry)
        tally.watch(lambda: (len(store.cache), store.cache.loads))
        recorder = Recorder(journal, store, self.clock, tally)
        queue = WriteQueue(store, recorder, on_batch_done=on_batch_done)
        offset = stored_offset if facts.dev_clock else no_offset
        parts: dict[str, Any] = {
            "catalogue": self.catalogue,
            "registry": registry,
            "principals": registry.principals,
            "store": store,
            "keyring": keyring,
            "entropy": self.entropy,
            "clock": self.clock,
            "offset": offset,
            "router": self.router,
            "regions": frozenset(self.settings.regions) or aws_regions(),
            "catch_up": kept.catch_up,
            "quotas": self.settings.quotas,
        }
        traces = self._traces(process, tally) if self.traced.on else None
        chain = Chain(**parts) if traces is None else TracedChain(told=traces.tell, **parts)
        return Opened(store, kept, registry, queue, recorder, chain, offset, nodes, self.rules, facts.account, traces)

    def _traces(self, process: str, tally: Tally) -> Traces:
        def sender() -> Sender:
            from strongroom.server.otlp import Collector  # noqa: PLC0415  a library for those who ask for it

            return Collector(instance=f"{self.node()}.{process}", version=__version__)

        return Traces(sender, tally.spans)

    def registry(self, facts: Facts, keyring: Keyring, nodes: asking.Nodes | None = None) -> Registry:
        """All rooms. ``nodes``: the nodes of the open store, where there is one."""
        registry = Registry()
        iam.register(registry, keyring)
        sts.register(registry, self.settings.outside, self.settings.data / "run" / "issuers")
        kms.register(registry)
        secretsmanager.register(registry)
        rewrap.register(registry, facts.account)
        logs.register(registry)
        metrics.register(registry)
        functions.register(registry, Neighbour(self.settings.data, scratch_mb=self.settings.function_scratch_mb))
        looked_up = Trail(self.journal_directory(), self.index_directory())
        trail.register(registry, looked_up, self.pieces_of)
        console.register(registry)
        local.register(
            registry,
            local.Local(
                account=facts.account,
                dev_clock=facts.dev_clock,
                seal=lambda: (self.seal.kind, self.seal.describe()),
                retire=iam.retire_administrator,
                metrics=self._gauges(facts).page,
                prices=local.Prices(
                    self.settings.price_secret_month,
                    self.settings.price_calls,
                    self.settings.price_kms_calls,
                    self.settings.kms_calls_free,
                ),
                lookup=self.lookup,
                trail=looked_up,
                pieces=self.pieces_of,
                nodes=nodes,
            ),
        )
        return registry

    # ------------------------------------------------------------------ metrics

    def scrape(self) -> Scrape | None:
        """How the metrics are read without a signature; None where the operator named no token."""
        file = self.settings.metrics_token_file
        if not file:
            return None
        check_token_file(Path(file))
        from strongroom.server.asgi import Scrape  # noqa: PLC0415  imported by preload

        gauges: list[Gauges] = []  # known once there is a store to ask

        def page(tx: Transaction) -> bytes:
            if not gauges:
                gauges.append(self._gauges(self.facts(tx)))
            return gauges[0].page(tx)

        return Scrape(Path(file), page)

    def _tally(self, process: str, registry: Registry) -> Tally:
        return Tally(
            DataDirectory(self.settings.data).run,
            process,
            operations={name: tuple(room.operations) for name, room in registry.rooms.items()},
            jobs=(*registry.jobs, *registry.errands, queued.JOB, hours.HOUR),
        )

    def _gauges(self, facts: Facts) -> Gauges:
        return Gauges(
            DataDirectory(self.settings.data),
            store_file=sqlite_path(self.settings.store_url, self.settings.data),
            tls=self.settings.tls,
            clock=self.clock,
            offset=stored_offset if facts.dev_clock else no_offset,
            version=__version__,
        )

    # ------------------------------------------------------------------ the operator's commands

    def admin(self, command: Mapping[str, Any], root_key: bytes | None) -> Mapping[str, Any]:
        """One command of the admin socket that touches the store."""
        return operator.admin(self, command, root_key)

    # ------------------------------------------------------------------ what functions see

    def surroundings(self) -> Mapping[str, str]:
        """The environment by which a function finds this server. Its own may say otherwise."""
        url = self._endpoint().get("url") or f"http://{self.settings.host}:{self.settings.port}"
        return {"AWS_ENDPOINT_URL": url, "SECRETS_MANAGER_ENDPOINT": url}

    def authorities(self) -> list[Path]:
        """The certificates that functions trust beside the system's: this server's own, and the operator's."""
        found = self._endpoint().get("ca")
        own = [Path(found)] if found and Path(found).is_file() else []
        return [*own, *map(Path, self.settings.function_authorities)]

    def _endpoint(self) -> Mapping[str, Any]:
        return read_endpoint(DataDirectory(self.settings.data)) or {}

    # ------------------------------------------------------------------ small parts

    def facts(self, tx: Transaction) -> Facts:
        """What the store says of the deployment."""

        def value(name: str) -> str:
            row = tx.row(_READ, name=name)
            return row[0] if row else ""

        return Facts(account=value(ACCOUNT), dev_clock=value(DEV_CLOCK) == "1")

    def lookup(self, request_id: str) -> tuple[list[Mapping[str, Any]], bool]:
        """This node's lines of a request, and whether all of its journal was searched."""
        return lines_of_request(self.journal_directory(), request_id)

    def journal_directory(self) -> Path:
        """Where the journal lies."""
        return self.settings.data / "journal"

    def index_directory(self) -> Path:
        """Where the index of events lies."""
        return self.settings.data / "index"

    def pieces_of(self, tx: Transaction) -> Piece | None:
        """How one piece of another node's journal is had; None where no nodes share the store."""
        return partial(pieces.piece_at, tx) if self.shares_a_store else None

    @property
    def shares_a_store(self) -> bool:
        """Whether other nodes may be on the same store."""
        return self.settings.store_url.startswith("postgresql:")

    def space(self) -> Space:
        """The free space of the data directory, as one process sees it."""
        settings, mib = self.settings, 1024 * 1024
        return Space(
            settings.data,
            Bounds(settings.space_warn_mb * mib, settings.space_writes_mb * mib, settings.space_calls_mb * mib),
        )

    def journal(self, process: str) -> Journal:
        """The journal of one process, to be written."""
        return Journal(self.journal_directory(), node=self.node(), process=process, clock=self.clock)

    def node(self) -> str:
        """The name of this data directory among the nodes of one store."""
        path = self.settings.data / NODE_FILE
        if not path.exists():
            write_private(path, self.entropy.take(4).hex().encode() + b"\n")
        return path.read_text(encoding="ascii").strip()
