"""One API worker of the product."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from strongroom.app.opened import Opened
from strongroom.base.entropy import uuid4
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.console.front import SEALED, Front, Furnishing
from strongroom.kernel import wire
from strongroom.kernel.call import Source
from strongroom.kernel.metrics.usage import Usage
from strongroom.kernel.signedin import SignedIn
from strongroom.server.admission import Admission
from strongroom.server.asgi import Application
from strongroom.server.commits import Deliveries
from strongroom.server.directory import DataDirectory
from strongroom.server.engine import Engine
from strongroom.server.functions.house import NO_ISOLATION
from strongroom.server.functions.sandbox import Unconfined
from strongroom.server.gauges import certificate_ends
from strongroom.server.hosts import HostCheck
from strongroom.server.metering import Metering
from strongroom.server.parts import ASGI, AtOnce, Glance
from strongroom.server.proxies import Proxies
from strongroom.server.traces import TracedFunctions

if TYPE_CHECKING:
    from strongroom.app.product import Product


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

    @property
    def glance(self) -> Glance:
        """Its shortest way."""
        return self._application.glance

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


def _sealed(product: Product) -> Callable[[HTTPRequest], HTTPReply]:
    def answer(request: HTTPRequest) -> HTTPReply:
        route = product.router.route(request)
        refusal = Refusal(Kind.UNAVAILABLE, "Strongroom is sealed. An operator can open it with `strongroom unseal`.")
        return wire.refuse(route, refusal, uuid4(product.entropy))

    return answer


async def _sealed_console(_request: HTTPRequest, _source: Source) -> HTTPReply:
    return SEALED
