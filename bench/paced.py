"""A load that keeps its pace: calls are due at their moments whether the last ones are answered or not.

A closed loop waits for its server and so never offers more than it takes; what overload does to those who wait is
then not seen. Here latency counts from the moment at which a call was due, its wait for a free connection included.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ANSWERED, REFUSED, BROKEN = "answered", "refused", "broken"
_PAUSE_SECONDS = 0.0005
_LENGTH = b"content-length: "


@dataclass
class Measured:
    """What came of the calls that were due in some seconds. Latencies in seconds, sorted, by outcome.

    ``busy``: the part of the time that the load itself worked; near 1 it could not have kept its pace.
    """

    seconds: float
    offered: int = 0
    busy: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=lambda: {ANSWERED: [], REFUSED: [], BROKEN: []})
    errors: Counter[str] = field(default_factory=Counter)

    def rate(self, outcome: str) -> float:
        """How many a second."""
        return len(self.latencies[outcome]) / self.seconds

    def ms(self, outcome: str, part: float) -> float:
        """The latency that this part of the calls does not exceed, in milliseconds."""
        found = self.latencies[outcome]
        return found[min(int(len(found) * part), len(found) - 1)] * 1e3 if found else 0.0


def signed_pool(url: str, key: tuple[str, str], target: str, bodies: list[bytes]) -> list[bytes]:
    """Whole requests, signed now: they are good for five minutes."""
    host, made = urlsplit(url).netloc, []
    for body in bodies:
        asked = AWSRequest(
            "POST", url + "/", data=body, headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        )
        SigV4Auth(Credentials(*key), "secretsmanager", "us-east-1").add_auth(asked)
        head = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
        made.append(f"POST / HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return made


class _Connection:
    __slots__ = ("due", "got", "recv", "send", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.send, self.recv = self.socket.send, self.socket.recv
        self.due = 0.0
        self.got = b""


class Load:
    """``connections`` to one server; each has one call under way at most.

    Its own work a call must be small beside the server's, or what is measured is the load: hence epoll as it is.
    """

    def __init__(self, url: str, pool: list[bytes], *, connections: int) -> None:
        parts = urlsplit(url)
        self._pool, self._next = pool, 0
        self._epoll = select.epoll()
        self._open: dict[int, _Connection] = {}
        for _ in range(connections):
            one = _Connection((parts.hostname or "", parts.port or 0))
            self._open[one.socket.fileno()] = one
            self._epoll.register(one.socket, select.EPOLLIN)
        self._free = deque(self._open.values())

    def run(self, seconds: float, rate: float | None) -> Measured:
        """Offer ``rate`` calls a second for so long, or as many as are answered; then wait for the last answers."""
        measured = Measured(seconds)
        spent = time.process_time()
        begun = time.perf_counter()
        end, offered, all_, over = begun + seconds, 0, len(self._free), False
        free, opened, receive = self._free, self._open, self._receive
        while True:
            now = time.perf_counter()
            if rate is None:
                due = offered + (len(free) if now < end else 0)
            else:
                due = min(int((now - begun) * rate) + 1, int(seconds * rate))
            while not over and offered < due and free:
                self._send(free.popleft(), now if rate is None else begun + offered / rate, measured)
                offered += 1
            over = now >= end  # what was due in the last moment before it has gone out
            if over and (len(free) == all_ or now > end + 10):
                break
            for number, _ in self._epoll.poll(_PAUSE_SECONDS):
                receive(opened[number], measured)
        measured.offered = offered if rate is None else int(seconds * rate)
        measured.busy = (time.process_time() - spent) / (time.perf_counter() - begun)
        for found in measured.latencies.values():
            found.sort()
        return measured

    def close(self) -> None:
        """Hang up."""
        for one in self._open.values():
            one.socket.close()
        self._epoll.close()

    def _send(self, one: _Connection, due: float, measured: Measured) -> None:
        one.due, one.got = due, b""
        self._next = at = (self._next + 1) % len(self._pool)
        try:
            one.send(self._pool[at])
        except OSError as error:
            self._broken(one, measured, type(error).__name__)

    def _receive(self, one: _Connection, measured: Measured) -> None:
        try:
            got = one.recv(65536)
        except OSError as error:
            self._broken(one, measured, type(error).__name__)
            return
        if not got:
            self._broken(one, measured, "closed")
            return
        if one.got:
            got = one.got + got
        head, length = got.find(b"\r\n\r\n"), got.find(_LENGTH)
        if head < 0 or len(got) < head + 4 + int(got[length + len(_LENGTH) : got.find(b"\r\n", length)]):
            one.got = got
            return
        if got.startswith(b"HTTP/1.1 200"):
            outcome = ANSWERED
        elif b"ThrottlingException" in got:
            outcome = REFUSED
        else:
            outcome = BROKEN
            measured.errors[got[head : head + 200].decode("latin-1")] += 1
        measured.latencies[outcome].append(time.perf_counter() - one.due)
        self._free.append(one)

    def _broken(self, one: _Connection, measured: Measured, why: str) -> None:
        measured.latencies[BROKEN].append(time.perf_counter() - one.due)
        measured.errors[why] += 1
        self._epoll.unregister(one.socket)
        del self._open[one.socket.fileno()]
        one.socket.close()
