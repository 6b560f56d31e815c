"""Records read in halves: what is found by them is what a whole reading of each line gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal.chain import Chain, Recordable
from strongroom.kernel.journal.event import PRODUCT_TIME
from strongroom.kernel.journal.reading import HEAD
from strongroom.kernel.journal.written import Blanks, Shared, WrittenRecord, family_of
from strongroom.kernel.trail import halves
from strongroom.kernel.trail.entries import entries_of
from strongroom.kernel.trail.halves import Reader, Write
from strongroom.kernel.trail.uses import uses_of
from strongroom.kernel.trail.words import words_of

ACCOUNT, OTHER = "111122223333", "444455556666"
ARN = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:db-abcdef"
ANN = {"type": "IAMUser", "principalId": "AIDAANN", "accountId": ACCOUNT, "userName": "ann", "accessKeyId": "AKIAANN"}
ROLE = {
    "type": "AssumedRole",
    "principalId": "AROA1:night",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/job/night",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIA1",
    "sessionContext": {"sessionIssuer": {"principalId": "AROA1"}},
}
Told = tuple[list[tuple[int, int, int, tuple[int, ...]]], dict[tuple[str, str, str], int]]


def event(**more: Any) -> dict[str, Any]:
    """An event in the order in which they are recorded."""
    told = {
        "eventVersion": "1.09",
        "userIdentity": ANN,
        "eventTime": "2026-03-01T12:00:00Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli",
        "requestParameters": {"secretId": "db"},
        "responseElements": None,
        "requestID": uuid4(SystemEntropy()),
        "eventID": uuid4(SystemEntropy()),
        "readOnly": True,
        "recipientAccountId": ACCOUNT,
    }
    return told | more


def record(decision: dict[str, Any] | None = None, *, writes: bool = False, **more: Any) -> Record:
    made = event(**more)
    told = {"outcome": "allowed", "resource": ARN, "resourceAccount": ACCOUNT} | (decision or {})
    return Record(made["eventID"], made, writes, told)


def lines_of(*records: Recordable, at_ms: int = 1_772_366_400_123) -> bytes:
    return Chain("c").records(records, at_ms).data


def whole(data: bytes, at: int) -> Told:
    """What a reading of each line from end to end gives."""
    entries, used = [], dict[tuple[str, str, str], int]()
    for raw in data.split(b"\n"):
        head = HEAD.match(raw)
        if head is not None and head[4] is not None and raw.endswith(b"}"):
            line = orjson.loads(raw)
            entries += entries_of(words_of(line), head[4].decode(), at)
            uses = uses_of(line)
            for what in uses.what if uses is not None else ():
                name = (uses.account, uses.who, what) if uses is not None else ("", "", "")
                used[name] = max(used.get(name, 0), uses.at_ms if uses is not None else 0)
        at += len(raw) + 1
    return flat(entries), used


def flat(entries: Any) -> list[tuple[int, int, int, tuple[int, ...]]]:
    return [
        (moment, hashed, offset, tuple(sorted(number for one in had for number in one.numbers)))
        for moment, hashed, offset, had in entries
    ]


def read(reader: Reader, data: bytes, at: int = 0) -> Told:
    lines = reader.read(data, at)
    return flat(lines.entries), lines.used


def put_of(version: str, **more: str) -> Record:
    """The record of a put."""
    params = {"secretId": "db", "clientRequestToken": version, **more}
    answer = {"arn": ARN}
    return record(
        writes=True, readOnly=False, eventName="PutSecretValue", requestParameters=params, responseElements=answer
    )


PLANTED = '","eventTime":"2020-01-01T00:00:00Z","awsRegion":"eu-west-1","x":"'
RECORDS = {
    "a user's read": record(),
    "a role's session": record(userIdentity=ROLE),
    "on behalf": record({"for": uuid4(SystemEntropy())}, userIdentity={**ANN, "invokedBy": "kms.amazonaws.com"}),
    "refused": record({"outcome": "implicitDeny"}, errorCode="AccessDenied"),
    "of another account's resource": record({"resourceAccount": OTHER}),
    "of nobody's account": record(recipientAccountId=""),
    "a write": record(writes=True, readOnly=False, eventName="PutSecretValue"),
    "a put": put_of("v" * 36),
    "a put whose token is quoted": put_of('v"\\' * 12),
    "a put of many names": put_of("v" * 36, tag='","secretId":"planted', note='"clientRequestToken":"planted"'),
    "its data key": record(
        {"for": uuid4(SystemEntropy())},
        writes=True,
        eventSource="kms.amazonaws.com",
        eventName="GenerateDataKey",
        requestParameters={
            "keyId": "alias/a",
            "encryptionContext": {"SecretARN": ARN, 'x"SecretVersionId': "k", "SecretVersionId": "v" * 36},
        },
    ),
    "further permissions": record({"also": ["kms:Decrypt", "kms:Encrypt"]}),
    "undecided": Record("e" * 36, event(eventID="e" * 36), False, None),
    "another product's time": record(**{PRODUCT_TIME: "2030-01-01T00:00:00Z"}),
    "an id of another length": record(eventID="short"),
    "no request's id": record(requestID=None),
    "a time of another form": record(eventTime="yesterday"),
    "planted texts": record(userAgent=PLANTED, requestParameters={"secretId": PLANTED}),
    "planted members": record(
        requestParameters={"eventTime": "2020-01-01T00:00:00Z", "requestID": "r" * 36, "eventID": "e" * 36}
    ),
    "planted before the time": record(userIdentity={**ANN, "eventTime": "2020-01-01T00:00:00Z"}),
    "a planted end": record({"note": ',"for":"' + "a" * 36}),
    "percent signs and other letters": record(requestParameters={"secretId": "100%d/ä€😀"}),
    "long": record(requestParameters={"secretId": "db", "filler": "x" * halves.MOST_TEXT_BYTES}),
}


@pytest.fixture(params=list(RECORDS))
def made(request: pytest.FixtureRequest) -> Iterator[Record]:
    yield RECORDS[request.param]


def test_each_kind_of_record_is_found_by_what_its_line_says_the_first_time_and_later(made: Record) -> None:
    reader = Reader()
    again = Record(uuid4(SystemEntropy()), dict(made.event), made.writes, made.decision)
    again.event["eventID"] = again.event_id  # type: ignore[index]
    for data in (lines_of(made), lines_of(made), lines_of(again, made, at_ms=1_772_366_400_999), lines_of(again)):
        assert whole(data, 77) == read(reader, data, 77)


def test_all_kinds_after_one_another_are_told_apart() -> None:
    reader, data = Reader(), lines_of(*RECORDS.values())

    assert whole(data, 0) == read(reader, data)
    assert whole(data, 0) == read(reader, data)


def test_a_form_filled_in_is_recognised_without_parsing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    blanks = Blanks(SystemEntropy())
    told = event(eventTime=blanks.when, requestID=blanks.request_id, eventID=blanks.event_id)
    asked, told["requestParameters"] = told["requestParameters"], blanks.params
    why = {"outcome": "allowed", "resource": blanks.resource, "for": blanks.origin}
    family = family_of(told, why, blanks, Shared())
    form = None if family is None else family.form(asked, ARN)
    assert form is not None
    reader = Reader()
    ids = [uuid4(SystemEntropy()) for _ in range(6)]
    first, second = (
        lines_of(*(WrittenRecord(form, f"2026-03-01T12:00:0{at}Z", one, one, one) for at, one in enumerate(some)))
        for some in (ids[:3], ids[3:])
    )
    assert whole(first, 0) == read(reader, first)
    expected = whole(second, 0)

    nothing_is_parsed(monkeypatch)

    assert expected == read(reader, second)


def test_puts_are_known_again_whatever_version_they_make(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    first, second = (lines_of(*(put_of(f"{at}{one}" * 12) for one in "ab")) for at in (1, 2))
    assert whole(first, 0) == read(reader, first)
    expected = whole(second, 0)

    nothing_is_parsed(monkeypatch)

    assert expected == read(reader, second)


def about(name: str, params: dict[str, Any], why: dict[str, Any] | None = None, **more: Any) -> Record:
    """The record of a call about one secret."""
    told = {"resource": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}", **(why or {})}
    return record(told, requestParameters=params, **more)


def kinds_about(name: str, asked: str) -> list[Record]:
    """Records of calls about a secret that differ from those about another in its names alone."""
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}"
    context = {"SecretARN": arn, "SecretVersionId": uuid4(SystemEntropy())}
    caller = {**ANN, "invokedBy": "secretsmanager.amazonaws.com"}
    on_behalf = {"userIdentity": caller, "eventSource": "kms.amazonaws.com"}
    key = {"resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1", "for": uuid4(SystemEntropy())}
    tags = [{"key": "team", "value": name}]
    made = {"name": asked, "clientRequestToken": uuid4(SystemEntropy()), "description": name, "tags": tags}
    return [
        about(name, {"secretId": asked}, sourceIPAddress=f"192.0.2.{len(name)}", userAgent=f"pod {name}"),
        about(name, {"secretId": asked}, {"resourceAccount": OTHER}),
        about(name, {"secretId": arn, "versionId": context["SecretVersionId"]}, recipientAccountId=""),
        about(name, made, writes=True, eventName="CreateSecret", responseElements={"arn": arn}),
        about(name, {}, eventName="RotateSecret"),
        record(key, eventName="Decrypt", requestParameters={"encryptionContext": context}, **on_behalf),
    ]


NAMES = ["db-abcdef", "db", "a/b/c-d-e-abcdef", "-abcdef", "ä€😀-abcdef", "d-äbcdef", "", "many*-abcdef", "x" * 600]
NAMES += ["arn:x/y-abcdef"]


def test_records_about_other_secrets_are_found_by_their_names() -> None:
    """Each kind is told first of one secret, and then of others that were asked for by any of their names."""
    reader = Reader()
    for name in ("first-abcdef", *NAMES):
        arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}"
        for asked in (name[:-7], name, arn, "another", "arn:aws:iam::1:role/x", ""):
            for _ in range(2):
                data = lines_of(*kinds_about(name, asked))
                assert whole(data, 5) == read(reader, data, 5)


def test_records_about_other_secrets_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    first, second = (lines_of(*kinds_about(f"s{n}-abcdef", f"s{n}")) for n in (1, 22))
    assert whole(first, 0) == read(reader, first)
    expected = whole(second, 0)
    nothing_is_parsed(monkeypatch)

    assert expected == read(reader, second)


def nothing_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a line that is not known is an error."""

    def parsed(*_: object) -> None:
        raise AssertionError("a line was parsed")

    for name in ("_whole", "_new_call", "_new_who", "form_of"):
        monkeypatch.setattr(halves, name, parsed)


def test_what_stands_elsewhere_is_no_blank() -> None:
    """Members of the same names, in places where they say something else, or where nothing says what they do."""
    places: list[dict[str, Any]] = [
        {"requestParameters": {"secretId": "db", "other": {"secretId": "{}", "resource": "{}", "arn": "{}"}}},
        {"requestParameters": {"secretId": "db", "secretIdList": ["db", "{}"]}},
        {"requestParameters": {"secretId": "{}", "name": "{}"}},
        {"requestParameters": {"secretId": "{}", "secretIdList": ["other"]}},
        {"requestParameters": {"secretId": "db"}, "resources": [{"type": "T", "arn": "{}", "ARN": "{}"}]},
        {"requestParameters": {"keyId": "{}", "name": "{}"}, "eventSource": "kms.amazonaws.com"},
        {"requestParameters": {"userName": "{}", "name": "{}"}, "eventSource": "iam.amazonaws.com"},
        {"requestParameters": {"secretId": "{}"}, "additionalEventData": {"SecretId": "{}", "value": "{}"}},
        {"requestParameters": {"secretId": "{}"}, "errorCode": "AccessDenied"},
        {"requestParameters": {"secretId": "db"}, "responseElements": {"arn": "{}", "name": "{}"}},
        {"requestParameters": {"tags": "{}", "encryptionContext": "{}", "secretId": ["{}"], "name": {"name": "{}"}}},
        {"requestParameters": {"secretId": "<0>", "name": "arn:aws:secretsmanager:::secret:<1>"}},
        {"requestParameters": ["{}"]},
    ]
    others = f"arn:aws:secretsmanager:us-east-1:{OTHER}:secret:of-others"
    fills = ["db", "other", others, "arn:aws:s3:::x", "*", "", ARN, "x:secret:y-abcdef"]
    for place in places:
        for resource in ("{}", ARN, "*"):
            reader = Reader()  # no more than some forms are made of what fits none
            for fill in (*fills, *fills):
                filled = orjson.loads(orjson.dumps(place).replace(b"{}", fill.encode()))
                data = lines_of(record({"resource": resource.replace("{}", fill)}, **filled))
                assert whole(data, 0) == read(reader, data), (place, resource, fill)


def test_a_line_of_a_known_form_that_was_damaged_is_not_taken_for_it() -> None:
    good = lines_of(*kinds_about("db-abcdef", "db")).split(b"\n")[0] + b"\n"
    reader = Reader()
    read(reader, good)
    for at in range(200, len(good) - 1):
        for byte in (b'"', b"\\", b"}"):
            data = good[:at] + byte + good[at + 1 :] + good
            try:
                expected = whole(data, 0)
            except (orjson.JSONDecodeError, KeyError, AttributeError):
                expected = whole(good, len(good))
            assert expected[0] == read(reader, data)[0], (at, byte)


def test_forms_are_bounded_and_no_more_are_made_where_none_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "MOST_OPENINGS", 5)
    monkeypatch.setattr(halves, "MOST_NAMES", 6)
    reader, made = Reader(), [0]
    form_of = halves.form_of

    def counted(*given: Any) -> Any:
        made[0] += 1
        return form_of(*given)

    monkeypatch.setattr(halves, "form_of", counted)
    for number in range(200):
        data = lines_of(record(requestParameters={"secretId": "db", f"x{number}": 1}))
        assert whole(data, 0) == read(reader, data)
    (opening,) = reader._openings.values()
    assert halves.MOST_FORMS == len(opening.forms)
    assert made[0] < 40
    for number in range(30):
        data = lines_of(*kinds_about(f"s{number}-abcdef", "s"), record(eventName=f"Get{number}"))
        assert whole(data, 0) == read(reader, data)
    assert len(reader._openings) <= 5
    assert len(reader._named) <= 6 >= len(reader._old_named)


def test_what_is_cut_out_cannot_say_anything() -> None:
    """A request's id, a second or an origin with quotes would be further members of the line."""
    plain = record({"for": "o" * 36}, requestID="r" * 36)
    line = lines_of(plain).decode()
    hidden = 'r","awsRegion":"eu-west-1","x":"'.ljust(36, "r")
    reader = Reader()
    for data in (
        line,
        line.replace("r" * 36, hidden),
        line.replace("o" * 36, 'o","resourceAccount":"4","x":"'.ljust(36, "o")),
        line.replace(
            "2026-03-01T12:00:00Z",
            '2026","x":"',
        ),
        line,
    ):
        assert whole(data.encode(), 0) == read(reader, data.encode())


def test_lines_that_are_none_of_ours_are_passed_over() -> None:
    good = lines_of(record())
    strange = b'{}\n\nnonsense\n{"seq":1,"prev":""}\n' + good[:-2] + b"\n" + good.replace(b'"prev":"', b'"prev":"x')
    reader = Reader()
    read(reader, good)

    entries, _ = read(reader, strange + good)

    assert [len(strange)] == [offset for _, _, offset, _ in entries]


def test_writes_and_marks_are_told_in_their_order() -> None:
    chain = Chain("c")
    put = record(writes=True)
    data = chain.marks([{"mark": "segment", "open": []}], 1).data
    data += chain.records([put, record()], 2).data
    data += chain.marks([{"mark": "checkpoint", "open": []}], 3).data

    lines = Reader().read(data, 0)

    segment, write, checkpoint = lines.said
    assert isinstance(segment, bytes) and isinstance(checkpoint, bytes)
    assert (b"segment" in segment, b"checkpoint" in checkpoint) == (True, True)
    assert Write(put.event_id, 1, 2, data.index(b"\n") + 1, 0) == write
    assert put.event_id == lines.first_write
    assert 2 == lines.at_ms


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "MOST_PAIRS", 10)
    monkeypatch.setattr(halves, "MOST_CALLS_BYTES", 5000)
    monkeypatch.setattr(halves, "MOST_SECONDS", 5)
    reader = Reader()
    for number in range(60):
        data = lines_of(
            record(
                userIdentity={**ANN, "userName": f"u{number % 7}"},
                eventTime=f"2026-03-01T12:00:{number:02}Z",
                requestParameters={"secretId": f"s{number}"},
            )
        )
        assert whole(data, 0) == read(reader, data)
    assert sum(len(who.pairs) for who in reader._whos.values()) <= 10
    assert sum(map(len, reader._calls)) <= 5000
    assert sum(map(len, reader._old_calls)) <= 5000
    assert len(reader._seconds) <= 5


def test_what_was_used_is_told_once_and_again_when_it_is_used_again() -> None:
    reader, data = Reader(), lines_of(record())

    first, second = (reader.read(data, 0).used for _ in range(2))

    assert first == second == whole(data, 0)[1]
    assert {1_772_366_400_000} == set(first.values())
