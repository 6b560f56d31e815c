"""The composition root: the only file that sees everything. It makes one product from the settings."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select

from strongroom import __version__, console
from strongroom.base.clock import Clock, iso_seconds, machine_clock, to_ms
from strongroom.base.entropy import Entropy, SystemEntropy, uuid4
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.names import is_account_id
from strongroom.base.refusals import Kind, Refusal
from strongroom.console.front import SEALED, Front, Furnishing
from strongroom.kernel import asking, rewrap, roots, wire
from strongroom.kernel.call import Record, Source
from strongroom.kernel.chain import Chain
from strongroom.kernel.feed import rows as feed
from strongroom.kernel.jobloop import JobLoop
from strongroom.kernel.jobs import due
from strongroom.kernel.journal import event, settle
from strongroom.kernel.journal.files import settled_through
from strongroom.kernel.journal.lookup import lines_of_request
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.metrics.alarms import Alarm
from strongroom.kernel.metrics.tally import Tally
from strongroom.kernel.metrics.usage import Usage, Use
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.regions import aws_regions
from strongroom.kernel.recorder import Recorder, committed_among, forget_ended, seen_among
from strongroom.kernel.registry import Registry
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import Seal, parse_seal
from strongroom.kernel.sealing.tokenkeys import has_token_keys, rotate
from strongroom.kernel.signedin import SignedIn
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.migrations import migrate, version
from strongroom.kernel.storage.open import import_engine, open_store, sqlite_path
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.kernel.storage.writequeue import Answers, Outcome, WriteQueue
from strongroom.kernel.traced import TracedChain
from strongroom.kernel.trail import heads, pieces, signer
from strongroom.kernel.trail.follow import Follower, Segment
from strongroom.kernel.trail.index import Index
from strongroom.kernel.trail.indexing import Indexing
from strongroom.kernel.trail.keeping import Keeper, Policy
from strongroom.kernel.trail.lookup import Trail
from strongroom.kernel.trail.places import Piece
from strongroom.kernel.trail.rounds import Rounds
from strongroom.kernel.trail.signer import Signer
from strongroom.kernel.unasked import Unasked
from strongroom.server import alerts
from strongroom.server.admission import Admission
from strongroom.server.asgi import Application, Deliveries, Engine, Scrape
from strongroom.server.directory import DataDirectory, credentials_text, read_endpoint, write_private
from strongroom.server.functions.house import NO_ISOLATION, AtHome, House, Neighbour, invocations
from strongroom.server.functions.sandbox import Bubblewrap, Unconfined
from strongroom.server.gauges import Gauges, certificate_ends
from strongroom.server.headsinks import HeadSinks
from strongroom.server.hosts import HostCheck
from strongroom.server.metering import Metering
from strongroom.server.parts import ASGI, AtOnce, Prepared, StartRefused
from strongroom.server.proxies import Proxies
from strongroom.server.scraping import check_token_file
from strongroom.server.sinks import Alerts, read_sinks
from strongroom.server.space import Bounds, Space
from strongroom.server.traces import Jobs, Sender, TracedFunctions, TracedMachine, Traces, wish
from strongroom.server.webhooks import Couriers, Ledger
from strongroom.services import functions, iam, kms, local, logs, metrics, secretsmanager, sts, trail
from strongroom.services.functions import queued
from strongroom.services.functions.execution import Execution
from strongroom.services.metrics import jobs as hours
from strongroom.services.secretsmanager.rotation import RUN
from strongroom.services.secretsmanager.running import Rotator
from strongroom.settings import Settings

NODE_FILE = "node"
CREDENTIALS_FILE = "credentials"
DEV_CLOCK = "dev_clock"
ACCOUNT = "default_account"
PREPARER = "prepare"
_READ = Statement(select(setting.c.value).where(setting.c.name == bindparam("name")))
_PUT = Statement(insert(setting).values(name=bindparam("name"), value=bindparam("value")))
_NO_OFFSET = timedelta()
_COMMIT_SECONDS = 60.0
_KEEP_EVERY_SECONDS = 5.0
_ERRANDS_SECONDS = 50.0
"""How long whoever wants all due jobs done waits for those that wait for functions."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store itself says, once and for all, about the deployment."""

    account: str
    dev_clock: bool


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
        with _told_plainly():
            if version(self.settings.store_url) is None:
                return False
            store = open_store(self.settings.store_url)
            try:
                with store.read() as tx:
                    return bool(roots.stored(tx))
            finally:
                store.close()

    def prepare(self, root_key: bytes | None) -> Prepared:
        """Bring the store up to date, test the root key, settle the journal, make the first administrator."""
        with _told_plainly():
            notes = [*migrate(self.settings.store_url), *self._about_functions(), *filter(None, [self.traced.note])]
            store = open_store(self.settings.store_url)
            try:
                return self._prepare(store, root_key, notes)
            finally:
                store.close()

    def _prepare(self, store: Store, root_key: bytes | None, notes: Sequence[str]) -> Prepared:
        if root_key is None:
            with store.read() as tx:
                if not roots.stored(tx):
                    raise StartRefused("This store is new and has no root key yet: give the passphrase to begin with.")
            return Prepared(fresh=False, administrator=False, notes=tuple(notes))
        journal = self._journal(PREPARER)
        recorder = Recorder(journal, store, self.clock)
        try:
            with store.write() as tx:
                fresh = not roots.stored(tx)
                if fresh:
                    roots.first(tx, root_key, self.entropy, self.clock())
                opened = _opened(tx, root_key, self.entropy)
                if opened.given < opened.number or not roots.under_way(roots.stored(tx)):
                    # Where the seal gives the newer root already, the node says so when its files follow: ``hold``.
                    roots.hold(tx, self.node(), opened.given, self.clock())
                if roots.under_way(roots.stored(tx)):
                    # Whoever did this before us may hold its lease for a minute more; a lease lost is work done again.
                    now = self.clock() + local.clock_offset(tx)
                    due.schedule(tx, kind=rewrap.KIND, key=str(opened.number), due=now)
                if fresh:
                    self._first_start(tx, opened.keyring, recorder)
                elif self.settings.dev_clock and not self._facts(tx).dev_clock:
                    raise StartRefused("--dev-clock works only on a data directory that was made with it.")
                if not has_token_keys(tx):
                    now = self.clock() + local.clock_offset(tx)
                    rotate(tx, opened.keyring, self.entropy, now)
                    sts.plan_rotation(tx, now)
                hours.plan(tx, self.clock() + local.clock_offset(tx))
            settle.settle(journal, self._journal_directory(), lambda ids: committed_among(store, ids))
            self._forget(store)
        finally:
            journal.close()
        return Prepared(fresh=fresh, administrator=fresh, notes=tuple(notes))

    def _first_start(self, tx: Transaction, keyring: Keyring, recorder: Recorder) -> None:
        tx.run(_PUT, name=DEV_CLOCK, value="1" if self.settings.dev_clock else "0")
        tx.run(_PUT, name=ACCOUNT, value=self.settings.account)
        self._administrator(tx, self.settings.account, keyring, recorder, "CreateFirstAdministrator")

    def _administrator(self, tx: Transaction, account: str, keyring: Keyring, recorder: Recorder, name: str) -> Made:
        made = Made(
            account,
            *iam.create_administrator(tx, account=account, now=self.clock(), entropy=self.entropy, keyring=keyring),
        )
        if account == self.settings.account:
            write_private(self.settings.data / CREDENTIALS_FILE, made.profile().encode())
        self._tell(tx, recorder, name, account, {"userName": made.user, "accessKeyId": made.key_id})
        return made

    def _tell(self, tx: Transaction, recorder: Recorder, name: str, account: str, details: Mapping[str, Any]) -> None:
        """Record one event of the deployment's own, which stands or falls with the transaction."""
        now, event_id = self.clock(), uuid4(self.entropy)
        told = event.service_event(
            event_id=event_id,
            request_id=uuid4(self.entropy),
            when=now,
            product_now=now,
            service="strongroom",
            name=name,
            region="us-east-1",
            account=account,
            details=details,
        )
        recorder.before_commit(tx, [Outcome(keep=True, records=(Record(event_id, told, writes=True),), value=None)])

    # ------------------------------------------------------------------ root keys

    def rotate(self, root_key: bytes) -> bytes:
        """Begin to replace the root key, or join what is under way; the root key that seals from now on."""
        with self._recorded("seal") as (store, recorder), store.write() as tx:
            waiting = roots.under_way(roots.stored(tx))
            opened = _opened(tx, root_key, self.entropy)
            if not waiting:
                opened = roots.begin(tx, root_key, self.entropy, self.clock())
                now = self.clock() + local.clock_offset(tx)
                due.schedule(tx, kind=rewrap.KIND, key=str(opened.number), due=now)
                self._tell(tx, recorder, "RotateRootKey", self._facts(tx).account, {"root": opened.number})
            return opened.newest

    def newest_root(self, root_key: bytes) -> tuple[bytes, ...]:
        """The root key that seals now, and the older one where that is being replaced."""
        with _told_plainly():
            store = open_store(self.settings.store_url)
            try:
                with store.read() as tx:
                    opened = _opened(tx, root_key, self.entropy)
                    both = roots.under_way(roots.stored(tx))
                    older = [opened.previous] if both and opened.previous is not None else []
                    return (opened.newest, *older)
            finally:
                store.close()

    def hold(self, root_key: bytes) -> None:
        """Note that this node's seal gives this root key, and that nothing outside the store needs an older one."""
        with _told_plainly():
            store = open_store(self.settings.store_url)
            try:
                with store.write() as tx:
                    roots.hold(tx, self.node(), _opened(tx, root_key, self.entropy).given, self.clock())
            finally:
                store.close()

    @contextlib.contextmanager
    def _recorded(self, process: str) -> Iterator[tuple[Store, Recorder]]:
        with _told_plainly():
            store = open_store(self.settings.store_url)
            try:
                journal = self._journal(process)
                try:
                    yield store, Recorder(journal, store, self.clock)
                finally:
                    journal.close()
            finally:
                store.close()

    # ------------------------------------------------------------------ processes

    def preload(self) -> None:
        """Import every room and read every model, once for all processes that are forked later."""
        for service in _offered(self):
            self.catalogue.service(service)
        import_engine(self.settings.store_url)

    def open_worker(self, root_key: bytes | None, slot: int) -> Worker:
        """One API worker's parts."""
        return Worker(self, root_key, slot)

    def open_runner(self, root_key: bytes) -> Runner:
        """The runner's parts."""
        return Runner(self, root_key)

    def open_engine(
        self, root_key: bytes, process: str, on_batch_done: Callable[[Answers], None] | None = None
    ) -> Opened:
        """Everything that a process needs to answer calls or to do jobs, wired together."""
        store = open_store(self.settings.store_url)
        with store.read() as tx:
            kept = roots.Roots(_opened(tx, root_key), roots.stored(tx))
            facts = self._facts(tx)
        keyring = kept.keyring
        nodes = asking.Nodes(store, keyring, self.entropy, self.clock, self.node())
        registry = self.registry(facts, keyring, nodes)
        if registry.principals is None:
            raise RuntimeError("no room knows principals")
        journal = self._journal(process)
        tally = self._tally(process, registry)
        tally.watch(lambda: (len(store.cache), store.cache.loads))
        recorder = Recorder(journal, store, self.clock, tally)
        queue = WriteQueue(store, recorder, on_batch_done=on_batch_done)
        offset = _stored_offset if facts.dev_clock else _no_offset
        parts: dict[str, Any] = {
            "catalogue": self.catalogue,
            "registry": registry,
            "principals": registry.principals,
            "store": store,
            "keyring": keyring,
            "entropy": self.entropy,
            "clock": self.clock,
            "offset": offset,
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
        looked_up = Trail(self._journal_directory(), self._index_directory())
        trail.register(registry, looked_up, self._pieces)
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
                pieces=self._pieces,
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
        gauges: list[Gauges] = []  # known once there is a store to ask

        def page(tx: Transaction) -> bytes:
            if not gauges:
                gauges.append(self._gauges(self._facts(tx)))
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
            offset=_stored_offset if facts.dev_clock else _no_offset,
            version=__version__,
        )

    # ------------------------------------------------------------------ the operator's commands

    def admin(self, command: Mapping[str, Any], root_key: bytes | None) -> Mapping[str, Any]:
        """One command of the admin socket that touches the store."""
        store = open_store(self.settings.store_url)
        try:
            if command.get("do") == "clock status":
                return self._clock_status(store)
            if command.get("do") == "seal standing":
                return self._seal_standing(store)
            if root_key is None:
                raise StartRefused("The server is sealed: unseal it first.")
            return self._administer(store, root_key, command)
        finally:
            store.close()

    def _administer(self, store: Store, root_key: bytes, command: Mapping[str, Any]) -> Mapping[str, Any]:
        journal = self._journal("admin")
        recorder = Recorder(journal, store, self.clock)
        try:
            with store.write() as tx:
                keyring = _opened(tx, root_key, self.entropy).keyring
                if command.get("do") == "account create":
                    account = command.get("account") or _new_account(self.entropy)
                    if not is_account_id(account):
                        raise StartRefused(f"An account id is 12 digits; {account!r} is not.")
                    if iam.account_exists(tx, account):
                        raise StartRefused(f"Account {account} exists already.")
                    return self._administrator(tx, account, keyring, recorder, "CreateAccount").told()
                if command.get("do") == "admin reset":
                    return self._administrator(
                        tx, self._facts(tx).account, keyring, recorder, "ResetAdministrator"
                    ).told()
                if command.get("do") == "seal changed":
                    details = {"from": command["from"], "to": command["to"]}
                    self._tell(tx, recorder, "ChangeSeal", self._facts(tx).account, details)
                    return {}
                if command.get("do") == "seal forget":
                    return self._forget_node(tx, recorder, str(command.get("node", "")))
            raise StartRefused(f"There is no admin command {command.get('do')!r}.")
        finally:
            journal.close()

    def _forget_node(self, tx: Transaction, recorder: Recorder, node: str) -> Mapping[str, Any]:
        if node == self.node():
            raise StartRefused("This node itself cannot be forgotten: it is running.")
        if not roots.forget_holder(tx, node):
            raise StartRefused(f"There is no node {node!r}.")
        self._tell(tx, recorder, "ForgetNode", self._facts(tx).account, {"node": node})
        return {"node": node}

    def _seal_standing(self, store: Store) -> Mapping[str, Any]:
        """How the root keys stand, and how far a rotation is."""
        with store.read() as tx:
            told = dict(roots.standing(tx))
            progress = rewrap.progress_of(roots.stored(tx)[-1].progress)
            nodes = roots.holders(tx)
        if progress is not None and told["rotating"]:
            told["progress"] = {
                "rewrapped": progress.done,
                "total": max(progress.total, 0),
                "finished": progress.finished,
                "broken": progress.broken,
            }
        return {**told, "node": self.node(), "nodes": dict(nodes)}

    def _clock_status(self, store: Store) -> Mapping[str, Any]:
        with store.read() as tx:
            facts = self._facts(tx)
            offset = local.clock_offset(tx)
        machine = self.clock()
        return {
            "now": iso_seconds(machine + offset),
            "machine": iso_seconds(machine),
            "offset_seconds": int(offset.total_seconds()),
            "dev_clock": facts.dev_clock,
        }

    # ------------------------------------------------------------------ what functions see

    def _about_functions(self) -> list[str]:
        """What every start must say of functions; nothing where they are isolated."""
        if self.settings.function_isolation == NO_ISOLATION:
            return [f"WARNING: {Unconfined.warning}"]
        problem = Bubblewrap.problem()
        return [f"Functions are refused: {problem}."] if problem else []

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

    def _facts(self, tx: Transaction) -> Facts:
        def value(name: str) -> str:
            row = tx.row(_READ, name=name)
            return row[0] if row else ""

        return Facts(account=value(ACCOUNT), dev_clock=value(DEV_CLOCK) == "1")

    def lookup(self, request_id: str) -> tuple[list[Mapping[str, Any]], bool]:
        """This node's lines of a request, and whether all of its journal was searched."""
        return lines_of_request(self._journal_directory(), request_id)

    def _journal_directory(self) -> Path:
        return self.settings.data / "journal"

    def _index_directory(self) -> Path:
        return self.settings.data / "index"

    def _pieces(self, tx: Transaction) -> Piece | None:
        return partial(pieces.piece_at, tx) if self._shares_a_store else None

    @property
    def _shares_a_store(self) -> bool:
        return self.settings.store_url.startswith("postgresql:")

    def following(self, store: Store) -> Callable[[Index], Follower]:
        """How an index of this node is kept up with what all nodes recorded."""
        node = self.node()

        def elsewhere() -> Sequence[Segment]:
            return pieces.elsewhere(store, node) if self._shares_a_store else ()

        return lambda index: Follower(
            self._journal_directory(), index, lambda ids: seen_among(store, ids), self.clock, elsewhere
        )

    def indexing(self, opened: Opened) -> Indexing:
        """The thread that keeps this node's index up, begun."""
        return Indexing(self._index_directory(), self.following(opened.store))

    def space(self) -> Space:
        """The free space of the data directory, as one process sees it."""
        settings, mib = self.settings, 1024 * 1024
        return Space(
            settings.data,
            Bounds(settings.space_warn_mb * mib, settings.space_writes_mb * mib, settings.space_calls_mb * mib),
        )

    def rounds(self, opened: Opened, head_sinks: Sequence[signer.Sink] = ()) -> tuple[Rounds, ...]:
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
        heads_directory = self.settings.data / "heads"
        made = Signer(
            self._journal_directory(),
            heads_directory,
            node=self.node(),
            key=key,
            store=opened.store,
            write=write,
            clock=self.clock,
            sinks=head_sinks,
        )
        public = key.public_der()
        write_private(heads_directory / f"key-{heads.key_id(public)}.pem", heads.key_pem(public).encode())
        quick: dict[str, Callable[[], object]] = {"signing": made.step}
        more: dict[str, Any] = {}
        if self._shares_a_store:
            copier = pieces.Copier(self._journal_directory(), self.node(), opened.store, write)
            quick["copying"] = copier.step
            more["forget"] = copier.forget
        keeper = Keeper(
            self._journal_directory(),
            heads_directory,
            signer=made,
            policy=Policy(self.settings.journal_days, self.settings.journal_max_mb * 1024 * 1024),
            clock=self.clock,
            **more,
        )
        # Packing takes seconds, and signing shall not wait for it.
        slow = {"keeping": keeper.step, "reserving": self.space().reserve}
        return Rounds(quick), Rounds(slow, every_seconds=_KEEP_EVERY_SECONDS)

    def _journal(self, process: str) -> Journal:
        return Journal(self._journal_directory(), node=self.node(), process=process, clock=self.clock)

    def node(self) -> str:
        """The name of this data directory among the nodes of one store."""
        path = self.settings.data / NODE_FILE
        if not path.exists():
            write_private(path, self.entropy.take(4).hex().encode() + b"\n")
        return path.read_text(encoding="ascii").strip()

    def _forget(self, store: Store) -> None:
        through = settled_through(self._journal_directory())
        if through:
            with store.write() as tx:
                forget_ended(tx, self.node(), through)


def _opened(tx: Transaction, root_key: bytes, entropy: Entropy | None = None) -> roots.Opened:
    try:
        return roots.opened(tx, root_key, entropy)
    except roots.WrongRoot as wrong:
        raise StartRefused(str(wrong)) from None


@contextlib.contextmanager
def _told_plainly() -> Iterator[None]:
    """A store that cannot be had is the operator's business: one sentence, no trace."""
    try:
        yield
    except StoreError as error:
        raise StartRefused(str(error)) from None


def _stored_offset(tx: Transaction) -> timedelta:
    return local.clock_offset(tx)


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


def _no_offset(tx: Transaction) -> timedelta:  # noqa: ARG001
    return _NO_OFFSET


@dataclass(frozen=True, slots=True)
class Made:
    """An administrator just made."""

    account: str
    key_id: str
    secret: str
    user: str = "admin"

    def profile(self) -> str:
        """As DIR/credentials holds it: the form of ~/.aws/credentials."""
        return credentials_text(self.key_id, self.secret)

    def told(self) -> Mapping[str, Any]:
        """As the admin socket tells it."""
        return {
            "account": self.account,
            "user": self.user,
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
        }


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


class Worker:
    """One API worker (server.parts.WorkerParts)."""

    def __init__(self, product: Product, root_key: bytes | None, slot: int) -> None:
        self._product = product
        self._process = f"worker{slot}"
        self._opened: Opened | None = None
        unconfined = product.settings.function_isolation == NO_ISOLATION
        warnings = (("functions", Unconfined.warning),) if unconfined else ()
        self._space = space = product.space()
        self._application = Application(
            host_check=HostCheck(product.settings.host, product.settings.hosts),
            max_body_bytes=max(product.settings.max_body_bytes, product.settings.max_code_bytes),
            sealed=_sealed(product),
            health=lambda ready: (("seal", product.described()), *warnings, *space.warnings()) if ready else (),
            proxies=Proxies(product.settings.proxies),
            scrape=product.scrape(),
        )
        self._front: Front | None = None
        if product.settings.console_on:
            self._application.console = _sealed_console
        if root_key is not None:
            self.unseal(root_key)

    @property
    def asgi(self) -> ASGI:
        """The application."""
        return self._application

    @property
    def at_once(self) -> AtOnce:
        """Its short way."""
        return self._application.at_once

    def unseal(self, root_key: bytes) -> None:
        """Open everything with the root key."""
        deliveries = Deliveries()
        self._opened = opened = self._product.open_engine(root_key, self._process, deliveries)
        if opened.traces is not None:
            opened.registry.functions = TracedFunctions(opened.chain.functions)
        metering = Metering(Usage(), opened.queue, opened.keep_usage)
        self._application.engine = Engine(
            opened.chain,
            opened.store,
            opened.queue,
            opened.recorder,
            deliveries,
            sync_each=self._product.settings.journal_sync == "each",
            metering=metering,
            space=self._space,
            traces=opened.traces,
            admission=Admission(self._product.settings.places),
            account=opened.account,
        )
        if self._product.settings.console_on:
            door = SignedIn(
                opened.chain,
                opened.queue,
                opened.recorder,
                sync_each=self._product.settings.journal_sync == "each",
                counted=metering.page_asked,
            )
            self._application.console = self._front = Front(door, self._furnishing(opened))

    def _furnishing(self, opened: Opened) -> Furnishing:
        settings = self._product.settings
        return Furnishing(
            idle=timedelta(minutes=settings.console_idle),
            length=timedelta(hours=settings.console_session),
            regions=sorted(opened.chain.regions),
            region=settings.region,
            certificates=lambda: certificate_ends(settings.tls, DataDirectory(settings.data)),
        )

    def catch_up(self) -> None:
        """Know the root keys as they stand now."""
        if self._opened is not None:
            self._opened.catch_up()

    def drain(self) -> None:
        """Let streams of events end."""
        if self._application.engine is not None:
            self._application.engine.streams.end()

    def seal(self) -> None:
        """Forget the root key and all that it opened."""
        front, self._front = self._front, None
        if front is not None:
            self._application.console = _sealed_console
            front.close()
        engine, self._application.engine = self._application.engine, None
        self._opened = None
        if engine is not None:
            engine.close()

    def close(self) -> None:
        """Finish and give back."""
        self.seal()


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
            idle_seconds=settings.function_idle,
            authorities=product.authorities,
        )
        unasked = Unasked(opened.chain, opened.queue, opened.recorder)
        machine = self.house if opened.traces is None else TracedMachine(self.house)
        self.execution = Execution(unasked, machine, product.surroundings)
        opened.registry.add_errand(queued.JOB, self.execution.deliver)
        opened.registry.add_errand(hours.HOUR, hours.hourly(opened.store.read, opened.registry.census))
        self.house.open_desk(invocations(self.execution.invoke))
        sinks = read_sinks(settings.events_path)
        ledger = Ledger(opened.store, opened.queue)
        self.couriers = Couriers(sinks.webhooks, ledger, product.clock, self._node)
        self.watch = alerts.Watch(sinks.alerts, ledger, product.clock, self._node)
        opened.registry.functions = AtHome(self.house, self.execution.invoke, scratch_mb=settings.function_scratch_mb)
        rotator = Rotator(unasked, closing=lambda: self.house.closing, session_of=self.execution.session_of)
        at_once = min(settings.rotations_at_once, settings.function_processes)
        opened.registry.add_errand(RUN, rotator.run, at_once=at_once, lane_at_once=max(1, at_once // 2))
        self.house.open_desk(invocations(self.execution.invoke))
        self._indexing = product.indexing(opened)
        self._heads = HeadSinks(sinks.heads, sinks.webhooks, product.clock)
        self._rounds = product.rounds(opened, (self._heads.take,))

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


def _offered(product: Product) -> Collection[str]:
    """The services that rooms answer for, told without any store."""
    return product.registry(Facts("", dev_clock=False), Keyring(bytes(32))).rooms


def _sealed(product: Product) -> Callable[[HTTPRequest], HTTPReply]:
    router = wire.Router(product.catalogue, _offered(product))

    def answer(request: HTTPRequest) -> HTTPReply:
        route = router.route(request)
        refusal = Refusal(Kind.UNAVAILABLE, "Strongroom is sealed. An operator can open it with `strongroom unseal`.")
        return wire.refuse(route, refusal, uuid4(product.entropy))

    return answer


async def _sealed_console(_request: HTTPRequest, _source: Source) -> HTTPReply:
    return SEALED


def _new_account(entropy: Entropy) -> str:
    return f"{100_000_000_000 + int.from_bytes(entropy.take(8), 'big') % 900_000_000_000}"
