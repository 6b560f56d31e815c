"""The longest pause of other calls while the root key is replaced, with many rows to be sealed anew.

    PYTHONPATH=src python -m bench.root_rotation --rows 50000

A reader, a writer and a decrypter ask one after the other, each in a process of its own, first for a while
undisturbed and then while `strongroom seal rotate` runs. Exit 1 where one call took longer than a second.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench import machine
from bench.servers import Strongroom
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel import roots
from strongroom.kernel.storage.open import open_store
from strongroom.services.kms import material, store
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.store import KeyRow, MaterialRow

REGION, ACCOUNT = "us-east-1", "123456789012"
BATCH = 5_000
AT_MOST_SECONDS = 1.0
KINDS = ("GetSecretValue", "PutSecretValue", "Decrypt")
WRITTEN = tuple(f"written-{number}" for number in range(400))


def fill(where: str, root_key: bytes, rows: int) -> None:
    """KMS keys of another account's, each with its material under the root key."""
    entropy, engine = SystemEntropy(), open_store(where)
    try:
        with engine.read() as tx:
            keyring = roots.opened(tx, root_key, entropy).keyring
        for first in range(0, rows, BATCH):
            with engine.write() as tx:
                for number in range(first, min(first + BATCH, rows)):
                    name = KeyName("999999999999", REGION, f"00000000-0000-0000-0000-{number:012}")
                    made = f"{number:064x}"
                    pk = store.add_key(tx, KeyRow(0, name.account, REGION, name.id, 0, "", "Enabled", None,
                                                  "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", "CUSTOMER", "{}",
                                                  made))  # fmt: skip
                    sealed = material.sealed_material(keyring, name, made, entropy.take(32))
                    store.add_material(tx, name.account, MaterialRow(pk, made, 0, sealed))
    finally:
        engine.close()


def client(server: Strongroom, service: str) -> Any:
    """A stock client of the administrator."""
    key_id, secret = server.key
    return boto3.client(
        service,
        REGION,
        endpoint_url=server.url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )


def ask(server: Strongroom, kind: str, answers: Connection) -> None:
    """Ask until told to stop; on each word, the seconds of every call since the last."""
    service = client(server, "kms" if kind == "Decrypt" else "secretsmanager")
    call: Callable[[], Any]
    if kind == "GetSecretValue":
        call = lambda: service.get_secret_value(SecretId="read")  # noqa: E731
    elif kind == "PutSecretValue":
        # In turn: one secret may not have more than about a hundred versions of the last day.
        names = itertools.cycle(WRITTEN)
        call = lambda: service.put_secret_value(SecretId=next(names), SecretString="x")  # noqa: E731
    else:
        key = service.create_key()["KeyMetadata"]["KeyId"]
        blob = service.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        call = lambda: service.decrypt(CiphertextBlob=blob)  # noqa: E731
    call()
    answers.send("begun")
    taken: list[float] = []
    while True:
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
        if answers.poll():
            word = answers.recv()
            answers.send(taken)
            taken = []
            if word == "end":
                return


def told(when: str, kind: str, taken: list[float]) -> str:
    """One line."""
    ordered = sorted(taken)
    return (
        f"{when:9} {kind:15} {len(taken):6,} calls, median {statistics.median(taken) * 1e3:6.1f} ms, "
        f"99 % under {ordered[int(len(ordered) * 0.99)] * 1e3:7.1f} ms, longest {ordered[-1] * 1e3:7.1f} ms"
    )


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rows", type=int, default=50_000)
    read.add_argument("--workers", type=int, default=2)
    read.add_argument("--undisturbed", type=float, default=10.0, help="seconds")
    given = read.parse_args()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        data = Path(folder) / "data"
        with Strongroom(data, workers=1):
            pass  # makes the store
        root_key = bytes.fromhex((data / "seal" / "root.key").read_text())
        fill(f"sqlite:{data / 'store.db'}", root_key, given.rows)
        with Strongroom(data, workers=given.workers) as server:
            secrets = client(server, "secretsmanager")
            for name in ("read", *WRITTEN):
                secrets.create_secret(Name=name, SecretString="x")
            askers = {}
            for kind in KINDS:
                mine, theirs = multiprocessing.Pipe()
                process = multiprocessing.Process(target=ask, args=(server, kind, theirs), daemon=True)
                process.start()
                askers[kind] = (mine, process)
            for mine, _ in askers.values():
                mine.recv()
            time.sleep(given.undisturbed)
            before = _collected(askers, "go on")
            begun = time.perf_counter()
            command = [sys.executable, "-m", "strongroom.cli", "seal", "rotate", "--data", str(data)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds = time.perf_counter() - begun
            during = _collected(askers, "end")
            for _, process in askers.values():
                process.join(30)
    for kind in KINDS:
        print(told("before", kind, before[kind]))
        print(told("meanwhile", kind, during[kind]))
    longest = max(max(taken) for taken in during.values())
    print(f"{given.rows:,} rows under a new root key in {seconds:.1f} s; the longest pause was {longest * 1e3:.0f} ms")
    return 0 if longest <= AT_MOST_SECONDS else 1


def _collected(askers: dict[str, tuple[Any, Any]], word: str) -> dict[str, list[float]]:
    for mine, _ in askers.values():
        mine.send(word)
    return {kind: mine.recv() for kind, (mine, _) in askers.items()}


if __name__ == "__main__":
    sys.exit(main())
