"""What a repeated GetSecretValue must not outlive, and a repeated call on behalf must not be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.authz.model import Decision
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Credential, Kernel, Remembered, Source, Target
from strongroom.kernel.chain import Chain
from strongroom.kernel.journal.written import Family, Form
from strongroom.kernel.sealing.envelope import HeldValue, seal_value
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager.operations.values import _again, _repeat
from strongroom.services.secretsmanager.store.versions import Current

MIDNIGHT = datetime(2026, 1, 3, tzinfo=UTC)
WHO = Credential(
    Principal(PrincipalKind.USER, arn="arn:aws:iam::111122223333:user/a", account="111122223333"), "A", "s"
)


class Repeats:
    """A kernel that keeps what it is asked to record again."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def repeat(self, call: Call, asked: Remembered) -> None:
        """As Kernel.repeat."""
        assert call.name == "GetSecretValue"
        self.told.append(asked)


def call_at(now: datetime, kernel: object, machine_now: datetime | None = None) -> Call:
    return Call(
        kernel=cast("Kernel", kernel),
        service="secretsmanager",
        name="GetSecretValue",
        region="us-east-1",
        credential=WHO,
        params={},
        now=now,
        machine_now=machine_now or now,
        request_id="r",
        event_id="e",
        source=Source("127.0.0.1"),
    )


def asked(*, allowed: bool = True, form: Any = None) -> Remembered:
    decision = cast("Decision", type("D", (), {"allowed": allowed})())
    made = Remembered({}, Target("*", "111122223333"), decision, WHO, Source("127.0.0.1"))
    made.form = form
    return made


def test_a_value_is_repeated_until_the_day_ends_and_then_its_last_accessed_date_is_due() -> None:
    kernel, key = Repeats(), bytes(range(32))
    held = HeldValue(key, seal_value(key, b"v", arn="a", version_id="1"), arn="a", version_id="1")
    child = asked()

    def again(now: datetime) -> Mapping[str, Any] | None:
        return _again(child, held, "SecretString", MIDNIGHT, call_at(now, kernel))

    assert {"SecretString": "v"} == again(datetime(2026, 1, 2, 23, 59, 59, 999000, tzinfo=UTC))
    assert again(MIDNIGHT) is None
    assert [child] == kernel.told, "one call on behalf for one answer, none where there is none"


FORM = Form(Family(("", "", "", "", "", "", ""), has_origin=False, operation=("", "")), "{}", '""')


@pytest.mark.parametrize(
    ("child", "machine_now"),
    [
        (asked(), MIDNIGHT),
        (asked(form=False), MIDNIGHT),
        (asked(allowed=False, form=FORM), MIDNIGHT),
        (
            asked(form=FORM),
            datetime(2026, 1, 2, tzinfo=UTC),
        ),
    ],
)
def test_a_call_on_behalf_without_a_decision_or_a_form_is_never_repeated(
    child: Remembered, machine_now: datetime
) -> None:
    chain = Chain.__new__(Chain)
    chain.new_id = SystemEntropy().uuid4
    call = call_at(MIDNIGHT, chain, machine_now)
    with pytest.raises(RuntimeError, match="cannot be repeated"):
        chain.repeat(call, child)
    assert [] == call.records


TODAY = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
PLAIN = Current(
    pk=1, name="a", suffix="AbCdEf", special=0, version_id="v", created_ms=1, accessed_day=TODAY, labels="[]",
    form="SecretString", sealed=b"s" * 40, wrapped=b"w",
)  # fmt: skip


class Knows:
    """A kernel that tells of kin, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def alike(self, *_given: object) -> None:
        """As Kernel.alike."""
        self.asked += 1


@pytest.mark.parametrize(
    "other",
    [
        {"special": 1},
        {"accessed_day": TODAY - 86_400_000},
        {"form": None},
        {"sealed": None},
        {"wrapped": None},
        {"sealed": b"s" * 5000},
        {"version_id": None},
    ],
)
def test_kin_is_not_asked_about_what_is_more_than_a_plain_answer(other: dict[str, Any]) -> None:
    knows = Knows()
    call = call_at(MIDNIGHT - timedelta(hours=1), knows)
    target, tx = Target("arn", "111122223333"), cast("Transaction", None)
    assert _repeat(call, target, PLAIN, tx) is None
    assert 1 == knows.asked, "a plain one is asked about"
    assert _repeat(call, target, PLAIN._replace(**other), tx) is None
    assert 1 == knows.asked
