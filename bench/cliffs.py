"""What reads cost against size: policies of a principal, of a secret, grants of a key, accounts, secrets.

    PYTHONPATH=src python -m bench.cliffs

Each table has rows from small to large. Columns, in microseconds of processor of one call without its network:

``steady``   nothing has changed since the last call.
``commit``   somebody has committed something else since: everything is read and decided again.
``change``   one of what the row grows by has itself changed since.
``start``    the process has just started: everything is compiled. Told, and not judged.

Times are of this thread's processor. Of the steady calls the cheapest hundredth and the median are told, of the first
ones the median: on a shared machine the upper ones tell how busy its neighbours are. ``--profile`` tells what the last
row of a table spends after a change.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from bench import machine
from bench.filled import row
from bench.house import House, signed_json, signed_kms
from bench.sizes import line
from strongroom.base.http import HTTPRequest
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.rules.names import USER
from strongroom.services.iam.store import entities, holdings

STEADY_RATIO, FIRST_US = 1.2, 50_000
"""How much a steady call may grow from the first row to the last, and how much a first one may by itself."""
READS = {
    "Effect": "Allow",
    "Action": "secretsmanager:GetSecretValue",
    "Resource": "arn:aws:secretsmanager:*:*:secret:bench/*",
}


@dataclass(frozen=True)
class Row:
    """One row: how large, and the microseconds of a call."""

    size: int
    cheapest: float
    median: float
    commit: float
    change: float
    start: float


@dataclass(frozen=True)
class Subject:
    """What is read, in turn; and what changes that of which there are so many."""

    requests: Sequence[HTTPRequest]
    change: Callable[[], object]


Growing = Iterator[tuple[int, Subject]]


def policies(house: House, sizes: Sequence[int]) -> Growing:
    """GetSecretValue by a user with so many managed policies of ten statements, half of them about secrets.

    Attached through the store: the quota of an account's API is a tenth of the largest row.
    """
    key = house.user("loaded", [READS])
    account = _account(house)
    request = signed_json(key, "GetSecretValue", {"SecretId": "bench/one"})
    made = 0
    for size in sizes:
        arns = []
        for number in range(made, size):
            house.iam(Action="CreatePolicy", PolicyName=f"p{number}", PolicyDocument=_document(number))
            arns.append(f"arn:aws:iam::{account}:policy/p{number}")
        made = size
        with house.opened.store.write() as tx:
            user = entities.find(tx, account, USER, "loaded")
            if user is None:
                raise SystemExit("the user is not there")
            for arn in arns:
                holdings.attach(tx, user, arn)
            tx.raise_generation(account, GENERATION)

        def change() -> None:
            document = json.dumps(
                {"Version": "2012-10-17", "Statement": [READS | {"Sid": f"s{random.randrange(9999)}"}]}
            )
            house.iam(Action="PutUserPolicy", UserName="loaded", PolicyName="own", PolicyDocument=document)

        yield size, Subject([request], change)


def secret_policy(house: House, sizes: Sequence[int]) -> Growing:
    """GetSecretValue of a secret whose own policy has so many characters."""
    account = _account(house)
    request = signed_json(house.user("reader", [READS]), "GetSecretValue", {"SecretId": "bench/one"})
    for size in sizes:

        def change(size: int = size) -> None:
            text = _resource_policy(account, size)
            house.json(house.admin, "PutResourcePolicy", SecretId="bench/one", ResourcePolicy=text)

        change()
        yield size, Subject([request], change)


def grants(house: House, sizes: Sequence[int]) -> Growing:
    """Decrypt by the grantee of so many grants on one key, each for a context of its own."""
    grantee = house.user("grantee", [READS])
    account = _account(house)
    key_id = house.kms(house.admin, "CreateKey")["KeyMetadata"]["KeyId"]
    context = {"n": "0"}
    blob = house.kms(house.admin, "Encrypt", KeyId=key_id, Plaintext="QUJD", EncryptionContext=context)
    asked = {"CiphertextBlob": blob["CiphertextBlob"], "EncryptionContext": context}
    request = signed_kms(grantee, "Decrypt", asked)
    made: list[str] = []

    def grant(number: int) -> str:
        told = house.kms(
            house.admin,
            "CreateGrant",
            KeyId=key_id,
            GranteePrincipal=f"arn:aws:iam::{account}:user/grantee",
            Operations=["Decrypt"],
            Constraints={"EncryptionContextEquals": {"n": str(number)}},
        )
        return str(told["GrantId"])

    for size in sizes:
        made.extend(grant(number) for number in range(len(made), size))

        def change() -> None:
            number = random.randrange(len(made) // 2, len(made))
            if number:
                house.kms(house.admin, "RevokeGrant", KeyId=key_id, GrantId=made[number])
                made[number] = grant(number)
            else:
                house.kms(house.admin, "RevokeGrant", KeyId=key_id, GrantId=grant(1))

        yield size, Subject([request], change)


def accounts(house: House, sizes: Sequence[int]) -> Growing:
    """GetSecretValue in so many accounts in turn, each with an administrator and a secret of its own."""
    requests: list[HTTPRequest] = []
    keys: list[Credentials] = []
    for size in sizes:
        while len(requests) < size:
            made = house.product.admin({"do": "account create", "account": None}, house.root)
            keys.append(Credentials(made["access_key_id"], made["secret_access_key"]))
            house.json(keys[-1], "CreateSecret", Name="bench/one", SecretString="x" * 300, ClientRequestToken="0" * 32)
            requests.append(signed_json(keys[-1], "GetSecretValue", {"SecretId": "bench/one"}))

        def change(size: int = size) -> None:
            house.json(
                keys[size // 2], "PutSecretValue", SecretId="bench/one", SecretString="y", ClientRequestToken=_token()
            )

        yield size, Subject(requests[:size], change)


def secrets(house: House, sizes: Sequence[int]) -> Growing:
    """GetSecretValue of secrets drawn at random among so many."""
    made = 0
    for size in sizes:
        for _ in house.imports([line(number) for number in range(made, size)]):
            pass
        made = size
        names = [row(random.randrange(size))["name"] for _ in range(500)]
        drawn = [signed_json(house.admin, "GetSecretValue", {"SecretId": name}) for name in names]

        def change(name: str = names[0]) -> None:
            house.json(house.admin, "PutSecretValue", SecretId=name, SecretString="y", ClientRequestToken=_token())

        yield size, Subject(drawn, change)


TABLES: dict[str, tuple[Callable[[House, Sequence[int]], Growing], str, Sequence[int]]] = {
    "policies": (policies, "managed policies of a user", (1, 10, 100, 1_000)),
    "secret-policy": (secret_policy, "characters of a secret's policy", (500, 2_000, 10_000, 20_000)),
    "grants": (grants, "grants of a key to one user", (1, 10, 100, 1_000)),
    "accounts": (accounts, "accounts, each asked in turn", (1, 10, 50, 200)),
    "secrets": (secrets, "secrets, 500 of them asked in turn", (1_000, 10_000)),
}


def measured(house: House, size: int, subject: Subject, calls: int, firsts: int) -> Row:
    """One row."""
    for request in list(subject.requests) * 3:
        house.ask(request)
    gc.collect()
    gc.disable()
    try:
        steady = sorted(_taken(house, subject.requests[at % len(subject.requests)]) for at in range(calls))
        commit = _first(house, subject, firsts, lambda: _commit(house))
        change = _first(house, subject, firsts, subject.change)
        start = _first(house, subject, 3, house.start_again)
    finally:
        gc.enable()
    return Row(size, steady[calls // 100], steady[calls // 2], commit, change, start)


def table(name: str, sizes: Sequence[int], calls: int, firsts: int, profile: cProfile.Profile | None) -> list[Row]:
    """The rows of one table."""
    with tempfile.TemporaryDirectory(prefix="strongroom-cliffs-") as folder:
        house = House(Path(folder) / "data")
        try:
            rows = []
            for size, subject in TABLES[name][0](house, sizes):
                rows.append(measured(house, size, subject, calls, firsts))
                if profile is not None and size == sizes[-1]:
                    _profiled(house, subject, profile)
            return rows
        finally:
            house.close()


def cliffs(rows: Sequence[Row]) -> list[str]:
    """What of these rows is a cliff, in words."""
    first, last = rows[0], rows[-1]
    found = []
    if last.cheapest > STEADY_RATIO * first.cheapest:
        found.append(f"a steady call grew {last.cheapest / first.cheapest:.1f}-fold")
    for what in ("commit", "change"):
        grown = getattr(last, what) - getattr(first, what)
        if grown > FIRST_US:
            found.append(f"the first call after a {what} grew by {grown / 1000:.0f} ms")
    return found


def printed(name: str, rows: Sequence[Row]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {TABLES[name][1]} | steady: 1 in 100 | half | after a commit | a change | a start |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for one in rows:
        numbers = (one.cheapest, one.median, one.commit, one.change, one.start)
        yield f"| {one.size:,} | " + " | ".join(f"{number:,.0f}" for number in numbers) + " |"


def main() -> int:
    """Print the tables; exit 1 where there is a cliff."""
    given = _arguments()
    print("machine:", machine.describe())
    steep = 0
    for name in given.tables or TABLES:
        sizes = list(TABLES[name][2])
        if name == "secrets":
            sizes += [size for size in given.secrets if size > sizes[-1]]
        profile = cProfile.Profile() if given.profile else None
        rows = table(name, sizes, given.calls, given.firsts, profile)
        print(f"\n{(TABLES[name][0].__doc__ or '').splitlines()[0]}\n")
        print("\n".join(printed(name, rows)))
        for told in cliffs(rows):
            steep += 1
            print(f"\nA cliff: {told}.")
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return int(steep > 0)


def _taken(house: House, request: HTTPRequest) -> float:
    begun = time.thread_time_ns()
    house.ask(request)
    return (time.thread_time_ns() - begun) / 1000


def _first(house: House, subject: Subject, times: int, before: Callable[[], object]) -> float:
    """The median of first calls."""
    found = []
    for at in range(times):
        before()
        found.append(_taken(house, subject.requests[at % len(subject.requests)]))
    return statistics.median(found)


def _profiled(house: House, subject: Subject, profile: cProfile.Profile) -> None:
    for at in range(5):
        subject.change()
        profile.enable()
        house.ask(subject.requests[at % len(subject.requests)])
        profile.disable()


def _commit(house: House) -> None:
    house.json(house.admin, "TagResource", SecretId="bench/one", Tags=[{"Key": "n", "Value": _token()}])


def _account(house: House) -> str:
    return house.iam(Action="GetUser").decode().partition("<Arn>arn:aws:iam::")[2][:12]


def _token() -> str:
    return f"{random.getrandbits(128):032x}"


def _document(number: int) -> str:
    statements = [
        {"Effect": "Allow", "Action": f"s3:Get{at}", "Resource": f"arn:aws:s3:::b{number}-{at}/*"}
        if at % 2
        else {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": f"arn:aws:secretsmanager:*:*:secret:p{number}/{at}-*",
        }
        for at in range(10)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _resource_policy(account: str, size: int) -> str:
    """A policy of nearly so many characters: statements for services, each under a condition of its own."""
    statements: list[dict[str, Any]] = []
    while True:
        more = {
            "Sid": f"s{len(statements)}x{random.randrange(9999)}",
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": f"team-{len(statements)}"}},
        }
        text = json.dumps({"Version": "2012-10-17", "Statement": [*statements, more]}, separators=(",", ":"))
        if len(text) > size:
            return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
        statements.append(more)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help=f"which: {', '.join(TABLES)} (default: all)")
    parser.add_argument("--calls", type=int, default=4_000, help="steady calls a row")
    parser.add_argument("--firsts", type=int, default=15, help="first calls a row and kind")
    parser.add_argument("--secrets", type=int, nargs="*", default=[], help="further rows of secrets")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    unknown = [one for one in given.tables if one not in TABLES]
    if unknown:
        parser.error(f"no such table: {', '.join(unknown)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
