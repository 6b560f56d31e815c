"""What many secrets cost: time to import them, disk by table and index, memory, and the time to the first answer.

    python -m bench.sizes --secrets 50000

Disk is counted in pages (SQLite's dbstat), without the values themselves and without the journal; what a table takes
is printed by the secret, so that a run with fewer secrets says what more of them will take.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import orjson
from botocore.config import Config

from bench import machine
from bench.filled import row
from bench.servers import Strongroom

VALUE = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()
MOST_DISK_BYTES = 1200
MOST_MEMORY_MB = 80
_SEALED_OVERHEAD = 29
"""Bytes of a sealed value that are not the value's: version, nonce, tag."""


def line(number: int) -> bytes:
    """A line for ``strongroom import``: a secret of ``bench.filled``, with a value."""
    one = row(number)
    named = {"Name": one["name"], "Description": one["description"], "SecretString": VALUE}
    return orjson.dumps({**named, "Tags": orjson.loads(one["tags"])})


def write_lines(file: Path, count: int) -> None:
    """A file of such lines."""
    with file.open("wb") as out:
        for number in range(count):
            out.write(line(number) + b"\n")


def import_lines(data: Path, file: Path) -> None:
    """Run the command. Raises CalledProcessError."""
    words = ["import", str(file), "--data", str(data)]
    subprocess.run([sys.executable, "-m", "strongroom.cli", *words], check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Run it; exit 1 where a bound is broken."""
    arguments = _arguments()
    count = arguments.secrets
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-sizes-") as folder:
        data, file = Path(folder) / "data", Path(folder) / "secrets.jsonl"
        write_lines(file, count)
        with Strongroom(data, workers=2) as server:
            spent, begun = server.cpu_seconds(), time.perf_counter()
            import_lines(data, file)
            wall, spent = time.perf_counter() - begun, server.cpu_seconds() - spent
            print(
                f"import of {count:,} secrets: {wall:.1f} s, {count / wall:,.0f}/s, "
                f"{spent / count * 1e6:,.0f} us of processor each, over all processes of the server"
            )
        each = _disk(data / "store.db", count)
        memory = _start(data, count)
    return int(each > MOST_DISK_BYTES or memory > MOST_MEMORY_MB)


def _disk(store: Path, count: int) -> float:
    """Print what each table and index takes; bytes a secret in all, without values."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        parts = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
        (values,) = connection.execute("SELECT sum(length(sealed)) FROM secretsmanager_version").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    values -= _SEALED_OVERHEAD * count
    shown = [(name, size) for name, size in parts if size >= 8 * count]
    for name, size in shown:
        print(f"{size / count:9.0f} bytes a secret  {name}")
    others = sum(size for _, size in parts) - sum(size for _, size in shown)
    print(f"{others / count:9.0f} bytes a secret  all other tables and indexes")
    print(f"{free * page / count:9.0f} bytes a secret  free pages")
    whole = (sum(size for _, size in parts) + free * page - values) / count
    print(f"{whole:9.0f} bytes a secret in all, beyond values of {values / count:.0f} bytes and the journal")
    return float(whole)


def _start(data: Path, count: int) -> float:
    """Print how long a start takes and what memory it needs; the MB of the largest worker."""
    with Strongroom(data, workers=2) as server:
        client = boto3.session.Session(
            aws_access_key_id=server.key[0], aws_secret_access_key=server.key[1], region_name="us-east-1"
        ).client("secretsmanager", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))
        begun = time.perf_counter()
        client.get_secret_value(SecretId=row(count // 2)["name"])
        first = time.perf_counter() - begun
        print(f"start to ready {server.ready_seconds:.2f} s, the first read {first * 1000:.0f} ms behind it")
        for number in range(0, count, max(count // 2000, 1)):
            client.get_secret_value(SecretId=row(number)["name"])
        supervisor, *workers, runner = server.memory_mb()
        told = " and ".join(f"{mb:.0f}" for mb in workers)
        print(f"memory (PSS) after 2,000 reads: workers {told} MB, supervisor {supervisor:.0f}, runner {runner:.0f}")
    return max(workers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=50_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
