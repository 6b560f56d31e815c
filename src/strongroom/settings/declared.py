"""Every setting, once: its type, default, unit, meaning and bounds. No setting holds a secret: those come from files.

``docs/reference/settings.md`` is printed from this file.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strongroom.base.names import is_account_id
from strongroom.kernel.outside.https import Outside
from strongroom.server.admission import Bounds
from strongroom.server.listening import is_loopback
from strongroom.server.parts import Serving, StartRefused, WireLimits
from strongroom.server.proxies import trusted_network

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")


def _setting(
    default: Any,
    unit: str,
    meaning: str,
    *,
    extreme: Any,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A field with what people and the simulator need to know. ``extreme``: a hard but legal value."""
    told = {"unit": unit, "help": meaning, "extreme": extreme, "least": least, "most": most}
    return field(default=default, metadata=told)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one server. Making one checks it: raises StartRefused with one sentence."""

    data: Path = _setting(  # noqa: RUF009  a field, like all the others
        Path("strongroom-data"),
        "directory",
        "Where everything lies. Made at the first start, mode 0700.",
        extreme=Path("d"),
    )
    host: str = _setting(
        "127.0.0.1",
        "address",
        "The address to listen on. `--listen HOST:PORT` sets it and the port.",
        extreme="::1",
    )
    port: int = _setting(8443, "port", "The TCP port to listen on; 0 takes a free one.", extreme=0, least=0, most=65535)
    hosts: tuple[str, ...] = _setting(
        (),
        "names",
        "Further names by which clients call, besides localhost, 127.0.0.1, [::1] and the listen"
        " address. `*.example.com` stands for one label. They also go into the server's certificate.",
        extreme=("*.vault.internal", "vault.internal"),
    )
    proxies: tuple[str, ...] = _setting(
        (),
        "addresses",
        "Addresses or networks of proxies that are believed to name the client in `X-Forwarded-For`, for"
        " `aws:SourceIp` and the records. Nobody else is believed.",
        extreme=("10.0.0.0/8", "::1"),
    )
    store: str = _setting(
        "",
        "URL",
        "The store: `sqlite:PATH` or `postgresql://USER@HOST/DB`; empty means DIR/store.db. It must not"
        " hold a password: PostgreSQL reads one from the file named by `?passfile=PATH`.",
        extreme="sqlite:s.db",
    )
    workers: int = _setting(0, "processes", "API workers; 0 means one for each core.", extreme=1, least=0, most=64)
    tls: str = _setting(
        "auto",
        "mode",
        "`auto`: a CA and a certificate made and renewed in DIR/tls. `CERT,KEY`: files of your own."
        " `off`: plain HTTP, only on a loopback address.",
        extreme="off",
    )
    seal: str = _setting(
        "",
        "seal",
        "Where the root key comes from: `file` (DIR/seal/root.key), `file:PATH`, `passphrase`, `shamir`, `command`"
        " or `pkcs11:URI`; empty means the one that the data directory has, at first `file`.",
        extreme="passphrase",
    )
    seal_command: tuple[str, ...] = _setting(
        (),
        "program and arguments",
        "What the command seal runs. It prints a secret of 8 to 1024 bytes, the same each time, within 30 seconds.",
        extreme=("/bin/true",),
    )
    region: str = _setting(
        "us-east-1",
        "Region",
        "The Region that `strongroom env` tells clients to use.",
        extreme="eu-central-1",
    )
    regions: tuple[str, ...] = _setting(
        (),
        "Regions",
        "The Regions that are served; empty means all of the `aws` partition.",
        extreme=("eu-central-1",),
    )
    account: str = _setting(
        "123456789012",
        "account id",
        "The account made at the first start: 12 digits.",
        extreme="000000000001",
    )
    dev_clock: bool = _setting(
        False,
        "yes or no",
        "Make a data directory whose clock `strongroom clock advance` can move. Never for real secrets.",
        extreme=True,
    )
    function_isolation: str = _setting(
        "bubblewrap",
        "`bubblewrap` or `none`",
        "How functions are kept from this machine. `none` lets their code read everything that the server"
        " can; every start, health and each log stream then says so.",
        extreme="none",
    )
    function_pythons: tuple[str, ...] = _setting(
        (),
        "paths",
        "Further interpreters for functions, each able to import awslambdaric and boto3."
        " The server's own is always one.",
        extreme=("/usr/bin/python3",),
    )
    function_authorities: tuple[str, ...] = _setting(
        (),
        "paths",
        "Files of certificates, in PEM form, of authorities that functions trust beside the system's: those of your"
        " databases.",
        extreme=(),
    )
    function_processes: int = _setting(
        32, "processes", "The most processes of functions at once.", extreme=1, least=1, most=1024
    )
    function_processors: int = _setting(
        0,
        "processors",
        "How many of the machine's processors functions may use together; 0: all but one, which is left to calls.",
        extreme=1,
        least=0,
        most=4096,
    )
    function_idle: float = _setting(
        300.0, "seconds", "How long a function's process is kept without work.", extreme=1.0, least=1, most=86400
    )
    function_scratch_mb: int = _setting(
        512, "MB", "The most that a function may have in /tmp, which is memory.", extreme=512, least=512, most=10240
    )
    console: str = _setting(
        "auto",
        "`auto`, `on` or `off`",
        "Whether /console answers people with web pages. `auto`: on a loopback address only.",
        extreme="off",
    )
    console_idle: int = _setting(
        30, "minutes", "How long a session at the console lasts without being used.", extreme=1, least=1, most=720
    )
    console_session: int = _setting(
        12, "hours", "How long a session at the console lasts at most.", extreme=1, least=1, most=36
    )
    rotations_at_once: int = _setting(
        8,
        "rotations",
        "The most rotations that one node has under way at once; at most half of them by one function, and half of"
        " them second and further attempts.",
        extreme=1,
        least=1,
        most=1024,
    )
    journal_sync: str = _setting(
        "batched",
        "`batched` or `each`",
        "When the record of a read is synced to disk: within 100 ms, or before"
        " its answer leaves. The record of a write is always synced first.",
        extreme="each",
    )
    journal_days: int = _setting(
        400,
        "days",
        "How long the records of calls are kept; 0 keeps them for ever. Heads say what went.",
        extreme=1,
        least=0,
        most=36_500,
    )
    journal_max_mb: int = _setting(
        0,
        "MiB",
        "The most that records may take on the disk, packed ones as they are; the oldest go first. 0 sets no bound.",
        extreme=64,
        least=0,
        most=1_000_000_000,
    )
    space_warn_mb: int = _setting(
        1024,
        "MiB",
        "Free space of the data directory's disk under which health warns.",
        extreme=1,
        least=0,
        most=1_000_000_000,
    )
    space_writes_mb: int = _setting(
        256,
        "MiB",
        "Free space under which calls that make the store grow are refused.",
        extreme=1,
        least=0,
        most=1_000_000_000,
    )
    space_calls_mb: int = _setting(
        64,
        "MiB",
        "Free space under which every call is refused; health still answers.",
        extreme=1,
        least=0,
        most=1_000_000_000,
    )
    oidc_internal_hosts: tuple[str, ...] = _setting(
        (),
        "names",
        "OIDC providers (`HOST` or `HOST:PORT`) that may have loopback and link-local addresses; no other"
        " host with such an address is ever asked for its keys.",
        extreme=("localhost:8444",),
    )
    oidc_ca_files: tuple[str, ...] = _setting(
        (),
        "HOST=FILE",
        "CA certificates for the OIDC providers of one's own, each as `HOST=FILE` or `HOST:PORT=FILE`: for that"
        " host they stand instead of the system's.",
        extreme=("oidc.internal=/etc/ca.pem",),
    )
    max_body_bytes: int = _setting(
        1024 * 1024,
        "bytes",
        "The largest request body.",
        extreme=128 * 1024,
        least=128 * 1024,
        most=256 * 1024 * 1024,
    )
    max_code_bytes: int = _setting(
        72 * 1024 * 1024,
        "bytes",
        "The largest request body where Lambda takes code and payloads; a worker reads four such at once.",
        extreme=1024 * 1024,
        least=128 * 1024,
        most=256 * 1024 * 1024,
    )
    max_head_bytes: int = _setting(
        32 * 1024,
        "bytes",
        "The largest request head: the request line and all headers.",
        extreme=8 * 1024,
        least=8 * 1024,
        most=1024 * 1024,
    )
    max_headers: int = _setting(100, "headers", "The most headers of one request.", extreme=32, least=32, most=1000)
    head_timeout: float = _setting(
        10.0, "seconds", "How long a request head may take to arrive.", extreme=1.0, least=0.5, most=600
    )
    body_timeout: float = _setting(
        30.0,
        "seconds",
        "How long a request body may take to arrive, and an answer to be taken.",
        extreme=1.0,
        least=0.5,
        most=3600,
    )
    keep_alive: float = _setting(
        75.0, "seconds", "How long an idle connection is kept.", extreme=1.0, least=0.5, most=3600
    )
    max_connections: int = _setting(
        1024, "connections", "The most connections of one worker.", extreme=2, least=2, most=65536
    )
    max_pipelined: int = _setting(
        16,
        "requests",
        "The most requests that one connection may have waiting.",
        extreme=1,
        least=1,
        most=1024,
    )
    backlog: int = _setting(
        1024,
        "connections",
        "How many connections may wait to be accepted, for each worker.",
        extreme=1,
        least=1,
        most=65536,
    )
    crowded_after: float = _setting(
        0.04,
        "seconds",
        "How long calls may have waited in a worker before whoever has their share of it is told to come again later"
        " (ThrottlingException); less where the crowd stays, two and a half times as long where they wait for the disk"
        " or a database.",
        extreme=0.001,
        least=0.001,
        most=3600,
    )
    crowded_calls: int = _setting(
        64,
        "calls",
        "The calls of a crowded worker that principals share: each may have an equal part of so many under way.",
        extreme=2,
        least=2,
        most=65536,
    )
    drain_timeout: float = _setting(
        10.0,
        "seconds",
        "How long requests may take to finish when the server stops.",
        extreme=3.0,
        least=3,
        most=600,
    )

    events_file: str = _setting(
        "",
        "path",
        "The operator's file of webhooks and alerts (docs/howto/webhooks.md); empty means DIR/events.toml, if that"
        " is there.",
        extreme="/etc/strongroom/events.toml",
    )
    metrics_token_file: str = _setting(
        "",
        "path",
        "A file with the token that opens `GET /_strongroom/metrics` as `Authorization: Bearer`, for Prometheus:"
        " 16 characters or more, mode 0600. Empty: signed calls only.",
        extreme="/etc/strongroom/metrics.token",
    )
    price_secret_month: float = _setting(
        0.40, "USD", "What `strongroom usage` reckons for a secret and a month.", extreme=0.0, least=0, most=1e6
    )
    price_calls: float = _setting(
        0.05, "USD", "The same for 10,000 calls of Secrets Manager.", extreme=0.0, least=0, most=1e6
    )
    price_kms_calls: float = _setting(0.03, "USD", "The same for 10,000 calls of KMS.", extreme=0.0, least=0, most=1e6)
    kms_calls_free: int = _setting(
        20_000, "calls", "Calls of KMS in a month that cost nothing.", extreme=0, least=0, most=10**12
    )
    secrets_quota: int = _setting(
        500_000,
        "secrets",
        "The most secrets of an account in one Region, copies counted. AWS allows 500,000.",
        extreme=10,
        least=1,
        most=100_000_000,
    )

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            least, most, value = one.metadata["least"], one.metadata["most"], getattr(self, one.name)
            if least is not None and not least <= value <= most:
                raise StartRefused(f"setting {one.name} is {value}; it must be between {least} and {most}")
        object.__setattr__(self, "data", self.data.absolute())
        self._check_words()
        if self.console not in ("auto", "on", "off"):
            raise StartRefused(f"setting console is {self.console!r}; it must be auto, on or off")
        self._check_proxies()
        self._check_providers()
        self._check_authorities()

    def _check_authorities(self) -> None:
        for path in self.function_authorities:
            try:
                found = Path(path).read_bytes()
            except OSError as error:
                raise StartRefused(f"setting function_authorities has {path}: {error.strerror}") from None
            if b"-----BEGIN CERTIFICATE-----" not in found:
                raise StartRefused(f"setting function_authorities has {path}, which holds no certificate")

    def _check_proxies(self) -> None:
        for proxy in self.proxies:
            try:
                trusted_network(proxy)
            except ValueError:
                raise StartRefused(f"setting proxies has {proxy!r}; it must be an address or a network") from None

    def _check_words(self) -> None:
        if not is_account_id(self.account):
            raise StartRefused(f"setting account is {self.account!r}; an account id is 12 digits")
        if self.journal_sync not in ("batched", "each"):
            raise StartRefused(f"setting journal_sync is {self.journal_sync!r}; it must be batched or each")
        if self.function_isolation not in ("bubblewrap", "none"):
            raise StartRefused(
                f"setting function_isolation is {self.function_isolation!r}; it must be bubblewrap or none"
            )
        for region in (self.region, *self.regions):
            if _REGION.fullmatch(region) is None:
                raise StartRefused(f"{region!r} is not the name of a Region")
        if self.regions and self.region not in self.regions:
            raise StartRefused(f"region {self.region} is not among the regions that are served")
        if self.tls == "off" and not is_loopback(self.host):
            raise StartRefused(f"--tls off is allowed on a loopback address only, and {self.host} is not one")
        if self.store and not self.store.startswith(("sqlite:", "postgresql:")):
            raise StartRefused("setting store must begin with sqlite: or postgresql:")
        if urlsplit(self.store).password is not None or "password=" in self.store:
            raise StartRefused("setting store must not hold a password; name a file with ?passfile=PATH instead")

    def _check_providers(self) -> None:
        for entry in self.oidc_ca_files:
            host, equals, file = entry.partition("=")
            if not (host and equals and file):
                raise StartRefused(f"setting oidc_ca_files takes HOST=FILE, not {entry!r}")

    @property
    def store_url(self) -> str:
        """The store that is meant: the one given, or the SQLite file in the data directory."""
        return self.store or f"sqlite:{self.data / 'store.db'}"

    @property
    def events_path(self) -> Path:
        """The file of webhooks and alerts, which need not be there."""
        return Path(self.events_file) if self.events_file else self.data / "events.toml"

    @property
    def console_on(self) -> bool:
        """Whether there are pages for people."""
        return self.console == "on" or (self.console == "auto" and is_loopback(self.host))

    @property
    def outside(self) -> Outside:
        """Whom the kernel may call beyond the public."""
        files = (entry.partition("=") for entry in self.oidc_ca_files)
        return Outside(
            internal=frozenset(host.lower() for host in self.oidc_internal_hosts),
            authorities={host.lower(): Path(file) for host, _, file in files},
        )

    @property
    def limits(self) -> WireLimits:
        """The bounds of the wire, as the server takes them."""
        return WireLimits(**{one.name: getattr(self, one.name) for one in dataclasses.fields(WireLimits)})

    @property
    def places(self) -> Bounds:
        """What a crowded worker shares out."""
        return Bounds(self.crowded_after, self.crowded_calls)

    @property
    def quotas(self) -> dict[str, int]:
        """The quotas that the rooms ask for by name."""
        return {"secrets_quota": self.secrets_quota}

    @property
    def serving(self) -> Serving:
        """What the server itself takes."""
        return Serving(
            data=self.data,
            host=self.host,
            port=self.port,
            workers=self.workers or _cores(),
            tls=self.tls,
            seal=self.seal,
            seal_command=self.seal_command,
            hosts=self.hosts,
            limits=self.limits,
            about={"region": self.region, "account": self.account},
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
