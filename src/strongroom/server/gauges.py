"""What stands on a machine and in a store right now: sizes, due work, days left of certificates. Asked when read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from strongroom.kernel.jobs import due
from strongroom.kernel.metrics.page import families
from strongroom.kernel.metrics.text import Family, gauge, written
from strongroom.kernel.storage.port import Transaction
from strongroom.server.certificates import given_files
from strongroom.server.directory import DataDirectory

_DAY_SECONDS = 86400.0
_DATABASE_SIZE = text("SELECT pg_database_size(current_database())")


class Gauges:
    """The page of one server. ``engine`` is the store's; ``tls`` the setting."""

    def __init__(
        self,
        directory: DataDirectory,
        *,
        store_file: Path | None,
        tls: str,
        clock: Callable[[], datetime],
        offset: Callable[[Transaction], object],
        version: str,
    ) -> None:
        self._directory = directory
        self._store_file = store_file
        self._tls = tls
        self._clock = clock
        self._offset = offset
        self._version = version

    def page(self, tx: Transaction) -> bytes:
        """All counts and gauges as text."""
        return written((*families(self._directory.run), *self._now(tx)))

    def _now(self, tx: Transaction) -> Iterator[Family]:
        yield gauge("strongroom_info", "Always 1.", 1, version=self._version)
        yield from self._work(tx)
        yield gauge("strongroom_store_bytes", "How much the store holds on disk.", self._store_bytes(tx))
        yield from self._journal()
        yield from self._certificates()

    def _work(self, tx: Transaction) -> Iterator[Family]:
        now = self._clock() + self._offset(tx)  # type: ignore[operator]
        yield gauge("strongroom_jobs_due", "Jobs that are due and not done.", due.count_due(tx, now))
        first = due.next_due(tx, self._clock())
        late = 0.0 if first is None else max((now - first).total_seconds(), 0.0)
        yield gauge("strongroom_jobs_late_seconds", "How long the oldest due job that nobody does has waited.", late)

    def _store_bytes(self, tx: Transaction) -> int:
        if self._store_file is None:
            row = tx.row(_DATABASE_SIZE)
            return 0 if row is None else int(row[0])
        return sum(_size(self._store_file.with_name(self._store_file.name + end)) for end in ("", "-wal"))

    def _journal(self) -> Iterator[Family]:
        journal = self._directory.root / "journal"
        sizes = [_size(path) for path in journal.iterdir()] if journal.is_dir() else []
        yield gauge("strongroom_journal_bytes", "How much the journal holds on disk.", sum(sizes))
        yield gauge("strongroom_journal_files", "Files of the journal.", len(sizes))
        free = shutil.disk_usage(self._directory.root).free
        yield gauge("strongroom_free_bytes", "What is free on the disk of the data directory.", free)

    def _certificates(self) -> Iterator[Family]:
        if self._tls == "off":
            return
        now = self._clock()
        samples = [
            ("", (("certificate", name),), round((end - now).total_seconds() / _DAY_SECONDS, 3))
            for name, end in certificate_ends(self._tls, self._directory).items()
        ]
        yield Family("strongroom_certificate_days_left", "gauge", "Days until a certificate is over.", samples)


def certificate_ends(tls: str, directory: DataDirectory) -> dict[str, datetime]:
    """When each certificate of the server is over, by name: ``server``, and ``ca`` where it is our own."""
    if tls == "off":
        return {}
    from strongroom.kernel.crypto.certificates import ends  # noqa: PLC0415  who serves without TLS needs none of it

    files = {"server": directory.tls / "server.pem", "ca": directory.tls / "ca.pem"}
    if tls != "auto":
        files = {"server": given_files(tls)[0]}
    found = {}
    for name, path in files.items():
        with suppress(OSError, ValueError):  # one that is being replaced is there at the next look
            found[name] = ends(path.read_bytes())
    return found


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  Path.stat costs twice as much, and there may be many files
    except OSError:
        return 0
