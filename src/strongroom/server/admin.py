"""``DIR/run/admin.sock``: what the operator of the machine may ask of the running server.

One JSON object a line in, one out: ``{"do": "status"}``. Who may connect is decided by the file's mode (0600)
and the peer's uid (root or our own). Errors are ``{"refused": sentence}``.

| do | answer |
|---|---|
| status | state, pid, children, seal, endpoint, uptime_seconds |
| unseal (secret, in hexadecimal: a passphrase, a PIN, one share) | state; given and needed for shares |
| seal | state |
| seal rotate (secret) | state |
| seal prepare (to, secret, new_secret, threshold, shares) | seal, name, shares |
| seal commit (seal, name) | state, kind, protects |
| stop | state; the server then drains and ends |
| clock status, account create, admin reset, seal standing, seal forget | see ``parts.Parts.admin`` |
"""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.kernel.sealing.files import SealFailure
from strongroom.server.errand import outcome_of
from strongroom.server.lines import BadLine, Lines, Message, encode, listen_local, peer_is_trusted
from strongroom.server.parts import StartRefused
from strongroom.server.sealdesk import SealDesk
from strongroom.server.supervisor import Supervisor

_MOST_PEERS = 16
_ASK_SECONDS = 10.0
_STORE_COMMANDS = frozenset({"clock status", "account create", "admin reset", "seal standing", "seal forget"})


class AdminDesk:
    """Listens on the admin socket, in the supervisor's own loop."""

    def __init__(self, supervisor: Supervisor, seal: SealDesk, url: str) -> None:
        self._supervisor = supervisor
        self._seal = seal
        self._url = url
        self._peers: dict[socket.socket, Lines] = {}
        self._path = supervisor.directory.admin_socket
        self._listener = listen_local(self._path, backlog=_MOST_PEERS)
        self._listener.setblocking(False)
        supervisor.reactor.watch(self._listener, self._accept)
        supervisor.on_fork(self._abandon)

    def close(self) -> None:
        """Take the socket away."""
        self._path.unlink(missing_ok=True)
        self._abandon()

    def _abandon(self) -> None:
        for opened in (self._listener, *self._peers):
            opened.close()

    # Peers

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        if len(self._peers) >= _MOST_PEERS or not peer_is_trusted(peer):
            peer.close()
            return
        peer.setblocking(False)
        self._peers[peer] = Lines()
        self._supervisor.reactor.watch(peer, functools.partial(self._hear, peer))
        self._supervisor.reactor.later(_ASK_SECONDS, functools.partial(self._give_up, peer))

    def _hear(self, peer: socket.socket) -> None:
        try:
            chunk = peer.recv(65536)
            message = next(self._peers[peer].feed(chunk), None)
        except BlockingIOError:
            return
        except (OSError, BadLine):
            self._close(peer)
            return
        if not chunk:
            self._close(peer)
        elif message is not None:
            # One question a connection: from here on only the answer goes over it.
            self._supervisor.reactor.forget(peer)
            self._do(message, functools.partial(self._answer, peer))

    def _give_up(self, peer: socket.socket) -> None:
        """Close a peer that has not asked. One whose answer takes long is not watched any more, and stays."""
        if peer in self._peers and self._supervisor.reactor.watches(peer):
            self._close(peer)

    def _answer(self, peer: socket.socket, message: Mapping[str, Any]) -> None:
        if peer in self._peers:
            with contextlib.suppress(OSError):
                peer.sendall(encode(message))
            self._close(peer)

    def _close(self, peer: socket.socket) -> None:
        del self._peers[peer]
        if self._supervisor.reactor.watches(peer):
            self._supervisor.reactor.forget(peer)
        peer.close()

    # Commands

    def _do(self, message: Message, answer: Callable[[Mapping[str, Any]], None]) -> None:
        command = message.get("do")
        try:
            if command in _STORE_COMMANDS:
                self._in_the_store(message, answer)
            elif command == "status":
                answer(self._status())
            elif command == "unseal":
                self._seal.unseal(message, answer)
            elif command == "seal rotate":
                self._seal.rotate(message, answer)
            elif command == "seal prepare":
                self._seal.prepare_change(message, answer)
            elif command == "seal commit":
                self._seal.commit_change(message, answer)
            elif command == "seal":
                self._close_seal(answer)
            elif command == "stop":
                answer({"state": "draining"})
                self._supervisor.drain()
            else:
                answer({"refused": f"there is no command {command!r}"})
        except (StartRefused, SealFailure) as refusal:
            answer({"refused": str(refusal)})

    def _status(self) -> Mapping[str, Any]:
        supervisor = self._supervisor
        return {
            "state": supervisor.state,
            "sealed": supervisor.root_key is None,
            "seal": self._seal.status(),
            "endpoint": self._url,
            "uptime_seconds": int(time.monotonic() - supervisor.started),
            "children": [
                {
                    "name": post.name,
                    "pid": None if post.child is None else post.child.pid,
                    "ready": post.child is not None and post.child.ready,
                    "restarts": max(0, post.restarts),
                }
                for post in supervisor.posts
            ],
        }

    def _close_seal(self, answer: Callable[[Mapping[str, Any]], None]) -> None:
        if self._supervisor.root_key is None:
            raise StartRefused("the server is sealed already")
        self._supervisor.seal(lambda: answer({"state": "sealed"}))

    def _in_the_store(self, message: Message, answer: Callable[[Mapping[str, Any]], None]) -> None:
        supervisor, key = self._supervisor, self._supervisor.root_key

        def told(outcome: Message) -> None:
            try:
                answer(outcome_of(outcome))
            except StartRefused as refusal:
                answer({"refused": str(refusal)})

        supervisor.errand(str(message["do"]), lambda: supervisor.parts.admin(message, key), told)
