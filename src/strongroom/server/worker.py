"""One API worker: an event loop, a listening socket, the application, and an ear on the supervisor.

uvicorn runs the sockets; ``WorkerServer`` gives its connections our bounds, our TLS and our way to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from strongroom.server import tls
from strongroom.server.lines import BadLine, Lines, Message, encode
from strongroom.server.listening import often
from strongroom.server.parts import AtOnce, Glance, Parts, Serving, StartRefused, WireLimits, WorkerParts
from strongroom.server.protocol import BoundedProtocol
from strongroom.server.quick import QuickProtocol

Files = tuple[Path, Path]
_HANDSHAKE_SECONDS = 10.0
_SHUTDOWN_SECONDS = 2.0
_TICKS_A_SWEEP = 5
_LOG = logging.getLogger("strongroom.worker")


class WorkerServer(uvicorn.Server):
    """uvicorn's server with one socket, bounded connections, and no signal handlers of its own."""

    def __init__(
        self,
        config: uvicorn.Config,
        context: ssl.SSLContext | None,
        limits: WireLimits,
        at_once: AtOnce,
        glance: Glance,
    ) -> None:
        super().__init__(config)
        self._at_once = at_once
        self._glance = glance
        self._context = context
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. A TLS handshake has bounded time; uvicorn would allow a minute."""
        loop = asyncio.get_running_loop()
        state, config, limits, at_once = self.server_state, self.config, self._limits, self._at_once
        glance = self._glance
        secured = self._context is not None
        self.servers = [
            await loop.create_server(
                lambda: QuickProtocol(config, state, loop, limits, at_once, glance),
                sock=opened,
                ssl=self._context,
                backlog=limits.backlog,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if secured else None,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS if secured else None,
            )
            for opened in sockets or []
        ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Twice a second, end the patience with whoever has used it up; with strangers sooner where all places are
        taken, so that nobody without a key can keep those out who have one.
        """
        if counter % _TICKS_A_SWEEP == 0:
            now, connections = asyncio.get_running_loop().time(), list(self.server_state.connections)
            full = len(connections) >= self._limits.max_connections
            for one in connections:
                if not isinstance(one, BoundedProtocol):
                    continue
                if 0.0 < one.deadline < now or (full and one.is_in_the_way(now)):
                    one.expire()
        return await super().on_tick(counter)


def serve(
    channel: socket.socket,
    *,
    parts: Parts,
    serving: Serving,
    slot: int,
    listener: socket.socket,
    certificate: Files | None,
) -> None:
    """Be worker ``slot`` until told to stop. Runs in a child of the supervisor and nowhere else.

    The first message on the channel brings the root key (or none, while sealed). Raises StartRefused.
    """
    logging.basicConfig(level=logging.WARNING, format=f"strongroom: worker {slot}: %(message)s")
    lines = Lines()
    start = first_message(channel, lines)
    worker = parts.open_worker(key_of(start), slot)
    try:
        context = None if certificate is None else tls.server_context(*certificate)
        control = _Control(channel, lines, worker, context, certificate)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(worker, serving.limits, listener, context, control))
    finally:
        worker.close()


async def _until_told(
    worker: WorkerParts,
    limits: WireLimits,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    control: _Control,
) -> None:
    config = uvicorn.Config(
        worker.asgi,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=max(1, int(limits.drain_timeout) - 2),
    )
    server = WorkerServer(config, context, limits, worker.at_once, worker.glance)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, control.drain)
    control.server = server
    loop.add_reader(control.channel.fileno(), control.on_readable)
    # The first answers need a date header, which uvicorn writes at its first tick only.
    config.load()
    await server.on_tick(0)
    serving = asyncio.ensure_future(server._serve(often(listener)))  # serve() takes the signals
    while not server.started and not serving.done():
        await asyncio.sleep(0.001)
    control.say({"ready": True})
    control.catch_up()
    await serving


class _Control:
    """What the supervisor may ask of a running worker. Each message is answered, by id, when it is done."""

    def __init__(
        self,
        channel: socket.socket,
        lines: Lines,
        worker: WorkerParts,
        context: ssl.SSLContext | None,
        certificate: Files | None,
    ) -> None:
        channel.setblocking(False)
        self.channel = channel
        self.server: WorkerServer | None = None
        self._lines = lines
        self._worker = worker
        self._context = context
        self._certificate = certificate

    def say(self, message: Message) -> None:
        """Tell the supervisor; it always reads, so the channel is never full for long."""
        self.channel.send(encode(message))

    def drain(self) -> None:
        """Finish what was begun, then stop."""
        self._worker.drain()
        if self.server is not None:
            self.server.should_exit = True

    def on_readable(self) -> None:
        """Do what the supervisor says; end at once where it is gone."""
        try:
            chunk = self.channel.recv(65536)
        except BlockingIOError:
            return
        if not chunk:
            os._exit(1)
        self._take(chunk)

    def catch_up(self) -> None:
        """Do what was said before anybody listened."""
        self._take(b"")

    def _take(self, chunk: bytes) -> None:
        try:
            for message in self._lines.feed(chunk):
                self._do(message)
        except BadLine:
            os._exit(1)

    def _do(self, message: Message) -> None:
        answer: dict[str, Any] = {"id": message.get("id")}
        match message.get("do"):
            case "seal":
                self._worker.seal()
            case "unseal":
                key = key_of(message)
                if key is not None:
                    answer |= self._unseal(key)
            case "catch up":
                self._worker.catch_up()
            case "reload":
                answer |= self._reload()
        self.say(answer)

    def _unseal(self, key: bytes) -> dict[str, Any]:
        try:
            self._worker.unseal(key)
        except StartRefused as refusal:
            return {"refused": str(refusal)}
        return {}

    def _reload(self) -> dict[str, Any]:
        if self._context is None or self._certificate is None:
            return {}
        try:
            tls.load_certificate(self._context, *self._certificate)
        except StartRefused as refusal:
            _LOG.warning("%s; the certificate in use stays", refusal)
            return {"refused": str(refusal)}
        return {}


def first_message(channel: socket.socket, lines: Lines) -> Message:
    """Wait for the supervisor's first message. The process ends with the supervisor, and so does the wait."""
    while chunk := channel.recv(65536):
        for message in lines.feed(chunk):
            return message
    raise SystemExit(1)


def key_of(message: Message) -> bytes | None:
    """The root key in a message, if it brings one."""
    found = message.get("root_key")
    return bytes.fromhex(found) if isinstance(found, str) else None
