"""GetSecretValue with every check, beside a bare answer and moto's server, on the same cores in the same run.

Both journal records of every answered call are counted afterwards: an answer without its records fails the bench.
Options change one thing each: how answers travel (--tls), when records are synced (--sync each), where the store is
(--store postgresql), or that the load keeps a pace (--rate). Their figure is printed in the last line.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import boto3
import orjson
import psycopg
from botocore.config import Config
from tests import postgres

from bench import load, machine, paced
from bench.records import granted
from bench.servers import Bare, Moto, Strongroom

TARGET = "secretsmanager.GetSecretValue"
CONNECTIONS = 48
Server = Strongroom | Moto | Bare


@dataclass(frozen=True)
class Round:
    """What one round of one server came to; latencies in milliseconds, processor time in microseconds a call."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    cost_us: float
    failed: int

    def __str__(self) -> str:
        text = f"{self.rate:8,.0f}/s p50 {self.p50_ms:.1f} p99 {self.p99_ms:.1f} ms, {self.cost_us:,.0f} us each"
        return text + (f", {self.failed} FAILED" if self.failed else "")


Drive = Callable[[Server, list[bytes], int], Round]


def main() -> int:
    """Run it; exit 1 where records are missing or calls failed."""
    given = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, _store(given, Path(folder)) as store:
        base = Path(folder)
        extra = ("--journal-sync", given.sync, *store)
        ours = Strongroom(base / "data", workers=2, extra=extra, tls=given.tls)
        with ours, contextlib.ExitStack() as stack:
            print(f"ready after {ours.ready_seconds:.2f} s on an empty data directory")
            peers: dict[str, Server] = {"bare": stack.enter_context(Bare(workers=2))}
            if _plain(given):
                peers["moto"] = stack.enter_context(Moto(given.moto))
            rounds = _rounds(given, base, {"strongroom": ours, **peers})
            if rounds is None:
                return 1
            memory = ", ".join(f"{mb:.0f} MB" for mb in ours.memory_mb())
            print(f"memory (PSS) of supervisor, workers, runner: {memory}")
            complete = _recorded(base / "data" / "journal", sum(one.requests for one in rounds["strongroom"]))
        with (again := Strongroom(base / "data", workers=2, extra=extra, tls=given.tls)):
            print(f"ready after {again.ready_seconds:.2f} s on the existing data directory")
    _told(given, rounds)
    return 0 if complete else 1


def _rounds(given: argparse.Namespace, base: Path, servers: dict[str, Server]) -> dict[str, list[Round]] | None:
    """All rounds, interleaved; None where a call failed. The first of ours only sets the dates of the day."""
    bodies = [orjson.dumps({"SecretId": f"bench/secret-{number:04d}"}) for number in range(given.secrets)]
    for server in servers.values():
        if not isinstance(server, Bare):
            _fill(server, given.secrets)
    drive: Drive = partial(_wrk, base) if given.rate is None else partial(_paced, given.rate)
    found: dict[str, list[Round]] = {name: [] for name in servers}
    found["strongroom"].append(drive(servers["strongroom"], bodies, 2))
    for number in range(given.rounds):
        for name, server in servers.items():
            found[name].append(drive(server, bodies, given.seconds))
            if found[name][-1].failed:
                print(f"{name}: {found[name][-1]}")
                return None
        print(f"round {number + 1}: " + ";  ".join(f"{name} {made[-1]}" for name, made in found.items() if made))
    return found


def _wrk(base: Path, server: Server, bodies: list[bytes], seconds: int) -> Round:
    """As much as is answered over 48 connections."""
    script = base / "pool.lua"
    load.write_pool(script, server.url, server.key, TARGET, bodies)
    spent = server.cpu_seconds()
    one = load.run(script, server.url, seconds=seconds, connections=CONNECTIONS)
    spent = server.cpu_seconds() - spent
    return Round(
        one.requests, one.rate, one.p50_ms, one.p99_ms, spent / max(1, one.requests) * 1e6, one.refused + one.broken
    )


def _paced(rate: float, server: Server, bodies: list[bytes], seconds: int) -> Round:
    """So many a second over 48 connections; latency counts from the moment at which a call was due."""
    pool = paced.signed_pool(server.url, server.key, TARGET, bodies)
    offered = paced.Load(server.url, pool, connections=CONNECTIONS)
    spent = server.cpu_seconds()
    one = offered.run(seconds, rate)
    spent = server.cpu_seconds() - spent
    offered.close()
    answered = len(one.latencies[paced.ANSWERED])
    return Round(
        answered,
        one.rate(paced.ANSWERED),
        one.ms(paced.ANSWERED, 0.5),
        one.ms(paced.ANSWERED, 0.99),
        spent / max(1, answered) * 1e6,
        one.offered - answered,
    )


def _told(given: argparse.Namespace, rounds: dict[str, list[Round]]) -> None:
    ours = rounds["strongroom"][1:]
    rates = [one.rate for one in ours]
    what = [
        name for name, on in (("TLS 1.3", given.tls), ("each synced", given.sync == "each"), (given.store, True)) if on
    ]
    text = (
        f"GetSecretValue, 2 workers, {CONNECTIONS} connections, {given.secrets} secrets, {', '.join(what)}: "
        f"median {statistics.median(rates):,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f}), "
        f"p99 {statistics.median(one.p99_ms for one in ours):.1f} ms"
    )
    for name, theirs in rounds.items():
        if name != "strongroom" and theirs:
            ratio = statistics.median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
            text += f", {ratio:.2f} times {name}"
    print(text)


def _fill(server: Strongroom | Moto, secrets: int) -> None:
    authority = server.authority if isinstance(server, Strongroom) else None
    client = boto3.session.Session(*server.key, region_name="us-east-1").client(
        "secretsmanager",
        endpoint_url=server.url,
        verify=None if authority is None else str(authority),
        config=Config(retries={"total_max_attempts": 1}),
    )
    value = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()
    for number in range(secrets):
        client.create_secret(Name=f"bench/secret-{number:04d}", SecretString=value)


@contextlib.contextmanager
def _store(given: argparse.Namespace, base: Path) -> Iterator[tuple[str, ...]]:
    """What `serve` must be told to have its store there: a PostgreSQL of the tests, on a Unix socket."""
    if given.store != "postgresql":
        yield ()
        return
    server = postgres.started()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(server.database())
        passfile = base / "pgpass"
        passfile.touch(0o600)
        passfile.write_text(f"*:*:*:*:{parts['password']}\n")
        yield "--store", f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&passfile={passfile}"
    finally:
        postgres.remove(server)


def _recorded(journal: Path, answered: int) -> bool:
    counted = granted(journal)
    gets, decrypts = counted["GetSecretValue"], counted["Decrypt"]
    # wrk ends with requests under way that it does not count: up to one a connection and round are recorded too.
    complete = gets >= answered and decrypts >= answered
    print(
        f"answered {answered}, recorded: GetSecretValue {gets}, Decrypt on behalf {decrypts}: "
        f"{'complete' if complete else 'RECORDS ARE MISSING'}"
    )
    return complete


def _plain(given: argparse.Namespace) -> bool:
    return not given.tls and given.sync == "batched" and given.store == "sqlite" and given.rate is None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each server in each round")
    parser.add_argument("--secrets", type=int, default=1000)
    parser.add_argument("--tls", action="store_true", help="over TLS 1.3")
    parser.add_argument("--sync", choices=("batched", "each"), default="batched", help="when records are synced")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rate", type=float, help="calls a second, whether answered or not; without it, all that go")
    parser.add_argument("--moto", type=Path, default=Path(".venv-bench/bin/moto_server"), help="the peer's program")
    given = parser.parse_args()
    if given.tls and given.rate is not None:
        parser.error("--rate is of plain HTTP")
    return given


if __name__ == "__main__":
    sys.exit(main())
