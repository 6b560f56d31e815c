"""What access control costs: one decision over five statements, and what a thousand policies do to reads.

The second is a ratio: two stores in one process, asked in turn, so that whatever else the machine does slows both.
One has an administrator and nothing else; the other has a thousand managed policies of fifty statements as well,
ten attached to each of a hundred users.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from bench import machine
from bench.house import House, signed_json
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import DocumentKind, parse_document
from strongroom.kernel.authz.model import Policies, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind

POLICIES, STATEMENTS, USERS, EACH = 1000, 50, 100, 10
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:bench/one-AbCdEf"
FIVE = [
    {"Sid": "a", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:*:123456789012:key/*"},
    {"Sid": "b", "Effect": "Allow", "Action": "secretsmanager:List*", "Resource": "*"},
    {
        "Sid": "c",
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
        "Resource": "arn:aws:secretsmanager:*:123456789012:secret:bench/*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
    },
    {
        "Sid": "d",
        "Effect": "Deny",
        "Action": "secretsmanager:*",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}},
    },
    {
        "Sid": "e",
        "Effect": "Deny",
        "Action": "secretsmanager:Get*",
        "Resource": "*",
        "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}},
    },
]


def main() -> int:
    """Print both."""
    arguments = _arguments()
    print("machine:", machine.describe())
    best, median = decision_us(arguments.rounds)
    print(f"a decision over {len(FIVE)} statements, compiled: best {best:.1f} us, median {median:.1f} us (goal: 10)")
    with tempfile.TemporaryDirectory(prefix="strongroom-policies-") as folder:
        plain, crowded = House(Path(folder) / "plain"), House(Path(folder) / "crowded")
        try:
            readers = crowd(crowded)
            compare(plain, crowded, readers, arguments)
        finally:
            plain.close()
            crowded.close()
    return 0


def decision_us(rounds: int) -> tuple[float, float]:
    """Best and median of one decision, in microseconds: four of the five statements speak of the action."""
    text = json.dumps({"Version": "2012-10-17", "Statement": FIVE})
    policies = Policies(identity=(parse_document(text, DocumentKind.IDENTITY, "bench"),))
    principal = Principal(PrincipalKind.USER, "arn:aws:iam::123456789012:user/ann", "123456789012", name="ann")
    context = {
        "aws:resourcetag/team": "blue",
        "aws:principaltag/team": "blue",
        "aws:sourceip": "127.0.0.1",
        "aws:currenttime": "2026-01-01T00:00:00Z",
        "aws:principalarn": principal.arn,
    }
    request = Request(principal, "secretsmanager:GetSecretValue", SECRET, "123456789012", context)
    if not decide(request, policies).allowed:
        raise SystemExit("the decision is wrong")
    found = []
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        for _ in range(1000):
            decide(request, policies)
        found.append((time.perf_counter_ns() - begun) / 1e6)
    return min(found), statistics.median(found)


@dataclass(frozen=True)
class Reader:
    """A principal's keys; in the store with policies, and in the one without."""

    name: str
    plain: Credentials
    crowded: Credentials


def reader(house: House, name: str) -> Credentials:
    """A user who may read what the bench reads, by a policy of its own."""
    own = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "arn:aws:secretsmanager:*:*:secret:bench/*"}
    return house.user(name, [FIVE[1], own])


def crowd(house: House) -> list[str]:
    """A thousand policies of fifty statements, ten to a user; the names of the users."""
    account = house.iam(Action="GetUser").decode().partition("<Arn>arn:aws:iam::")[2][:12]
    names = [f"user-{number:03d}" for number in range(USERS)]
    for name in names:
        house.iam(Action="CreateUser", UserName=name)
    for number in range(POLICIES):
        statements = [
            {"Effect": "Allow", "Action": f"s3:Get{at}", "Resource": f"arn:aws:s3:::b{number}-{at}/*"}
            if at % 5
            else {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
                  "Resource": f"arn:aws:secretsmanager:*:*:secret:p{number}/{at}-*"}
            for at in range(STATEMENTS)
        ]  # fmt: skip
        text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
        house.iam(Action="CreatePolicy", PolicyName=f"p{number}", PolicyDocument=text)
        arn = f"arn:aws:iam::{account}:policy/p{number}"
        house.iam(Action="AttachUserPolicy", UserName=names[number // EACH], PolicyArn=arn)
    return names


def compare(plain: House, crowded: House, users: list[str], arguments: argparse.Namespace) -> None:
    """The p50 of reads in both stores, in turn, and their ratio."""
    own = Reader("a user with a policy of its own", reader(plain, "reader"), reader(crowded, "reader"))
    loaded = Reader("a user with ten of the thousand attached", reader(plain, "loaded"), reader(crowded, "loaded"))
    account = crowded.iam(Action="GetUser").decode().partition("<Arn>arn:aws:iam::")[2][:12]
    for number in range(EACH):
        arn = f"arn:aws:iam::{account}:policy/p{number}"
        crowded.iam(Action="AttachUserPolicy", UserName="loaded", PolicyArn=arn)
    admin = Reader("the administrator", plain.admin, crowded.admin)
    print(
        f"{POLICIES} policies of {STATEMENTS} statements on {len(users)} users:"
        " p50 of reads, with and without (goal: 1.10)"
    )
    for who in (admin, own, loaded):
        for operation, params in (
            ("GetSecretValue", {"SecretId": "bench/one"}),
            ("DescribeSecret", {"SecretId": "bench/one"}),
            ("ListSecrets", {}),
        ):
            with_them, without = _p50s(plain, crowded, who, operation, params, arguments)
            ratio = with_them / without
            print(f"  {ratio:5.2f}  {operation} by {who.name}: {with_them:.1f} us, {without:.1f} us without")


def _p50s(
    plain: House, crowded: House, who: Reader, operation: str, params: dict[str, Any], arguments: argparse.Namespace
) -> tuple[float, float]:
    asked = [
        (house, signed_json(key, operation, params)) for house, key in ((crowded, who.crowded), (plain, who.plain))
    ]
    spent: tuple[list[int], list[int]] = ([], [])
    for warm in (True, False):
        for _ in range(arguments.rounds if not warm else 3):
            for at, (house, request) in enumerate(asked):
                for _ in range(arguments.calls):
                    begun = time.perf_counter_ns()
                    house.ask(request)
                    if not warm:
                        spent[at].append(time.perf_counter_ns() - begun)
    return statistics.median(spent[0]) / 1e3, statistics.median(spent[1]) / 1e3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
