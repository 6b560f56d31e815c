"""A crowd that comes at once is let in at once: a worker accepts many connections in a turn of its event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from strongroom.server.listening import ACCEPTED_A_TURN, listen, often

CROWD = 2 * ACCEPTED_A_TURN


def test_a_turn_of_the_loop_accepts_many_connections() -> None:
    accepted = 0

    class Counted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            nonlocal accepted
            accepted += 1

    async def turns(listener: socket.socket) -> list[int]:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Counted, sock=one, backlog=CROWD) for one in often(listener)]
        with ExitStack() as stack:
            for _ in range(CROWD):
                stack.enter_context(socket.create_connection(listener.getsockname(), 60))
            counts, deadline = [0], loop.time() + 60
            while accepted < CROWD and loop.time() < deadline:
                await asyncio.sleep(0)
                if accepted > counts[-1]:
                    counts.append(accepted)
        for server in servers:
            server.close()
        return counts

    counts = uvloop.run(turns(listen("127.0.0.1", 0, slots=1, backlog=CROWD)[0]))
    assert CROWD == counts[-1]
    # Some turn may find only a part of the crowd; one at a time is what it must not be.
    assert len(counts) - 1 <= CROWD // 8
