"""Shares open the seal, any threshold of them; a wrong one is told for what it is."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.by_shares import ShamirSeal, WrongShare
from strongroom.kernel.sealing.files import SealDamaged, SealFailure

CHANCE = SystemEntropy()
ROOT = bytes(range(32))


@pytest.fixture
def seal(tmp_path: Path) -> ShamirSeal:
    """A seal whose shares nobody has dealt yet."""
    return ShamirSeal(tmp_path / "seal" / "shamir.json")


def joined(*shares: str) -> bytes:
    """Shares as one secret."""
    return "\n".join(shares).encode()


def test_any_two_of_three_open_it_in_any_order(seal: ShamirSeal) -> None:
    shares = seal.deal(ROOT, CHANCE, threshold=2, shares=3)
    assert {ROOT} == {seal.open(joined(*two)) for two in combinations(shares, 2)}
    assert ROOT == seal.open(joined(shares[2], shares[0]))
    assert (2, True) == (seal.threshold, seal.exists())
    assert 0o600 == seal.path.stat().st_mode & 0o777


def test_shares_are_read_however_people_write_them_down(seal: ShamirSeal) -> None:
    first, second, _ = seal.deal(ROOT, CHANCE, threshold=2, shares=3)
    spaced = " ".join(first[at : at + 8] for at in range(0, len(first), 8)).upper()
    assert ROOT == seal.open(joined(spaced, second + "\r"))


def test_too_few_shares_are_counted(seal: ShamirSeal) -> None:
    shares = seal.deal(ROOT, CHANCE, threshold=3, shares=5)
    for given, counted in ((joined(*shares[:2]), 2), (joined(shares[0], shares[0], shares[0]), 1), (b"", 0)):
        with pytest.raises(WrongShare, match=rf"^{counted} of 3 shares were given\.$"):
            seal.open(given)


def changed(share: str, at: int) -> str:
    """The share with another digit at a place."""
    return f"{share[:at]}{'1' if share[at] == '0' else '0'}{share[at + 1 :]}"


def test_a_wrong_share_is_told_for_what_it_is(seal: ShamirSeal, tmp_path: Path) -> None:
    good = seal.deal(ROOT, CHANCE, threshold=2, shares=3)[0]
    strange = ShamirSeal(tmp_path / "seal" / "other.json").deal(ROOT, CHANCE, threshold=2, shares=3)[0]
    told = {
        "": "This is not a share",
        "a passphrase": "This is not a share",
        good[:-1]: "This is not a share",
        changed(good, 40): "not copied right",
        changed(good, len(good) - 1): "not copied right",
        strange: "belongs to another seal",
    }
    for share, text in told.items():
        with pytest.raises(WrongShare, match=text):
            seal.number_of(share.encode())
    with pytest.raises(WrongShare, match="not a share"):
        seal.number_of(b"\xff" * 200)


def test_a_share_made_up_with_right_check_digits_is_none_of_this_seals(seal: ShamirSeal) -> None:
    from strongroom.kernel.sealing import by_shares  # noqa: PLC0415  its forger's tools

    set_id = seal.deal(ROOT, CHANCE, threshold=2, shares=3)[0].split("-")[1]
    for number in (1, 4):
        with pytest.raises(WrongShare, match="none of this seal's"):
            seal.number_of(by_shares._text(set_id, number, bytes(32)).encode())


def test_a_newer_root_is_kept_under_the_same_shares(seal: ShamirSeal) -> None:
    shares = seal.deal(ROOT, CHANCE, threshold=2, shares=3)
    newer = CHANCE.take(32)
    with pytest.raises(WrongShare):
        seal.keep(newer, CHANCE, joined(shares[0]))
    assert ROOT == seal.open(joined(*shares[:2]))
    seal.keep(newer, CHANCE, joined(*shares[:2]))
    assert newer == seal.open(joined(*shares[1:]))


def test_neither_root_nor_share_lies_in_the_file(seal: ShamirSeal) -> None:
    shares = seal.deal(ROOT, CHANCE, threshold=2, shares=3)
    stored = seal.path.read_text()
    for canary in (ROOT.hex(), *(share.split("-")[3] for share in shares), *(share[-8:] for share in shares)):
        assert canary not in stored


@pytest.mark.parametrize(("threshold", "shares"), [(1, 3), (0, 0), (4, 3), (2, 33), (-1, 2)])
def test_numbers_that_make_no_sense_deal_nothing(seal: ShamirSeal, threshold: int, shares: int) -> None:
    with pytest.raises(SealFailure, match="at least 2, and there are at most 32"):
        seal.deal(ROOT, CHANCE, threshold=threshold, shares=shares)
    assert not seal.exists()


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"threshold": 1}, {"threshold": 4}, {"checks": []}, {"checks": 7}, {"salt": "00"},
     {"wrapped": ""}, {"wrapped": None}, {"set": None, "checks": None}],
    ids=str,
)  # fmt: skip
def test_a_file_out_of_form_is_refused(seal: ShamirSeal, change: dict[str, Any]) -> None:
    shares = seal.deal(ROOT, CHANCE, threshold=2, shares=3)
    seal.path.write_text(json.dumps(json.loads(seal.path.read_text()) | change))
    with pytest.raises(SealDamaged):
        seal.open(joined(*shares))


def test_a_file_that_was_changed_does_not_open(seal: ShamirSeal) -> None:
    """Whoever lowers the threshold in the file, or swaps the wrapped key, gets nothing and is noticed."""
    shares = seal.deal(ROOT, CHANCE, threshold=3, shares=4)
    found = json.loads(seal.path.read_text())
    for change in ({"threshold": 2}, {"salt": "00" * 24}, {"wrapped": "00" * 48}):
        seal.path.write_text(json.dumps(found | change))
        with pytest.raises(WrongShare, match="the file of the seal was changed"):
            seal.open(joined(*shares[:3]))


def test_shares_are_not_made_at_a_first_start_where_nobody_sees_them(seal: ShamirSeal) -> None:
    assert not seal.made_at_first_start
    with pytest.raises(SealFailure, match="seal change shamir"):
        seal.create(CHANCE)
