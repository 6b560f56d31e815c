"""Each seal makes a root key, gives it back, and tells honestly what it protects against."""

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.crypto.passphrase import Cost
from strongroom.kernel.sealing.by_passphrase import PassphraseSeal, WrongPassphrase
from strongroom.kernel.sealing.files import SealDamaged, SealExposed, SealFailure, SealMissing
from strongroom.kernel.sealing.seals import Seal, parse_seal

CHANCE = SystemEntropy()
LEAST = Cost(8192, 1, 1)
PASSPHRASE = b"correct horse"


@pytest.mark.parametrize(
    ("text", "kind", "asks", "made_at_first_start"),
    [
        ("file", "file", "", True),
        ("file:/k/root.key", "file", "", False),
        ("passphrase", "passphrase", "passphrase", True),
    ],
)
def test_a_setting_names_a_seal(text: str, kind: str, asks: str, made_at_first_start: bool, tmp_path: Path) -> None:
    seal = parse_seal(text, tmp_path)
    assert (kind, asks, made_at_first_start) == (
        seal.kind, seal.asks, seal.made_at_first_start
    )  # fmt: skip
    assert not seal.exists()


@pytest.mark.parametrize("text", ["file:", "files", "passphrase:x", "kms:x", "File"])
def test_any_other_setting_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(SealFailure, match=r"use file, file:PATH, passphrase, shamir, command or pkcs11:URI\.$"):
        parse_seal(text, tmp_path)


def file_seal(tmp_path: Path) -> Seal:
    return parse_seal("file", tmp_path)


def test_a_file_seal_gives_back_the_key_it_made(tmp_path: Path) -> None:
    root = file_seal(tmp_path).create(CHANCE)
    assert 32 == len(root)
    assert root == file_seal(tmp_path).open()
    assert file_seal(tmp_path).exists()


def test_a_hand_made_file_elsewhere_opens(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.key"
    path.write_text("0F" * 32 + "\n")
    path.chmod(0o600)
    assert b"\x0f" * 32 == parse_seal(f"file:{path}", tmp_path / "data").open()


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"00" * 33, b"zz" * 32, bytes(32), b"\xff" * 64])
def test_a_file_that_holds_no_root_key_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SealDamaged, match="64 hexadecimal digits"):
        parse_seal(f"file:{path}", tmp_path).open()


def test_a_missing_or_exposed_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealMissing):
        file_seal(tmp_path).open()
    file_seal(tmp_path).create(CHANCE)
    (tmp_path / "seal" / "root.key").chmod(0o644)
    with pytest.raises(SealExposed):
        file_seal(tmp_path).open()


def test_a_second_root_key_is_never_made_over_the_first(tmp_path: Path) -> None:
    root = file_seal(tmp_path).create(CHANCE)
    with pytest.raises(SealFailure):
        file_seal(tmp_path).create(CHANCE)
    assert root == file_seal(tmp_path).open()


def test_a_file_seal_is_honest_about_where_the_key_lies(tmp_path: Path) -> None:
    data = tmp_path / "data"
    beside = [parse_seal("file", data), parse_seal(f"file:{data}/other/root.key", data)]
    for seal in beside:
        assert "protects against theft of the store alone" in seal.describe()
    assert "of the store alone" not in parse_seal(f"file:{tmp_path}/root.key", data).describe()


def passphrase_seal(tmp_path: Path) -> PassphraseSeal:
    return PassphraseSeal(tmp_path / "seal" / "wrapped.json", LEAST)


def test_the_passphrase_opens_the_key_it_wrapped(tmp_path: Path) -> None:
    root = passphrase_seal(tmp_path).create(CHANCE, PASSPHRASE)
    assert root == passphrase_seal(tmp_path).open(PASSPHRASE)
    assert 0o600 == passphrase_seal(tmp_path).path.stat().st_mode & 0o777


@pytest.mark.parametrize("passphrase", [None, b"", b"correct horsf", b"correct horse ", b"x" * 1025])
def test_a_wrong_passphrase_is_told_in_one_plain_sentence(passphrase: bytes | None, tmp_path: Path) -> None:
    passphrase_seal(tmp_path).create(CHANCE, PASSPHRASE)
    with pytest.raises(WrongPassphrase) as caught:
        passphrase_seal(tmp_path).open(passphrase)
    assert "This passphrase does not open the seal." == str(caught.value)


def test_neither_root_nor_passphrase_lies_in_the_file(tmp_path: Path) -> None:
    root = passphrase_seal(tmp_path).create(CHANCE, PASSPHRASE)
    stored = passphrase_seal(tmp_path).path.read_text()
    for canary in (root.hex(), PASSPHRASE.decode(), PASSPHRASE.hex()):
        assert canary not in stored


@pytest.mark.parametrize("passphrase", [None, b"", b"seven77", b"x" * 1025])
def test_a_passphrase_too_short_or_endless_makes_no_seal(passphrase: bytes | None, tmp_path: Path) -> None:
    with pytest.raises(SealFailure, match="8 to 1024 bytes"):
        passphrase_seal(tmp_path).create(CHANCE, passphrase)
    assert not passphrase_seal(tmp_path).exists()


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"kdf": "scrypt"}, {"memory_kib": 8}, {"memory_kib": 2**40}, {"memory_kib": 8192.0},
     {"iterations": 0}, {"lanes": 1000}, {"salt": ""}, {"salt": 7}, {"wrapped": "00"}, {"wrapped": None}],
    ids=str,
)  # fmt: skip
def test_a_wrapped_file_out_of_form_or_bounds_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    seal = passphrase_seal(tmp_path)
    seal.create(CHANCE, PASSPHRASE)
    seal.path.write_text(json.dumps(json.loads(seal.path.read_text()) | change))
    with pytest.raises(SealDamaged):
        seal.open(PASSPHRASE)


@pytest.mark.parametrize("content", ["", "[]", "7", "{}", "{", "[" * 60000])
def test_a_wrapped_file_that_is_no_object_is_refused(content: str, tmp_path: Path) -> None:
    seal = passphrase_seal(tmp_path)
    seal.create(CHANCE, PASSPHRASE)
    seal.path.write_text(content)
    with pytest.raises(SealDamaged):
        seal.open(PASSPHRASE)


def test_a_passphrase_seal_tells_what_it_protects_against(tmp_path: Path) -> None:
    assert "theft of the whole data directory" in passphrase_seal(tmp_path).describe()
