"""Start a server: from an empty or a used data directory to running children, or one sentence why not."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.base.clock import Clock, machine_clock
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import Seal, parse_seal
from strongroom.server import hardening
from strongroom.server.admin import AdminDesk
from strongroom.server.certificates import OwnCertificates, given_files
from strongroom.server.directory import DataDirectory, open_directory, take_lock, write_endpoint
from strongroom.server.errand import start_errand, wait_for
from strongroom.server.hosts import HostCheck
from strongroom.server.listening import is_loopback, listen
from strongroom.server.parts import Parts, Prepared, Serving, StartRefused
from strongroom.server.supervisor import Supervisor
from strongroom.server.worker import Files

_PREPARE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Started:
    """What the screen tells when every child answers."""

    url: str
    directory: DataDirectory
    prepared: Prepared
    seal: str
    sealed: bool
    ca: Path | None


def serve(
    parts: Parts,
    serving: Serving,
    *,
    passphrase: Callable[[bool], bytes | None],
    announce: Callable[[Started], None],
    say: Callable[[str], None],
    clock: Clock = machine_clock,
) -> int:
    """Serve until told to stop; the exit status.

    ``passphrase(new)`` is asked where the seal needs one; None starts sealed (or refuses, where a new one is
    needed). ``announce`` is called once, when every child answers; ``say`` for each thing an operator should
    know. Raises StartRefused.
    """
    hardening.refuse_core_dumps()
    os.umask(0o077)
    _many_descriptors()
    if serving.tls == "off" and not is_loopback(serving.host):
        raise StartRefused(f"--tls off is allowed on a loopback address only, and {serving.host} is not one")
    directory = open_directory(serving.data)
    lock = take_lock(directory)
    listeners = listen(serving.host, serving.port, slots=serving.workers, backlog=serving.limits.backlog)
    try:
        seal, root_key, prepared = _open(parts, serving, directory, passphrase)
        certificates, files = _certificates(serving, directory, root_key, clock)
        url = _url(serving, listeners[0])
        ca = None if certificates is None else certificates.ca
        supervisor = Supervisor(
            parts,
            serving,
            directory,
            listeners=listeners,
            certificates=certificates,
            files=files,
            say=say,
            clock=clock,
        )
        desk = AdminDesk(supervisor, seal, url)
        write_endpoint(
            directory,
            {"url": url, "ca": None if ca is None else str(ca), "pid": os.getpid(), **serving.about},
        )
        started = Started(url, directory, prepared, seal.describe(), root_key is None, ca)
        try:
            return supervisor.run(root_key, lambda: announce(started))
        finally:
            desk.close()
    finally:
        for listener in listeners:
            listener.close()
        os.close(lock)


def _open(
    parts: Parts, serving: Serving, directory: DataDirectory, passphrase: Callable[[bool], bytes | None]
) -> tuple[Seal, bytes | None, Prepared]:
    """The seal, the root key it gives (None: sealed), and the prepared store."""
    try:
        seal = parse_seal(serving.seal, directory.root)
        root_key = _root_key(parts, seal, passphrase)
    except SealFailure as failure:
        raise StartRefused(str(failure)) from None

    def prepare() -> dict[str, Any]:
        done = parts.prepare(root_key)
        return {"fresh": done.fresh, "administrator": done.administrator, "notes": list(done.notes)}

    done = wait_for(start_errand("preparing the store", prepare), timeout=_PREPARE_SECONDS)
    return seal, root_key, Prepared(done["fresh"], done["administrator"], tuple(done["notes"]))


def _root_key(parts: Parts, seal: Seal, passphrase: Callable[[bool], bytes | None]) -> bytes | None:
    """The root key, made where there is none yet. Never made where a store waits for an older one."""
    if seal.exists():
        if not seal.needs_passphrase:
            return seal.open()
        given = passphrase(False)
        return None if given is None else seal.open(given)
    if not seal.made_at_first_start:
        return seal.open()  # says what is missing
    ask = start_errand("looking into the store", lambda: {"initialised": parts.initialised()})
    if wait_for(ask, timeout=_PREPARE_SECONDS)["initialised"]:
        raise StartRefused(
            "this store was made with a root key that is not here: put the seal's files back, or name"
            " the seal with --seal; nothing was changed"
        )
    given = passphrase(True) if seal.needs_passphrase else None
    if seal.needs_passphrase and given is None:
        raise StartRefused("a new passphrase seal needs a passphrase: start in a terminal, or with --passphrase-fd N")
    return seal.create(SystemEntropy(), given)


def _certificates(
    serving: Serving, directory: DataDirectory, root_key: bytes | None, clock: Clock
) -> tuple[OwnCertificates | None, Files | None]:
    if serving.tls == "off":
        return None, None
    if serving.tls != "auto":
        return None, given_files(serving.tls)
    own = OwnCertificates(directory, HostCheck(serving.host, serving.hosts).names)
    if root_key is not None:
        own.renew(Keyring(root_key), clock())
    elif not own.usable():
        raise StartRefused("there is no TLS certificate yet, and none can be made while sealed: give the passphrase")
    return own, own.files


def _url(serving: Serving, listener: socket.socket) -> str:
    """The URL for clients on this machine: a wildcard address is called by its loopback name."""
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(serving.host, serving.host)  # noqa: S104
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{'http' if serving.tls == 'off' else 'https'}://{host}:{port}"


def _many_descriptors() -> None:
    """As many open files as the system allows us: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
