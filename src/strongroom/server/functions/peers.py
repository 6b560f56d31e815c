"""Whose connection is it? A Runtime API answers the processes of its own function, and nobody else.

All functions share the machine's loopback, so a port alone keeps nobody out. The kernel knows the socket at the
other end: started by root, its uid is one that only this function's processes have; else the socket must be open
in a process of the function's own PID namespace.

Source: proc(5), /proc/net/tcp, /proc/PID/fd, /proc/PID/ns/pid; pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9


def is_of_uid(connection: socket.socket, uid: int) -> bool:
    """Whether the other end of a loopback connection belongs to a uid."""
    found = _other_end(connection)
    return found is not None and found[0] == uid


def is_of_namespace(connection: socket.socket, namespace: str) -> bool:
    """Whether the other end is open in a process of a PID namespace, named as ``pid:[4026532000]``."""
    found = _other_end(connection)
    if found is None:
        return False
    wanted = f"socket:[{found[1]}]"
    return any(_holds(pid, wanted) for pid in members(namespace))


def members(namespace: str) -> Iterator[int]:
    """The processes of a PID namespace, by our numbers of them."""
    for entry in os.listdir("/proc"):  # noqa: PTH208  names, not paths: there may be thousands
        if entry.isdigit() and _namespace(int(entry)) == namespace:
            yield int(entry)


class Census:
    """Who lives in which namespace, counted once for all who ask at about the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._when = 0.0
        self._found: dict[str, list[int]] = {}

    def members(self, namespace: str, *, age: float) -> list[int]:
        """The processes of a namespace as they were at most ``age`` seconds ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._when > age:
                found: dict[str, list[int]] = {}
                for entry in os.listdir("/proc"):  # noqa: PTH208  as above
                    if entry.isdigit() and (place := _namespace(int(entry))) is not None:
                        found.setdefault(place, []).append(int(entry))
                self._found, self._when = found, now
            return self._found.get(namespace, [])


_CENSUS = Census()


def in_use(namespace: str, *, age: float) -> tuple[int, int]:
    """How many bytes of memory the processes of a namespace have in use together, and how many processes they are.

    What they share counts for each, which is quick; ``proportional_bytes`` is exact. ``age``: as in Census.
    """
    total, count = 0, 0
    for pid in _CENSUS.members(namespace, age=age):
        count += 1
        with contextlib.suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return total, count


def proportional_bytes(namespace: str) -> int:
    """The same with shared memory counted once, in parts. Source: proc(5), smaps_rollup, Pss."""
    total = 0
    for pid in members(namespace):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
    return total


def _namespace(pid: int) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115
    return None


def _holds(pid: int, wanted: str) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == wanted:  # noqa: PTH115
                    return True
    return False


def _other_end(connection: socket.socket) -> tuple[int, int] | None:
    """Uid and inode of the socket at the other end of an IPv4 loopback connection."""
    theirs, ours = _spelled(connection.getpeername()), _spelled(connection.getsockname())
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        next(table)
        for line in table:
            parts = line.split()
            if parts[_LOCAL] == theirs and parts[_REMOTE] == ours:
                return int(parts[_UID]), int(parts[_INODE])
    return None


def _spelled(address: tuple[str, int]) -> str:
    """An address as the table prints it: the four bytes as a number of this machine's byte order."""
    number = int.from_bytes(socket.inet_aton(address[0]), "little" if _LITTLE else "big")
    return f"{number:08X}:{address[1]:04X}"


_LITTLE = sys.byteorder == "little"
