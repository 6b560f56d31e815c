"""Calls are gathered by who called what, within bounds, and given out once."""

from __future__ import annotations

from strongroom.kernel.metrics.usage import Usage, Use

ONE = Use("1", "r", "secretsmanager", "GetSecretValue", "arn:a", "arn:s")


def test_what_is_given_is_forgotten_here() -> None:
    usage = Usage()
    for _ in range(3):
        usage.count(*ONE)
    assert {ONE: 3} == usage.given()
    assert {} == usage.given()


def test_beyond_the_bound_calls_still_count_but_not_by_caller() -> None:
    usage = Usage(most=2)
    for number in range(10):
        usage.count(*ONE._replace(principal=f"arn:{number}"))
    counted = usage.given()
    assert 3 == len(counted)
    assert 8 == counted[ONE._replace(principal="other", resource="")]
    assert 10 == sum(counted.values())


def test_what_kms_did_on_a_callers_behalf_is_a_call_of_kms() -> None:
    usage = Usage()
    usage.count(*ONE, decrypts=2)
    assert {ONE: 1, Use("1", "r", "kms", "Decrypt", "arn:a", ""): 2} == usage.given()


def test_a_call_that_comes_again_is_counted_by_the_same_name() -> None:
    usage, asked = Usage(), object()
    assert not usage.again(asked, 1)
    usage.count(*ONE, decrypts=1, asked=asked)
    assert usage.again(asked, 1)
    assert {ONE: 2, Use("1", "r", "kms", "Decrypt", "arn:a", ""): 2} == usage.given()
    assert not usage.again(asked, 1)
    assert {} == usage.given()


def test_memory_is_bounded_whatever_is_called() -> None:
    usage = Usage(most=2)
    for number in range(100):
        usage.count(*ONE._replace(account=str(number), principal=f"arn:{number}"))
    assert 4 == len(usage.given())
