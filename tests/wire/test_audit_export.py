"""``strongroom audit export``: what it writes is validated by AWS's published steps, and by the stock ``aws`` CLI."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.buckets import Bucket
from tests.deployment import clean_environment
from tests.inprocess import Account, InProcess
from tests.wire.local import ask
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.cli import auditexport
from strongroom.server.parts import StartRefused
from strongroom.services.local import exports

EXPORT, DIGEST = "/_strongroom/audit/export", "/_strongroom/audit/digest"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span can be exported as soon as it is over."""
    monkeypatch.setattr(exports, "SETTLES", timedelta(0))


@pytest.fixture
def export(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs the command for the account, a digest a second; what it printed."""

    def run(**changed: Any) -> dict[str, Any]:
        keys = changed.pop("keys", {"aws_access_key_id": account.key_id, "aws_secret_access_key": account.secret})
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["aws_secret_access_key"])
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        given = {
            "data": str(tmp_path), "endpoint": account.url, "format": "json", "to": str(tmp_path / "trail"),
            "bucket": "strongroom", "every": "1s", "since": None, "until": now(),
        }  # fmt: skip
        printed: list[dict[str, Any]] = []
        monkeypatch.setattr(auditexport, "show", lambda _given, told, _text: printed.append(told))
        auditexport.run(argparse.Namespace(**{**given, **changed}))
        return printed[0]

    return run


def now() -> str:
    """This second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(moment: str) -> str:
    """The second now, once it is later than a moment."""
    until = time.monotonic() + 60
    while now() <= moment:
        assert time.monotonic() < until
        time.sleep(0.02)
    return now()


def work(account: Account) -> str:
    """Calls over more than one second; the second when they are over."""
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="db", SecretString="canary-of-the-export")
    after(now())
    secrets.get_secret_value(SecretId="db")
    with pytest.raises(Exception, match="can't find"):
        secrets.get_secret_value(SecretId="never")
    return after(now())


def files(root: Path, kind: str) -> list[Path]:
    """The files of a kind, in order of their names."""
    return sorted((root / "AWSLogs").glob(f"*/{kind}/us-east-1/*/*/*/*.json.gz"))


def records(root: Path) -> list[dict[str, Any]]:
    """All records of all log files."""
    return [
        one for path in files(root, "CloudTrail") for one in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]


# ---------------------------------------------------------------------- AWS's steps, followed anew


def pkcs1(value: bytes) -> rsa.RSAPublicKey:
    """A key as ListPublicKeys tells it."""
    key = load_der_public_key(value)
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def faults(root: Path, keys: dict[str, rsa.RSAPublicKey]) -> Iterator[str]:
    """What is wrong with an export, from its newest digest back to the first.

    Source: CloudTrail User Guide, "Custom implementations of CloudTrail log file integrity validation".
    """
    named: str | None = str(files(root, "CloudTrail-Digest")[-1].relative_to(root))
    expected: tuple[str | None, str | None] = (None, None)
    while named is not None:
        path = root / named
        if not path.exists():
            yield f"{path.name} is missing"
            return
        content = gzip.decompress(path.read_bytes())
        digest = json.loads(content)
        metadata = json.loads(path.with_name(f"{path.name}.metadata.json").read_bytes())
        hashed, signature = sha256(content).hexdigest(), metadata["signature"]
        if expected not in ((None, None), (hashed, signature)):
            yield f"{path.name} is not what the next one names"
        place = f"{digest['digestS3Bucket']}/{digest['digestS3Object']}"
        before = digest["previousDigestSignature"] or "null"
        text = f"{digest['digestEndTime']}\n{place}\n{hashed}\n{before}"
        key = keys[digest["digestPublicKeyFingerprint"]]
        try:
            key.verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            yield f"{path.name} is not signed"
        for log in digest["logFiles"]:
            file = root / log["s3Object"]
            if not file.exists():
                yield f"{file.name} is missing"
            elif sha256(gzip.decompress(file.read_bytes())).hexdigest() != log["hashValue"]:
                yield f"{file.name} was changed"
        named = digest["previousDigestS3Object"]
        expected = digest["previousDigestHashValue"], digest["previousDigestSignature"]


@pytest.fixture
def keys(account: Account) -> Callable[[], dict[str, rsa.RSAPublicKey]]:
    """The keys by fingerprint, as a stock client is told them."""

    def told() -> dict[str, rsa.RSAPublicKey]:
        found = account.client("cloudtrail").list_public_keys()["PublicKeyList"]
        return {one["Fingerprint"]: pkcs1(one["Value"]) for one in found}

    return told


def test_every_record_of_the_time_is_written_once_and_the_export_validates(
    account: Account, export: Any, keys: Any, tmp_path: Path
) -> None:
    since, until = now(), work(account)
    told = export(since=since, until=until)
    found = records(tmp_path / "trail")

    assert [] == list(faults(tmp_path / "trail", keys()))
    assert told["records"] == len(found) == len({one["eventID"] for one in found})
    assert told["digests"] == len(files(tmp_path / "trail", "CloudTrail-Digest")) >= 2
    assert until == told["through"]
    names = [one["eventName"] for one in found if one["eventSource"] == "secretsmanager.amazonaws.com"]
    assert ["CreateSecret", "GetSecretValue", "GetSecretValue"] == sorted(names)
    looked_up = account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateSecret"}]
    )["Events"]
    assert json.loads(looked_up[0]["CloudTrailEvent"]) in found
    assert "canary-of-the-export" not in json.dumps(found)


def test_names_and_places_are_cloudtrails_and_only_the_owner_reads(
    account: Account, export: Any, tmp_path: Path
) -> None:
    since, until = now(), work(account)
    export(since=since, until=until)
    root = tmp_path / "trail"
    (digest, *_), (log, *_) = files(root, "CloudTrail-Digest"), files(root, "CloudTrail")

    day = until[:10].replace("-", "/")
    assert f"AWSLogs/{account.id}/CloudTrail/us-east-1/{day}" == str(log.parent.relative_to(root))
    assert f"AWSLogs/{account.id}/CloudTrail-Digest/us-east-1/{day}" == str(digest.parent.relative_to(root))
    assert digest.name.startswith(
        f"{account.id}_CloudTrail-Digest_us-east-1_strongroom_us-east-1_{day.replace('/', '')}T"
    )
    assert log.name.startswith(f"{account.id}_CloudTrail_us-east-1_{day.replace('/', '')}T")
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    assert [] == [path.name for path in root.rglob(".*")], "no draft is left"


def test_a_run_goes_on_where_the_last_one_ended_and_finishes_what_was_cut_short(
    account: Account, export: Any, keys: Any, tmp_path: Path
) -> None:
    root = tmp_path / "trail"
    since, middle = now(), work(account)
    export(since=since, until=middle)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    newest = files(root, "CloudTrail-Digest")[-1]
    newest.unlink()  # as if the run had been cut short before it
    account.client("secretsmanager").list_secrets()
    told = export(until=after(now()))

    assert told["digests"] >= 2
    assert [] == list(faults(root, keys()))
    assert {path: path.stat().st_mtime_ns for path in before if path != newest} == {
        path: at for path, at in before.items() if path != newest
    }
    found = records(root)
    assert len(found) == len({one["eventID"] for one in found})
    assert 1 == [one["eventName"] for one in found].count("ListSecrets")
    with pytest.raises(StartRefused, match="gap"):
        export(since=after(now()), until=after(now()))


def test_nothing_that_is_there_is_written_over(account: Account, export: Any, tmp_path: Path) -> None:
    root = tmp_path / "trail"
    since, until = now(), work(account)
    export(since=since, until=until)
    digest, log = files(root, "CloudTrail-Digest"), files(root, "CloudTrail")[-1]
    for path in digest:
        path.unlink()
    log.write_bytes(gzip.compress(b"somebody else's"))

    with pytest.raises(StartRefused, match="holds something else"):
        export(since=since, until=until)
    assert b"somebody else's" == gzip.decompress(log.read_bytes())


def changed(path: Path) -> None:
    """One record tells another name."""
    content = gzip.decompress(path.read_bytes())
    assert b"GetSecretValue" in content or b"Secret" in content
    path.write_bytes(gzip.compress(content.replace(b"Secret", b"Sacred")))


def forged(path: Path) -> None:
    """A digest that names no log files any more."""
    told = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({**told, "logFiles": []}).encode()))


@pytest.mark.parametrize(
    ("kind", "at", "harm", "word"),
    [
        ("CloudTrail", -1, changed, "was changed"),
        ("CloudTrail", -1, Path.unlink, "is missing"),
        ("CloudTrail-Digest", 0, forged, "is not signed"),
        ("CloudTrail-Digest", 0, Path.unlink, "is missing"),
    ],
)
def test_what_is_changed_or_removed_is_found(
    account: Account, export: Any, keys: Any, tmp_path: Path, kind: str, at: int, harm: Any, word: str
) -> None:
    root = tmp_path / "trail"
    since, until = now(), work(account)
    export(since=since, until=until)
    harmed = files(root, kind)[at]
    harm(harmed)

    assert any(one == f"{harmed.name} {word}" for one in faults(root, keys()))


# ---------------------------------------------------------------------- the stock CLI


def validated(account: Account, root: Path, since: str) -> str:
    """What ``aws cloudtrail validate-logs`` says of an export, its bucket being the directory."""
    with Bucket("strongroom", root) as bucket:
        done = subprocess.run(
            [
                sys.executable, "-m", "awscli", "cloudtrail", "validate-logs", "--start-time", since, "--verbose",
                "--trail-arn", f"arn:aws:cloudtrail:us-east-1:{account.id}:trail/strongroom",
                "--s3-bucket", "strongroom", "--endpoint-url", account.url, "--region", "us-east-1",
            ],
            env=clean_environment()
            | {
                "AWS_ACCESS_KEY_ID": account.key_id, "AWS_SECRET_ACCESS_KEY": account.secret,
                "AWS_ENDPOINT_URL_S3": bucket.url, "AWS_CONFIG_FILE": os.devnull,
            },
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    return done.stdout + done.stderr


def test_the_stock_cli_validates_an_export_and_finds_what_was_changed(
    account: Account, export: Any, tmp_path: Path
) -> None:
    root = tmp_path / "trail"
    since, until = now(), work(account)
    told = export(since=since, until=until)
    whole = validated(account, root, since)
    digest, *later = files(root, "CloudTrail-Digest")
    named = [one["s3Object"] for path in later for one in json.loads(gzip.decompress(path.read_bytes()))["logFiles"]]
    log = root / named[-1]
    changed(log)
    forged(digest)
    harmed = validated(account, root, since)

    assert f"{told['digests']}/{told['digests']} digest files valid" in whole, whole
    assert f"{told['logs']}/{told['logs']} log files valid" in whole, whole
    assert "INVALID" not in whole
    assert f"{log.name}\tINVALID: hash value doesn't match" in harmed, harmed
    assert f"{digest.name}\tINVALID: signature verification failed" in harmed, harmed


# ---------------------------------------------------------------------- attacks on the signature


def test_nothing_is_signed_but_what_was_given_out(account: Account, strongroom: InProcess) -> None:
    start = int(datetime.fromisoformat(now()).timestamp()) * 1000
    work(account)
    end = int(datetime.fromisoformat(now()).timestamp()) * 1000
    page = ask(account, "POST", EXPORT, {"StartMs": start, "EndMs": end})
    other = ask(strongroom.account(), "POST", EXPORT, {"StartMs": start, "EndMs": end})
    later = ask(account, "POST", EXPORT, {"StartMs": start + 1000, "EndMs": end})
    signed = ask(account, "POST", DIGEST, {"Bucket": "logs", "Receipts": [page["Receipt"]]})
    previous = {
        "Bucket": "logs", "Path": signed["Path"], "Hash": sha256(signed["Digest"].encode()).hexdigest(),
        "End": json.loads(signed["Digest"])["digestEndTime"], "Signature": signed["Signature"],
    }  # fmt: skip
    assert sha256(page["Log"].encode()).hexdigest() == json.loads(signed["Digest"])["logFiles"][0]["hashValue"]

    made_up = base64.b64encode(b"\0" * 80).decode()
    for receipts in ([other["Receipt"]], [made_up], ["-"], [page["Receipt"], later["Receipt"]], [page["Receipt"]] * 2):
        with pytest.raises(StartRefused, match=r"[Rr]eceipt"):
            ask(account, "POST", DIGEST, {"Bucket": "logs", "Receipts": receipts})
    for harmed in ({"Hash": "0" * 64}, {"Signature": "00" * 256}, {"Signature": "0"}, {}):
        with pytest.raises(StartRefused, match="not the one that this one follows"):
            # Even the true one: its end is not the begin of this span.
            ask(
                account,
                "POST",
                DIGEST,
                {"Bucket": "logs", "Receipts": [page["Receipt"]], "Previous": previous | harmed},
            )


def test_a_page_left_out_is_noticed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    start = int(datetime.fromisoformat(now()).timestamp()) * 1000
    work(account)
    end = int(datetime.fromisoformat(now()).timestamp()) * 1000
    monkeypatch.setattr(exports, "PAGE", 1)
    pages = [ask(account, "POST", EXPORT, {"StartMs": start, "EndMs": end})]
    while "After" in pages[-1]:
        pages.append(ask(account, "POST", EXPORT, {"StartMs": start, "EndMs": end, "After": pages[-1]["After"]}))
    receipts = [page["Receipt"] for page in pages]

    assert len(receipts) >= 3
    for left in (receipts[1:], receipts[:-1], [receipts[0], *receipts[2:]], receipts[::-1]):
        with pytest.raises(StartRefused, match="not those of all pages"):
            ask(account, "POST", DIGEST, {"Bucket": "logs", "Receipts": left})
    whole = json.loads(ask(account, "POST", DIGEST, {"Bucket": "logs", "Receipts": receipts})["Digest"])
    assert len(whole["logFiles"]) == sum(page["Records"] for page in pages)


def test_a_span_that_may_still_grow_is_refused(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SETTLES", timedelta(minutes=20))
    at = int(datetime.fromisoformat(now()).timestamp()) * 1000
    for span in ((at - 60_000, at), (at, at), (at - 8_000_000, at - 4_000_000), (at - 4_000_001, at - 3_000_000)):
        with pytest.raises(StartRefused, match="span"):
            ask(account, "POST", EXPORT, {"StartMs": span[0], "EndMs": span[1]})


def test_exporting_needs_its_own_permission(account: Account, export: Any) -> None:
    with pytest.raises(StartRefused, match="strongroom:AuditExport"):
        export(keys=user(account, "eve", allow("strongroom:AuditRead", "cloudtrail:*")))
    assert export(keys=user(account, "auditor", allow("strongroom:AuditExport")), since=now(), until=after(now()))


def test_a_server_that_names_files_elsewhere_is_not_believed(tmp_path: Path) -> None:
    state = {"Account": "123456789012", "Region": "us-east-1"}
    work_of: Any = auditexport._Export
    made = work_of(None, tmp_path, state, "strongroom")
    good = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01/123456789012_CloudTrail_us-east-1_x.json.gz"
    assert tmp_path / good == made._path(good)
    for bad in ("../x.json.gz", f"/{good}", good.replace("2026", "../.."), good + "\n", good.replace(".json.gz", "")):
        with pytest.raises(StartRefused):
            made._path(bad)
    with pytest.raises(StartRefused):
        work_of(None, tmp_path, {**state, "Account": "../../etc"}, "strongroom")
