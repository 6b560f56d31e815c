"""``strongroom serve``: run the server, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from strongroom import __version__
from strongroom.cli import passphrases
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, command
from strongroom.server.parts import StartRefused

if TYPE_CHECKING:
    from strongroom.server.serve import Started

_OPTIONS = (
    ("listen", "HOST:PORT", "where to listen (default 127.0.0.1:8443; IPv6 as [::1]:8443)"),
    ("store", "URL", "sqlite:PATH or postgresql://USER@HOST/DB (default: DIR/store.db)"),
    ("workers", "N", "API workers (default: one for each core)"),
    ("tls", "MODE", "auto: a CA and certificate of our own; CERT,KEY: your files; off: loopback only"),
    ("seal", "SEAL", "where the root key comes from: file, file:PATH, passphrase, shamir, command or pkcs11:URI"),
    ("region", "REGION", "the Region that `strongroom env` tells clients (default us-east-1)"),
    ("regions", "LIST", "the Regions that are served, with commas (default: all)"),
    ("account", "ID", "the account made at the first start (default 123456789012)"),
    ("journal-sync", "WHEN", "batched: reads' records synced within 100 ms; each: before the answer"),
)
_TEACHING = """\
At the first start the data directory is made, with a root key, a CA, a store, and an administrator whose keys
lie in DIR/credentials. Every later start finds all that again. Then, in another terminal:

  eval "$(strongroom env --data DIR)"
  aws secretsmanager create-secret --name demo --secret-string hello

Every option can also be set as STRONGROOM_<NAME> or in DIR/settings.toml (docs/reference/settings.md has all
of them). SIGTERM and Ctrl-C stop it when running requests are done; SIGHUP reads the TLS files again.

examples:
  strongroom serve
  strongroom serve --data /srv/strongroom --listen 0.0.0.0:8443 --host vault.example.com
  strongroom serve --seal passphrase --passphrase-fd 3 3</run/keys/passphrase
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(commands, "serve", run, does=DOES["serve"], example="strongroom serve", formats=False)
    made.epilog = _TEACHING
    made.set_defaults(data=None)
    for name, value, told in _OPTIONS:
        made.add_argument(f"--{name}", metavar=value, help=told)
    made.add_argument(
        "--host",
        action="append",
        metavar="NAME",
        help="a further name by which clients call this server (again for more; *.NAME for one label below)",
    )
    made.add_argument(
        "--proxy",
        action="append",
        metavar="ADDRESS",
        help="an address or network of proxies whose X-Forwarded-For is believed (again for more)",
    )
    made.add_argument("--dev-clock", action="store_true", help="a data directory whose clock can be moved")
    made.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase, PIN or shares from this descriptor, not the terminal",
    )


def run(given: argparse.Namespace) -> int:
    """Serve; the exit status."""
    gc.disable()  # while half a million objects are made that all stay: ``serve`` enables it when all are there
    # Imported here, because the other commands must not wait for the whole product. Nor does the first child, which
    # prepares the store: the rest is imported meanwhile (Parts.preload), before the children that share it are forked.
    from strongroom.settings import load_settings  # noqa: PLC0415

    settings = load_settings(_settings_given(given), os.environ)
    from strongroom.app import Product  # noqa: PLC0415
    from strongroom.server.serve import serve  # noqa: PLC0415

    parts = Product(settings)

    def secret(asks: str, new: bool) -> bytes | None:
        if asks == "shares" and given.passphrase_fd is None:
            return None  # people come one after the other: `strongroom unseal`
        return passphrases.secret_for(asks, given.passphrase_fd, new=new and asks == "passphrase")

    return serve(
        parts,
        settings.serving,
        secret=secret,
        announce=lambda started: _tell(sys.stdout, screen(started, _called())),
        say=lambda text: _tell(sys.stderr, f"strongroom: {text}"),
    )


def _tell(stream: TextIO, text: str) -> None:
    """Print, if anybody still reads: a server must not end because its log's reader did."""
    with contextlib.suppress(OSError):
        print(text, file=stream, flush=True)


def _settings_given(given: argparse.Namespace) -> dict[str, str]:
    """The settings on the command line, by their names."""
    texts: dict[str, Any] = {
        name: getattr(given, name)
        for name in (
            "data",
            "store",
            "workers",
            "tls",
            "seal",
            "region",
            "regions",
            "account",
            "journal_sync",
        )
    }
    if given.listen is not None:
        host, colon, port = given.listen.rpartition(":")
        if not colon or not port.isdigit():
            raise StartRefused(f"--listen takes HOST:PORT, not {given.listen!r}")
        texts |= {"host": host.strip("[]"), "port": port}
    texts["hosts"] = ",".join(given.host) if given.host else None
    texts["proxies"] = ",".join(given.proxy) if given.proxy else None
    texts["dev_clock"] = "yes" if given.dev_clock else None
    return {name: text for name, text in texts.items() if text is not None}


def _called() -> str:
    """The words that call this command again from here."""
    if "STRONGROOM_CALLED_AS" in os.environ:  # the launcher of a clone
        return os.environ["STRONGROOM_CALLED_AS"]
    path = Path(sys.argv[0])
    if path.name == "__main__.py":
        return f"{sys.executable} -m strongroom.cli"
    found = shutil.which(path.name)
    if found is not None and Path(found).resolve() == path.resolve():
        return path.name
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def screen(started: Started, strongroom: str) -> str:
    """What a newcomer needs to know now. ``strongroom`` is the command as it was called."""
    data = started.directory.root
    if data != Path("strongroom-data").absolute():
        strongroom_env = f"{strongroom} env --data {data}"
    else:
        strongroom_env = f"{strongroom} env"
    lines = [f"Strongroom {__version__} is ready on {started.url}", ""]
    if started.sealed:
        lines += [
            "It is sealed: every call is answered with 503 until an operator opens the seal:",
            f"  {strongroom} unseal --data {data}",
            "",
        ]
    lines += [
        "In another terminal:",
        f'  eval "$({strongroom_env})"',
        "  aws secretsmanager create-secret --name demo --secret-string hello",
        "  aws secretsmanager get-secret-value --secret-id demo",
        "The tour goes on in README.md.",
        "",
        f"Data: {data}",
    ]
    if started.prepared.administrator:
        lines.append(f"Made now: the first administrator, with keys in {started.directory.credentials}")
    lines += [f"Seal: {started.seal}", *started.prepared.notes, "Stop with Ctrl-C."]
    return "\n".join(lines)
