"""A wire between client and PostgreSQL that can be cut at the moment after COMMIT was carried out."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from pathlib import Path

COMMITTED = b"COMMIT\0"  # the command tag in the server's answer, which the request's text never is


class Proxy:
    """Passes everything on over a Unix socket; ``cut_next_commit`` swallows one answer and hangs up."""

    def __init__(self, server_directory: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="srpx-"))
        self._target = str(server_directory / ".s.PGSQL.5432")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.directory / ".s.PGSQL.5432"))
        self._listening.listen()
        self._cut = threading.Event()
        self.cut = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next_commit(self) -> None:
        """The next COMMIT is carried out, and its answer lost with the connection."""
        self._cut.set()

    def close(self) -> None:
        """End everything."""
        for one in (self._listening, *self._sockets):
            _hang_up(one)
        (self.directory / ".s.PGSQL.5432").unlink()
        self.directory.rmdir()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self._cut.is_set() and COMMITTED in data:
                    self._cut.clear()
                    self.cut.set()
                    break
                target.sendall(data)
        _hang_up(source)
        _hang_up(target)


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
