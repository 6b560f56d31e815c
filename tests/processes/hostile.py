"""A function that tries what it must not be able to do. It is uploaded as it stands; each try answers what it got."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Tries = dict[str, Callable[[dict[str, Any]], Any]]


def _caught(work: Callable[[], Any]) -> str:
    try:
        return f"got {work()!r}"
    except Exception as error:
        return type(error).__name__


def _link(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except FileNotFoundError:
        return "/proc"  # the one with which the list was read


def where(_: dict[str, Any]) -> Any:
    """What a victim tells of itself."""
    with open("/tmp/mine", "w") as file:
        file.write("private")
    return {"api": os.environ["AWS_LAMBDA_RUNTIME_API"], "uid": os.getuid()}


def ports(event: dict[str, Any]) -> Any:
    """Ask another function's Runtime API for its events, and answer one in its place."""

    def ask(method: str, path: str) -> Any:
        connection = http.client.HTTPConnection(event["api"], timeout=5)
        connection.request(method, f"/2018-06-01/runtime/{path}", body=b"{}" if method == "POST" else None)
        return connection.getresponse().status

    return [
        _caught(lambda: ask("GET", "invocation/next")),
        _caught(lambda: ask("POST", f"invocation/{event['id']}/response")),
        _caught(lambda: ask("POST", "init/error")),
    ]


def files(event: dict[str, Any]) -> Any:
    """Look at every path that is somebody else's."""
    return {path: [os.path.exists(path), _caught(partial(os.listdir, path))] for path in event["paths"]}


def sockets(event: dict[str, Any]) -> Any:
    """Talk to the server's own sockets."""

    def talk(path: str) -> Any:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            peer.sendall(b'{"do":"status"}\n')
            return peer.recv(100)

    return [_caught(partial(talk, path)) for path in event["paths"]]


def processes(_: dict[str, Any]) -> Any:
    """See processes, and read their memory, environment and files."""
    seen = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    return {
        "seen": len(seen),
        "environ": _caught(lambda: open("/proc/1/environ", "rb").read(1)),
        "memory": _caught(lambda: open("/proc/1/mem", "rb").read(1)),
        "root": _caught(lambda: os.listdir("/proc/1/root/root")),
        "kill": _caught(lambda: os.kill(1, 9)),
        "descriptors": [_link(name) for name in os.listdir("/proc/self/fd") if int(name) > 2],
        "status": [line for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm", "NoNewPrivs"))],
    }


def rights(_: dict[str, Any]) -> Any:
    """Become somebody else, mount, make devices, write where code lies."""
    return {
        "setuid": _caught(lambda: os.setuid(0)),
        "mount": subprocess.run(["mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False).returncode,
        "root": _caught(lambda: open("/x", "w")),
        "etc": _caught(lambda: open("/etc/x", "w")),
        "usr": _caught(lambda: open("/usr/x", "w")),
        "dev": _caught(lambda: open("/dev/shm/x", "w")),
        "runtime": _caught(lambda: open("/var/runtime/x", "w")),
        "disk": _caught(lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(8, 0))),
    }


def outlive(event: dict[str, Any]) -> Any:
    """Leave a child behind, in a session of its own."""
    subprocess.Popen(["sleep", event["mark"]], start_new_session=True)
    return "left"


def memory(_: dict[str, Any]) -> Any:
    """Take 10 GB."""
    return _caught(lambda: len(bytearray(10 << 30)))


def family(_: dict[str, Any]) -> Any:
    """Take 2 GB by twenty children that each take what one may."""
    for _n in range(20):
        if os.fork() == 0:
            held = bytearray(100 << 20)
            time.sleep(30)
            os._exit(len(held) & 1)
    time.sleep(20)
    return "still here"


def forks(_: dict[str, Any]) -> Any:
    """Make processes without end."""
    made = []

    def fork() -> None:
        while True:
            pid = os.fork()
            if pid == 0:
                time.sleep(30)
                os._exit(0)
            made.append(pid)

    found = _caught(fork)
    for pid in made:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return [found, len(made)]


def disk(_: dict[str, Any]) -> Any:
    """Fill the disk."""

    def fill() -> None:
        with open("/tmp/full", "wb") as file:
            while True:
                file.write(bytes(16 << 20))

    found = _caught(fill)
    size = os.path.getsize("/tmp/full")
    os.unlink("/tmp/full")
    return [found, size >> 20]


def descriptors(_: dict[str, Any]) -> Any:
    """Open files and processes without end."""
    held: list[Any] = []

    def take() -> None:
        for _n in range(5000):
            held.append(open("/dev/null"))

    opened = _caught(take)
    count = len(held)
    for one in held:
        one.close()
    return [opened, count]


def temporary(_: dict[str, Any]) -> Any:
    """Leave a temporary file behind; where it lies."""
    descriptor, path = tempfile.mkstemp()
    os.close(descriptor)
    return path


TRIES: Tries = {
    one.__name__: one
    for one in (
        where,
        ports,
        files,
        sockets,
        processes,
        rights,
        outlive,
        memory,
        family,
        forks,
        disk,
        descriptors,
        temporary,
    )
}


def handler(event: dict[str, Any], context: Any) -> Any:
    """Try what the event names."""
    return TRIES[event["try"]](event)
