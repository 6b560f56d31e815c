"""Start a server: from an empty or a used data directory to running children, or one sentence why not."""

from __future__ import annotations

import gc
import os
import resource
import socket
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.base.classes import dataclass
from strongroom.base.clock import Clock, machine_clock
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import Seal, parse_seal
from strongroom.server import hardening
from strongroom.server.certificates import OwnCertificates, given_files
from strongroom.server.directory import DataDirectory, open_directory, take_lock, write_endpoint
from strongroom.server.errand import start_errand, wait_for
from strongroom.server.hosts import HostCheck
from strongroom.server.keeping import brought_up, told_plainly
from strongroom.server.listening import is_loopback, listen
from strongroom.server.parts import Parts, Prepared, Serving, StartRefused

if TYPE_CHECKING:
    from strongroom.server.worker import Files

_UMASK = 0o077
_PREPARE_SECONDS = 600.0
_SEAL_SECONDS = 60.0
_FOREIGN = frozenset({"command", "pkcs11"})


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
    secret: Callable[[str, bool], bytes | None],
    announce: Callable[[Started], None],
    say: Callable[[str], None],
    clock: Clock = machine_clock,
) -> int:
    """Serve until told to stop; the exit status.

    ``secret(asks, new)`` is asked where the seal needs a passphrase, shares or a PIN; None starts sealed (or
    refuses, where a new one is needed). ``announce`` is called once, when every child answers; ``say`` for each
    thing an operator should know. Raises StartRefused.
    """
    hardening.refuse_core_dumps()
    given = os.umask(_UMASK)
    _many_descriptors()
    if serving.tls == "off" and not is_loopback(serving.host):
        raise StartRefused(f"--tls off is allowed on a loopback address only, and {serving.host} is not one")
    directory = open_directory(serving.data)
    lock = take_lock(directory)
    listeners = listen(serving.host, serving.port, slots=serving.workers, backlog=serving.limits.backlog)
    try:
        own = OwnCertificates(directory, HostCheck(serving.host, serving.hosts).names)
        seal, root_key, prepared = _open(parts, serving, directory, own, secret, lambda: _import_the_rest(parts, given))
        # Imported while the store was being prepared, when this process has nothing else to do.
        from strongroom.server.admin import AdminDesk  # noqa: PLC0415
        from strongroom.server.sealdesk import SealDesk  # noqa: PLC0415
        from strongroom.server.supervisor import Supervisor  # noqa: PLC0415

        certificates, files = _certificates(serving, own, root_key, clock)
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
        desk = AdminDesk(supervisor, SealDesk(supervisor, seal, serving.seal_command), url)
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
    parts: Parts,
    serving: Serving,
    directory: DataDirectory,
    own: OwnCertificates,
    secret: Callable[[str, bool], bytes | None],
    meanwhile: Callable[[], None],
) -> tuple[Seal, bytes | None, Prepared]:
    """The seal, the root key it gives (None: sealed), and the prepared store, which a child prepares ``meanwhile``."""
    try:
        seal = parse_seal(serving.seal, directory.root, serving.seal_command)
        root_key, given = _root_key(parts, seal, secret)
    except SealFailure as failure:
        raise StartRefused(str(failure)) from None

    def prepare() -> dict[str, Any]:
        gc.enable()
        done = parts.prepare(root_key)
        notes, newest = list(done.notes), root_key
        if root_key is not None:
            try:
                newest = brought_up(parts, seal, own, root_key, given)
                current.tidy(directory.root, seal.path)
            except SealFailure as failure:
                notes.append(f"The root key is being replaced, and this node's seal gives the older one: {failure}")
        told = None if newest is None else newest.hex()
        return {"fresh": done.fresh, "administrator": done.administrator, "notes": notes, "root_key": told}

    preparing = start_errand("preparing the store", prepare)
    try:
        meanwhile()
    except BaseException:
        preparing.end()
        raise
    done = wait_for(preparing, timeout=_PREPARE_SECONDS)
    newest = None if done["root_key"] is None else bytes.fromhex(done["root_key"])
    return seal, newest, Prepared(done["fresh"], done["administrator"], tuple(done["notes"]))


def _import_the_rest(parts: Parts, umask: int) -> None:
    """Import what the store's preparation does without, once for all children; then they share what is here for good.

    What imports leave behind (compiled modules) is made as the operator's own ``umask`` says, nothing else is made.
    """
    own = os.umask(umask)
    try:
        parts.preload()
        import_module("strongroom.server.admin")
    finally:
        os.umask(own)
    gc.freeze()  # what is here now stays for good; collections in children would only unshare its pages
    gc.enable()


def _root_key(
    parts: Parts, seal: Seal, secret: Callable[[str, bool], bytes | None]
) -> tuple[bytes | None, bytes | None]:
    """The root key, made where there is none yet, and the secret that opened it.

    Never made where a store waits for an older one.
    """
    if seal.exists():
        given = secret(seal.asks, False) if seal.asks else None
        if seal.asks and given is None:
            return None, None
        return _apart(seal, lambda: seal.open(given)), given
    if not seal.made_at_first_start:
        return seal.open(), None  # says what is missing
    ask = start_errand("looking into the store", lambda: {"initialised": parts.initialised()})
    if wait_for(ask, timeout=_PREPARE_SECONDS)["initialised"]:
        raise StartRefused(
            "this store was made with a root key that is not here: put the seal's files back, or name"
            " the seal with --seal; nothing was changed"
        )
    given = secret(seal.asks, True) if seal.asks else None
    if seal.asks and given is None:
        raise StartRefused(
            f"a new {seal.kind} seal needs a {seal.asks}: start in a terminal, or with --passphrase-fd N"
        )
    return _apart(seal, lambda: seal.create(SystemEntropy(), given)), given


def _apart(seal: Seal, work: Callable[[], bytes]) -> bytes:
    """Open or make a seal; in a process of its own where that runs foreign code: a token's library starts threads."""
    if seal.kind not in _FOREIGN:
        return work()

    def told() -> Mapping[str, Any]:
        return {"root_key": work().hex()}

    done = wait_for(start_errand("opening the seal", told_plainly(told)), timeout=_SEAL_SECONDS)
    return bytes.fromhex(done["root_key"])


def _certificates(
    serving: Serving, own: OwnCertificates, root_key: bytes | None, clock: Clock
) -> tuple[OwnCertificates | None, Files | None]:
    if serving.tls == "off":
        return None, None
    if serving.tls != "auto":
        return None, given_files(serving.tls)
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
