"""Lines of an import that were worked out before their turn: the same as made in it, refused by all that would refuse
them there, and made in their order whatever order they come in.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_puts_foreseen import SOURCE, Desk
from tests.wire.test_secretsmanager_import import Raw, Run, imported, line, records_of, rows_of
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.base.http import HTTPRequest
from strongroom.cli import batches
from strongroom.kernel.chain import Flight
from strongroom.kernel.storage.writequeue import Outcome, Waiter
from strongroom.kernel.turns import Turns
from strongroom.services.secretsmanager import importing
from strongroom.services.secretsmanager.importing import CREATE, Lines, Prepared
from strongroom.services.secretsmanager.rules.keys import DEFAULT_KEY

__all__ = ["imported"]  # the fixture
SHA256 = hashlib.sha256(b"a file").hexdigest()
Change = Callable[[Account], None]


class Counter(Desk):
    """Takes batches through the steps by hand."""

    def lines(self, keys: dict[str, str], content: str, first: int = 1) -> Flight:
        """A batch that was worked out and waits for its turn."""
        headers = {
            "Content-Type": "application/octet-stream",
            "x-strongroom-first-line": str(first),
            "x-strongroom-continue-on-error": "true",
        }
        return self.signed(keys, "strongroom", f"/_strongroom/import/{SHA256}", headers, content.encode())

    def deny(self, action: str) -> Flight:
        """A change of the clerk's rights that has come and waits for its turn."""
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
        given = {"UserName": "clerk", "PolicyName": "no", "PolicyDocument": json.dumps(document)}
        body = urlencode({"Action": "PutUserPolicy", "Version": "2010-05-08", **given}).encode()
        return self.signed(self.admin, "iam", "/", {"Content-Type": "application/x-www-form-urlencoded"}, body)

    def signed(self, keys: dict[str, str], service: str, path: str, headers: dict[str, str], body: bytes) -> Flight:
        """A request that has come and waits for its turn."""
        made = AWSRequest("POST", self.account.url + path, data=body, headers=headers)
        SigV4Auth(Credentials(*keys.values()), service, "us-east-1").add_auth(made)
        listed = [(b"host", self.account.url.removeprefix("http://").encode())]
        listed += [(name.lower().encode(), value.encode()) for name, value in made.headers.items()]
        chain = self.engine.chain
        flight: Flight = chain.enter(chain.begin(HTTPRequest("POST", path.encode(), b"", listed, body), SOURCE))
        assert flight.reply is None
        return flight

    def made(self, *flights: Flight) -> dict[str, Any]:
        """Their turn, in one batch of the queue; the answer of the last."""
        held, last = threading.Event(), Waiter()
        self.engine.queue.submit(lambda _: Outcome(keep=held.wait(60), records=(), value=None), lambda _: None)
        for flight in flights[:-1]:
            self.engine.queue.submit(lambda tx, flight=flight: self.engine.chain.write(flight, tx), lambda _: None)
        self.engine.queue.submit(lambda tx: self.engine.chain.write(flights[-1], tx), last)
        held.set()
        last.wait(60)
        reply = flights[-1].reply
        assert reply is not None
        told: dict[str, Any] = orjson.loads(reply.body)
        return {**told, "Status": reply.status}


def worked(flight: Flight) -> list[int]:
    """Which of its lines were worked out."""
    found = flight.call.computed["lines"]
    assert isinstance(found, Prepared)
    return sorted(found.worked)


@pytest.fixture
def counter(strongroom: InProcess, account: Account) -> Counter:
    """With an import that has begun, and the default key there."""
    Raw(account, SHA256).start()
    account.client("secretsmanager").create_secret(Name="there", SecretString="0")
    return Counter(strongroom, account)


@pytest.fixture
def clerk(account: Account) -> dict[str, str]:
    """A user who may import."""
    rights = "strongroom:SecretsImport", "secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:*"
    return user(account, "clerk", *(allow(one) for one in rights))


THREE = "\n".join([line("a"), line("b", Tags=[{"Key": "team", "Value": "red"}]), line("c")])


def test_lines_are_worked_out_and_then_made(counter: Counter, clerk: dict[str, str], account: Account) -> None:
    flight = counter.lines(clerk, THREE)
    assert [0, 1, 2] == worked(flight)
    assert ["there"] == [one["Name"] for one in account.client("secretsmanager").list_secrets()["SecretList"]]

    told = counter.made(flight)
    assert (3, 0, []) == (told["Created"], told["Failed"], told["Errors"])
    assert "an-imported" in account.client("secretsmanager").get_secret_value(SecretId="b")["SecretString"]


def _deny(account: Account, action: str) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    account.client("iam").put_user_policy(UserName="clerk", PolicyName="no", PolicyDocument=json.dumps(document))


CHANGES: list[tuple[Change, list[str]]] = [
    (lambda account: _deny(account, "secretsmanager:CreateSecret"), ["AccessDeniedException"] * 3),
    (lambda account: _deny(account, "secretsmanager:TagResource"), ["AccessDeniedException"]),
    (lambda account: _deny(account, "kms:GenerateDataKey"), ["AccessDeniedException"] * 3),
    (
        lambda account: account.client("secretsmanager").create_secret(Name="c", SecretString="another's"),
        ["ResourceExistsException"],
    ),
]


@pytest.mark.parametrize(("change", "codes"), CHANGES)
def test_what_has_changed_since_refuses_a_line_in_its_turn(
    counter: Counter, clerk: dict[str, str], account: Account, change: Change, codes: list[str]
) -> None:
    flight = counter.lines(clerk, THREE)
    assert [0, 1, 2] == worked(flight)
    change(account)

    told = counter.made(flight)
    assert codes == [one["Code"] for one in told["Errors"]]
    assert (3 - len(codes), len(codes)) == (told["Created"], told["Failed"])


def test_who_may_no_longer_import_imports_nothing_that_was_worked_out(
    counter: Counter, clerk: dict[str, str], account: Account
) -> None:
    flight = counter.lines(clerk, THREE)
    _deny(account, "strongroom:SecretsImport")

    assert 403 == counter.made(flight)["Status"]
    assert ["there"] == [one["Name"] for one in account.client("secretsmanager").list_secrets()["SecretList"]]


def test_what_the_same_batch_of_the_queue_has_changed_refuses_as_well(
    counter: Counter, clerk: dict[str, str], account: Account
) -> None:
    flight = counter.lines(clerk, THREE)
    told = counter.made(counter.deny("kms:GenerateDataKey"), flight)
    assert ["AccessDeniedException"] * 3 == [one["Code"] for one in told["Errors"]]


def test_a_quota_is_exact(counter: Counter, clerk: dict[str, str], account: Account) -> None:
    quotas = counter.engine.chain.quotas
    before = quotas["secrets_quota"]
    flight = counter.lines(clerk, THREE)
    quotas["secrets_quota"] = 3
    try:
        told = counter.made(flight)
    finally:
        quotas["secrets_quota"] = before
    assert [(3, "LimitExceededException")] == [(one["Line"], one["Code"]) for one in told["Errors"]]
    assert 3 == len(account.client("secretsmanager").list_secrets()["SecretList"])


def test_a_name_twice_in_what_was_worked_out_is_made_once(counter: Counter, clerk: dict[str, str]) -> None:
    content = [line("a"), line("a", ClientRequestToken="u" * 32), line("b")]
    flight = counter.lines(clerk, "\n".join(content))
    assert [0, 1, 2] == worked(flight)
    told = counter.made(flight)
    assert [(2, "ResourceExistsException")] == [(one["Line"], one["Code"]) for one in told["Errors"]]


def test_lines_that_are_done_meanwhile_are_not_made_of_what_was_worked_out(
    counter: Counter, clerk: dict[str, str], account: Account
) -> None:
    early, late = counter.lines(clerk, THREE), counter.lines(clerk, THREE + "\n" + line("d"))
    told = counter.made(early, late)
    assert (5, 4) == (told["NextLine"], told["Created"])
    assert 5 == len(account.client("secretsmanager").list_secrets()["SecretList"])


def test_what_asks_for_more_is_worked_out_in_its_turn(counter: Counter, clerk: dict[str, str]) -> None:
    others = [
        line("b", KmsKeyId=DEFAULT_KEY),
        line("not a name"),
        "",
        line("e", Tags=[{"Key": "aws:x", "Value": ""}]),
        line("f", SecretBinary="YQ=="),
    ]
    flight = counter.lines(clerk, "\n".join([line("a"), *others, line("g")]))
    assert [0, 6] == worked(flight)
    told = counter.made(flight)
    assert [3, 5, 6] == [one["Line"] for one in told["Errors"]]
    assert 3 == told["Created"]


def test_a_condition_on_a_request_is_asked_of_each_line(counter: Counter, account: Account) -> None:
    """Policies that look at more than patterns have no plan: nothing follows from the line before."""
    red, of_c = {"StringEquals": {"aws:RequestTag/team": "red"}}, {"kms:EncryptionContext:SecretARN": "*:secret:c-*"}
    keys = user(
        account,
        "careful",
        allow("strongroom:SecretsImport"),
        allow("secretsmanager:CreateSecret", **red),
        allow("secretsmanager:TagResource"),
        {**allow("kms:GenerateDataKey", StringLike=of_c), "Effect": "Deny"},
    )
    tagged = {"Tags": [{"Key": "team", "Value": "red"}]}
    content = [line("a", **tagged), line("b", **tagged), line("x"), line("c", **tagged), line("d", **tagged)]
    flight = counter.lines(keys, "\n".join(content))
    assert [0, 1, 4] == worked(flight)
    told = counter.made(flight)
    assert [3, 4] == [one["Line"] for one in told["Errors"]]


def test_a_line_that_changes_what_others_were_worked_out_on_has_them_worked_out_anew(
    counter: Counter, clerk: dict[str, str], account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = counter.lines(clerk, "\n".join([line("a"), line("b", KmsKeyId=DEFAULT_KEY), line("c")]))
    assert [0, 2] == worked(flight)
    found, said = flight.call.computed["lines"], iter((True, False))
    monkeypatch.setattr(importing, "stands", lambda *_: next(said))

    assert 3 == counter.made(flight)["Created"]
    for name, place, same in (("a", 0, True), ("c", 2, False)):
        arn = account.client("secretsmanager").describe_secret(SecretId=name)["ARN"]
        assert same == arn.endswith(found.worked[place].new.row["suffix"])


def test_each_line_has_a_data_key_and_a_suffix_of_its_own(
    strongroom: InProcess, counter: Counter, clerk: dict[str, str], account: Account
) -> None:
    counter.made(counter.lines(clerk, "\n".join(line(f"n/{number}") for number in range(20))))
    client = account.client("secretsmanager")
    for number in range(20):
        assert f"n/{number}" in client.get_secret_value(SecretId=f"n/{number}")["SecretString"]
    arns = [one["arn"] for one in _responses(records_of(strongroom, account, CREATE))]
    assert len(arns) == len({one[-6:] for one in arns}) == 21
    keys = records_of(strongroom, account, "GenerateDataKey")
    contexts = {one["requestParameters"]["encryptionContext"]["SecretARN"] for one in keys}
    assert set(arns) == contexts
    assert len(keys) == len({one["eventID"] for one in keys}) == len({one["requestID"] for one in keys})


def _responses(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["responseElements"] for one in records]


KINDS: list[dict[str, Any]] = [
    {},
    {"Description": "of \"it\"", "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a"}]},
    {"Description": "", "Tags": []},
    {"SecretString": None, "SecretBinary": "AAEC"},
    {"SecretString": None},
    {"Description": "d" * 2048},
]


def test_rows_and_records_are_those_of_lines_that_are_made_in_their_turn(
    strongroom: InProcess, counter: Counter, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = counter.admin
    token = "t" * 32
    ahead, late = (
        [line(f"{where}/{at}", ClientRequestToken=token, **more) for at, more in enumerate(KINDS)]
        for where in ("ahead", "later")
    )
    flight = counter.lines(admin, "\n".join(ahead))
    assert list(range(len(KINDS))) == worked(flight)
    counter.made(flight)
    monkeypatch.setattr(Lines, "prepare", lambda *_: None)
    counter.made(counter.lines(admin, "\n".join(late), first=len(ahead) + 1))

    numbers = range(len(KINDS))
    first, second = (rows_of(strongroom, [f"{where}/{at}" for at in numbers]) for where in ("ahead", "later"))
    assert first == second
    told: dict[str, list[str]] = {"ahead": [], "later": []}
    for _, entry in lines(strongroom.settings.data):
        shown = json.dumps({name: entry[name] for name in entry if name not in ("seq", "prev", "at", "id")})
        for where, listed in told.items():
            if f"{where}/" in shown:
                shown = re.sub(r'-[A-Za-z0-9]{6}"', '-??????"', shown.replace(where, "x"))
                shown = re.sub(r'"(eventID|requestID|for|eventTime)": "[^"]*"', "", shown)
                listed.append(shown)
    assert told["ahead"] == told["later"]
    assert 2 * len(KINDS) - 1 == len(told["ahead"])


def test_many_small_batches_at_once_are_made_in_their_order(
    strongroom: InProcess, account: Account, imported: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LINES_AT_MOST", 3)
    content = "\n".join(line(f"s/{number:02}") for number in range(50))
    status, told = imported(content)

    assert (0, 50, 0, True) == (status, told["Created"], told["Failed"], told["Ended"])
    created = [one["requestParameters"]["name"] for one in records_of(strongroom, account, CREATE)]
    assert [f"s/{number:02}" for number in range(50)] == created


def test_behind_a_refused_line_nothing_is_made_of_what_was_sent_already(
    account: Account, imported: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LINES_AT_MOST", 2)
    listed = [line(f"s/{number}") for number in range(20)]
    listed[7] = line("not a name")
    status, told = imported("\n".join(listed))

    assert (1, True, 8, 7) == (status, told["Stopped"], told["NextLine"], told["Created"])
    assert 7 == len(account.client("secretsmanager").list_secrets()["SecretList"])


def test_a_batch_that_comes_early_waits_for_its_turn(
    strongroom: InProcess, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = strongroom.worker.asgi.engine.chain  # type: ignore[attr-defined]
    monkeypatch.setattr(chain, "turns", Turns(wait_s=60))
    raw, early = Raw(account, "d" * 64), Raw(account, "d" * 64)
    raw.start()
    told: list[Any] = []
    waiting = threading.Thread(target=lambda: told.append(early.send(3, line("c"))))
    waiting.start()
    waiting.join(0.2)
    assert not told
    assert 200 == raw.send(1, line("a") + "\n" + line("b"))[0]
    waiting.join(60)
    assert [(200, 4)] == [(status, answer["NextLine"]) for status, answer in told]
