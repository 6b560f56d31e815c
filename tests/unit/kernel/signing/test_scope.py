"""Scope and clock: the texts are in the vectors, the edges are here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.signing.claim import Claim
from strongroom.kernel.signing.headers import signed_names
from strongroom.kernel.signing.scope import check_scope

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLAIM = Claim(
    "AKID",
    "20260102",
    "eu-west-1",
    "kms",
    "aws4_request",
    "20260102T030405Z",
    signed_names("host"),
    b"",
    "0" * 64,
    None,
    presigned=False,
    expires_s=None,
)
REGIONS = frozenset({"eu-west-1", "us-east-1"})


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_five_minutes_either_way_are_accepted(seconds: int) -> None:
    assert None is check_scope(CLAIM, service="kms", regions=REGIONS, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("offset", [timedelta(seconds=300, milliseconds=1), timedelta(seconds=-300, milliseconds=-1)])
def test_a_millisecond_more_is_not(offset: timedelta) -> None:
    with pytest.raises(Refusal) as refusal:
        check_scope(CLAIM, service="kms", regions=REGIONS, now=NOW + offset)

    assert Kind.BAD_SIGNATURE is refusal.value.kind


@pytest.mark.parametrize(
    ("expires_s", "late_s", "good"),
    [(1, 1, True), (1, 2, False), (604800, 604800, True), (604800, 604801, False), (600, 400, True)],
)
def test_a_presigned_request_lives_as_long_as_it_says(expires_s: int, late_s: int, good: bool) -> None:
    claim, now = replace(CLAIM, expires_s=expires_s), NOW + timedelta(seconds=late_s)
    if good:
        assert None is check_scope(claim, service="kms", regions=REGIONS, now=now)
    else:
        with pytest.raises(Refusal, match="Signature expired"):
            check_scope(claim, service="kms", regions=REGIONS, now=now)


def test_a_presigned_request_for_tomorrow_is_not_yet_current() -> None:
    claim = replace(CLAIM, expires_s=604800)
    with pytest.raises(Refusal, match="Signature not yet current"):
        check_scope(claim, service="kms", regions=REGIONS, now=NOW - timedelta(seconds=301))


def test_a_window_that_is_no_whole_number_of_minutes_is_told_in_seconds() -> None:
    claim = replace(CLAIM, expires_s=90)
    with pytest.raises(Refusal, match=r"\(20260102T030555Z - 90 sec\.\)|\(20260102T030606Z - 90 sec\.\)"):
        check_scope(claim, service="kms", regions=REGIONS, now=NOW + timedelta(seconds=121))


def test_a_global_service_is_signed_for_its_own_region_whatever_regions_there_are() -> None:
    claim = replace(CLAIM, service="iam", region="us-east-1")

    assert None is check_scope(claim, service="iam", regions=frozenset({"eu-west-1"}), now=NOW)
    with pytest.raises(Refusal, match="Credential should be scoped to a valid region, not 'eu-west-1'"):
        check_scope(replace(claim, region="eu-west-1"), service="iam", regions=REGIONS, now=NOW)
