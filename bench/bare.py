"""The least that an HTTP server in Python can do: httptools on uvloop, one answer of fixed bytes, nothing checked.

``python -m bench.bare PORT WORKERS``: the peer that says how fast this machine is just now.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 300\r\n\r\n" + b"x" * 300


class Bare(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to parse."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is of no class of asyncio
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer."""
        self._transport.write(ANSWER)


def main() -> None:
    """Serve until killed, by so many processes on one port."""
    port, workers = int(sys.argv[1]), int(sys.argv[2])
    parent = os.getpid()
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_serve(port, parent))


async def _serve(port: int, parent: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    server = await asyncio.get_running_loop().create_server(Bare, sock=listener)
    async with server:
        while parent in (os.getpid(), os.getppid()):  # nobody stays behind
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    main()
