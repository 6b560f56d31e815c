"""A Strongroom inside the test's own process: the real product, a real socket, stock boto3, no supervisor.

Each test gets an account of its own (``Account``), so that tests share one server and never each other's data.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import uvicorn
from botocore.config import Config

from strongroom.app import Product
from strongroom.kernel.jobs.due import count_due
from strongroom.server.admission import Standing
from strongroom.server.parts import Receive, Send
from strongroom.services.local.store import clock_offset, move_clock
from strongroom.settings import Settings
from tests import planted

ROOT_KEY = bytes(range(32))
# One session keeps the service models that it has read; making clients from it is not safe between threads.
_SESSION = boto3.session.Session()
_MAKING = threading.Lock()


@dataclass(frozen=True)
class Account:
    """One account with its administrator's keys, and stock clients for it."""

    url: str
    id: str
    key_id: str
    secret: str

    def client(self, service: str, region: str = "us-east-1", **credentials: str) -> Any:
        """A boto3 client; other credentials as ``aws_access_key_id=..., aws_secret_access_key=...``."""
        keys = {"aws_access_key_id": self.key_id, "aws_secret_access_key": self.secret} | credentials
        with _MAKING:
            made = _SESSION.client(
                service,
                region,
                endpoint_url=self.url,
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
                **keys,
            )
        return planted.watch(made, self.url)


class InProcess:
    """The product on a loopback port."""

    def __init__(self, data: Path, **settings: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings = Settings(data=data, host="127.0.0.1", port=self.port, tls="off", **settings)
        self.url = f"http://127.0.0.1:{self.port}"
        self.product = Product(self.settings)
        self.product.prepare(ROOT_KEY)
        self.worker = self.product.open_worker(ROOT_KEY, 0)
        self.runner = self.product.open_runner(ROOT_KEY)
        self._stop = threading.Event()
        self._standings: dict[Any, Standing] = {}
        config = uvicorn.Config(
            self._plain,
            port=self.port,
            lifespan="off",
            log_level="warning",
            ws="none",
            interface="asgi3",
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self._threads = [
            threading.Thread(target=self._server.run),
            threading.Thread(target=self.runner.run, args=(self._stop,)),
        ]
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the server did not start")
            time.sleep(0.005)

    async def _plain(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})
        scope["state"]["tls"] = None
        # What a connection has proven stays with it, as in the server's own protocol.
        scope["state"]["standing"] = self._standings.setdefault(scope["client"], Standing())
        await self.worker.asgi(scope, receive, send)

    def account(self, account: str | None = None) -> Account:
        """A new account."""
        made = self.product.admin({"do": "account create", "account": account}, ROOT_KEY)
        return Account(self.url, made["account"], made["access_key_id"], made["secret_access_key"])

    def run_due(self) -> None:
        """Do all jobs that are due now, and wait for those that the runner's own loop has begun."""
        engine = self.worker.asgi.engine  # type: ignore[attr-defined]
        until = time.monotonic() + 180
        while True:
            self.runner.run_due_now()
            with engine.store.read() as tx:
                left = count_due(tx, self.product.clock() + clock_offset(tx))
            if left == 0:
                return
            assert time.monotonic() < until, f"{left} jobs are due and not done"
            time.sleep(0.01)

    def advance(self, by: timedelta) -> None:
        """Move the product's clock, as AdvanceClock does."""
        opened = self.product.open_engine(ROOT_KEY, "test_clock")
        try:
            with opened.store.write() as tx:
                move_clock(tx, by)
        finally:
            opened.close()
        self.run_due()

    def close(self) -> None:
        """Stop everything."""
        self._stop.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(20)
        self.runner.close()
        self.worker.close()
        planted.check(self.url, self.settings.data)
