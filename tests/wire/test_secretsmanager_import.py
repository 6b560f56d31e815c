"""``strongroom import``: every line decided and recorded as the caller's own CreateSecret, and none done twice."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.inprocess import Account, InProcess
from tests.journals import entries

from strongroom.cli import parser
from strongroom.cli.client import Client, Keys
from strongroom.server.parts import StartRefused
from strongroom.services.secretsmanager.store import tables

CANARY = "an-imported-word-that-no-text-may-hold"
"""Holds no other test's value: one line has it as its Type, which records show."""
Run = Callable[..., tuple[int, dict[str, Any]]]


def line(name: str, **more: Any) -> str:
    """One line of a file."""
    return json.dumps({"Name": name, "SecretString": f"{CANARY} of {name}", **more})


@pytest.fixture
def imported(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run the command for an account, of its administrator unless other keys are given."""

    def run(content: str, *options: str, **keys: str) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "secrets.jsonl"
        file.write_text(content)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.get("aws_access_key_id", account.key_id))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.get("aws_secret_access_key", account.secret))
        words = ["import", str(file), "--data", str(tmp_path), "--endpoint", account.url, "--format", "json", *options]
        given = parser("import").parse_args(words)
        status: int = given.run(given)
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        return status, json.loads(out)

    yield run


def user(account: Account, name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
    """A user with these rights, and the keys of it."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def records_of(strongroom: InProcess, account: Account, name: str) -> list[dict[str, Any]]:
    """The account's records of one operation."""
    found = [entry.event for entry in entries(strongroom.settings.data)]
    return [one for one in found if one["eventName"] == name and one["recipientAccountId"] == account.id]


def test_every_line_is_a_secret_afterwards(account: Account, imported: Run) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    content = [line(f"app/{number}", Description="d", Tags=tags) for number in range(7)]
    status, told = imported("\n".join(content))  # without a last newline

    client = account.client("secretsmanager")
    assert (0, 7, True) == (status, told["Created"], told["Ended"])
    assert f"{CANARY} of app/3" == client.get_secret_value(SecretId="app/3")["SecretString"]
    described = client.describe_secret(SecretId="app/6")
    assert ("d", tags) == (described["Description"], described["Tags"])


def test_what_was_imported_is_found_by_its_words(account: Account, imported: Run) -> None:
    tags = [{"Key": "team", "Value": "crimson"}]
    imported("\n".join([line("app/1", Description="the ledger"), line("app/2", Tags=tags), line("app/3")]))
    client = account.client("secretsmanager")
    sought = (("description", "ledger", "app/1"), ("tag-value", "crimson", "app/2"), ("all", "3", "app/3"))
    for key, value, name in sought:
        found = client.list_secrets(Filters=[{"Key": key, "Values": [value]}])["SecretList"]
        assert [name] == [one["Name"] for one in found]


def test_each_secret_has_its_record_and_the_file_one_event_with_its_hash(
    strongroom: InProcess, account: Account, imported: Run
) -> None:
    content = line("one") + "\n" + line("two") + "\n"
    imported(content)

    created = records_of(strongroom, account, "CreateSecret")
    whole = records_of(strongroom, account, "ImportSecrets")
    assert ["one", "two"] == sorted(one["requestParameters"]["name"] for one in created)
    assert 2 == len(records_of(strongroom, account, "GenerateDataKey"))
    assert 1 == len(whole)
    assert hashlib.sha256(content.encode()).hexdigest() == whole[0]["additionalEventData"]["sha256"]
    assert (2, 0) == (whole[0]["additionalEventData"]["created"], whole[0]["additionalEventData"]["failed"])


def test_a_line_that_the_caller_may_not_create_is_refused_in_awss_words_and_recorded(
    strongroom: InProcess, account: Account, imported: Run
) -> None:
    allowed = {"Effect": "Allow", "Action": ["secretsmanager:CreateSecret", "kms:*"], "Resource": "*"}
    start = {"Effect": "Allow", "Action": "strongroom:SecretsImport", "Resource": "*"}
    denied = {
        "Effect": "Deny",
        "Action": "secretsmanager:CreateSecret",
        "Resource": "arn:aws:secretsmanager:*:*:secret:prod/*",
    }
    keys = user(account, "importer", [allowed, start, denied])
    content = "\n".join([line("dev/a"), line("prod/b"), line("dev/c", Tags=[{"Key": "k", "Value": "v"}])])
    status, told = imported(content, "--continue-on-error", **keys)

    assert (1, 1, 2) == (status, told["Created"], told["Failed"])
    assert [2, 3] == [one["Line"] for one in told["Errors"]]
    assert ["AccessDeniedException"] * 2 == [one["Code"] for one in told["Errors"]]
    assert "secretsmanager:CreateSecret" in told["Errors"][0]["Message"]
    assert "secretsmanager:TagResource" in told["Errors"][1]["Message"]
    errors = [one.get("errorCode") for one in records_of(strongroom, account, "CreateSecret")]
    assert [None, "AccessDenied", "AccessDenied"] == errors


def test_who_may_not_import_imports_nothing(account: Account, imported: Run) -> None:
    keys = user(account, "creator", [{"Effect": "Allow", "Action": ["secretsmanager:*", "kms:*"], "Resource": "*"}])

    with pytest.raises(StartRefused, match="strongroom:SecretsImport"):
        imported(line("a"), **keys)


def test_without_being_told_to_go_on_it_stops_at_the_line_and_goes_on_there(account: Account, imported: Run) -> None:
    client = account.client("secretsmanager")
    client.create_secret(Name="b", SecretString="someone else's")
    content = "\n".join(line(name) for name in "abc")
    status, told = imported(content)
    assert (1, True, 2, 1) == (status, told["Stopped"], told["NextLine"], told["Created"])
    assert "ResourceExistsException" == told["Errors"][0]["Code"]

    client.delete_secret(SecretId="b", ForceDeleteWithoutRecovery=True)
    status, told = imported(content)
    assert (0, 3, 4) == (status, told["Created"], told["NextLine"])


def test_a_file_that_was_imported_is_not_imported_again(account: Account, imported: Run) -> None:
    content = line("a") + "\n" + line("b")
    imported(content)
    account.client("secretsmanager").delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
    status, told = imported(content)
    assert (0, True) == (status, told["AlreadyEnded"])
    assert ["b"] == [one["Name"] for one in account.client("secretsmanager").list_secrets()["SecretList"]]

    status, told = imported(content, "--again")
    assert (0, 1, 1) == (status, told["Created"], told["Present"])


def test_an_edited_file_makes_only_what_is_new(account: Account, imported: Run) -> None:
    imported(line("a") + "\n" + line("b"))
    status, told = imported("\n".join(line(name) for name in "abc"))

    assert (0, 1, 2) == (status, told["Created"], told["Present"])
    versions = account.client("secretsmanager").list_secret_version_ids(SecretId="a", IncludeDeprecated=True)
    assert 1 == len(versions["Versions"])


def test_a_dry_run_decides_everything_and_keeps_nothing(strongroom: InProcess, account: Account, imported: Run) -> None:
    content = "\n".join([line("a"), line("not a name"), line("c", KmsKeyId="alias/none")])
    status, told = imported(content, "--dry-run")

    assert (1, 1, 2) == (status, told["Created"], told["Failed"])
    assert [2, 3] == [one["Line"] for one in told["Errors"]]
    assert [] == account.client("secretsmanager").list_secrets()["SecretList"]
    created = records_of(strongroom, account, "CreateSecret")
    assert all("errorCode" in one for one in created)
    assert [True] == [one["requestParameters"]["dryRun"] for one in records_of(strongroom, account, "ImportLines")]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('{"Name": "x", "SecretString": "' + CANARY, "SerializationException"),
        ("[]", "SerializationException"),
        ('{"Name": 7}', "SerializationException"),
        (line("7", ClientRequestToken="t" * 32), "ResourceExistsException"),
        ('{"SecretString": "' + CANARY + '"}', "ValidationException"),
        (line("x" * 513), "ValidationException"),
        (line("x", SecretBinary="YQ=="), "InvalidParameterException"),
        (line("x", Type=CANARY * 100), "ValidationException"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_number_and_without_its_value(imported: Run, bad: str, code: str) -> None:
    content = "\n".join([line("7"), "", bad, line("b")])
    status, told = imported(content, "--continue-on-error")

    assert (1, 2, 1) == (status, told["Created"], told["Failed"])
    assert [(3, code)] == [(one["Line"], one["Code"]) for one in told["Errors"]]


def test_what_a_refused_line_had_changed_is_taken_back(strongroom: InProcess, account: Account, imported: Run) -> None:
    """The secret's row is written before KMS refuses its key."""
    status, told = imported(line("a", KmsKeyId="alias/none") + "\n" + line("b"), "--continue-on-error")

    assert (1, 1) == (status, told["Created"])
    assert ["b"] == [one["Name"] for one in account.client("secretsmanager").list_secrets()["SecretList"]]
    asked = records_of(strongroom, account, "GenerateDataKey")
    assert any(one.get("errorCode") == "NotFoundException" for one in asked)


class Raw:
    """The operations themselves."""

    def __init__(self, account: Account, sha256: str) -> None:
        self.client = Client(account.url, "us-east-1", Keys(account.key_id, account.secret), None)
        self.sha256 = sha256

    def start(self) -> dict[str, Any]:
        """Begin."""
        return self.client.ask("POST", "/_strongroom/import", {"Sha256": self.sha256})

    def send(self, first: int, content: str, **more: str) -> tuple[int, dict[str, Any]]:
        """Some lines."""
        headers = {"x-strongroom-first-line": str(first), **more}
        path = f"/_strongroom/import/{self.sha256}"
        status, text = self.client.send(
            "POST", path, content.encode(), "application/octet-stream", service="strongroom", more=headers
        )
        return status, json.loads(text)


def test_a_batch_that_comes_twice_is_done_once(strongroom: InProcess, account: Account) -> None:
    raw = Raw(account, "a" * 64)
    raw.start()
    content = line("a") + "\n" + line("b") + "\n"
    raw.send(1, content)
    status, told = raw.send(1, content)
    assert (200, 3, 2) == (status, told["NextLine"], told["Created"])
    assert 2 == len(records_of(strongroom, account, "CreateSecret"))
    assert 3 == raw.start()["NextLine"]

    status, told = raw.send(2, line("b") + "\n" + line("c"))
    assert (200, 4, 3) == (status, told["NextLine"], told["Created"])


def test_a_batch_out_of_step_and_one_of_no_import_are_refused(account: Account) -> None:
    raw = Raw(account, "b" * 64)
    assert 404 == raw.send(1, line("a"))[0]
    raw.start()
    assert 409 == raw.send(5, line("a"))[0]
    assert [] == account.client("secretsmanager").list_secrets()["SecretList"]


def test_too_many_lines_at_once_are_refused(account: Account) -> None:
    raw = Raw(account, "c" * 64)
    raw.start()
    assert 400 == raw.send(1, "\n" * 501)[0]


def test_standard_input_is_a_file_too(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO((line("a") + "\n").encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    given = parser("import").parse_args(["import", "-", "--endpoint", account.url, "--data", "."])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret)
    assert 0 == given.run(given)
    assert "a" == account.client("secretsmanager").describe_secret(SecretId="a")["Name"]


def rows_of(strongroom: InProcess, names: list[str]) -> list[tuple[Any, ...]]:
    """What the tables hold of these secrets, but for what differs from secret to secret."""
    drawn = {"pk", "secret_pk", "version_pk", "name", "suffix", "created_ms", "changed_ms", "sealed", "wrapped"}
    found = []
    with strongroom.worker.asgi.engine.store.read() as tx:  # type: ignore[attr-defined]
        for name in names:
            row = tx.row(select(tables.secret).where(tables.secret.c.name == name))
            told = {key: value for key, value in zip(tables.secret.c.keys(), row, strict=True) if key not in drawn}
            rest = []
            for table in (tables.version, tables.label, tables.tag):
                for one in tx.rows(select(table).where(table.c.secret_pk == row[0])):
                    rest.append([part for key, part in zip(table.c.keys(), one, strict=True) if key not in drawn])
            found.append((told, rest, [row[6] - row[5]]))
    return found


def test_a_line_among_many_leaves_the_same_rows_and_records_as_one_by_itself(
    strongroom: InProcess, account: Account, imported: Run
) -> None:
    """The first line of a batch is made by CreateSecret's own statements, those that follow are gathered."""
    kinds: list[dict[str, Any]] = [
        {},
        {"Description": "of it", "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a"}]},
        {"Description": "", "Tags": []},
        {"SecretString": None, "SecretBinary": "AAEC"},
        {"SecretString": None},
    ]
    token = "t" * 32
    alone = [line(f"alone/{at}", ClientRequestToken=token, **more) for at, more in enumerate(kinds)]
    among = [line(f"among/{at}", ClientRequestToken=token, **more) for at, more in enumerate(kinds)]
    for one in alone:
        assert 0 == imported(one)[0]
    assert 0 == imported("\n".join([line("first"), *among]))[0]

    numbers = range(len(kinds))
    first, second = (rows_of(strongroom, [f"{where}/{at}" for at in numbers]) for where in ("alone", "among"))
    assert first == second
    told: dict[str, list[Any]] = {"alone": [], "among": []}
    for event in records_of(strongroom, account, "CreateSecret"):
        where = event["requestParameters"]["name"].partition("/")[0]
        if where in told:
            shown = json.dumps({key: event[key] for key in event if key not in ("eventID", "requestID", "eventTime")})
            told[where].append(re.sub('-[A-Za-z0-9]{6}"', '-??????"', shown.replace(where, "x")))
    assert told["alone"] == told["among"]
    client = account.client("secretsmanager")
    assert b"\x00\x01\x02" == client.get_secret_value(SecretId="among/3")["SecretBinary"]
    assert f"{CANARY} of among/1" == client.get_secret_value(SecretId="among/1")["SecretString"]


def test_a_name_that_comes_twice_in_a_batch_is_taken_the_second_time(imported: Run) -> None:
    content = [line("first"), line("a"), line("a"), line("a", ClientRequestToken="u" * 32), line("b", KmsKeyId="")]
    status, told = imported("\n".join([*content, line("b", ClientRequestToken="u" * 32)]), "--continue-on-error")

    assert (1, 3, 1, 2) == (status, told["Created"], told["Present"], told["Failed"])
    assert [4, 6] == [one["Line"] for one in told["Errors"]]
    assert ["ResourceExistsException"] * 2 == [one["Code"] for one in told["Errors"]]
