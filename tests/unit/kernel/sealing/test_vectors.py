"""Our code makes and opens the committed bytes exactly; see tests/vectors/envelopes/ORIGIN.md."""

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.kernel.sealing import envelope
from strongroom.kernel.sealing.by_passphrase import PassphraseSeal, WrongPassphrase
from strongroom.kernel.sealing.keyring import Keyring, SealBroken

DIRECTORY = Path(__file__).parents[4] / "tests" / "vectors" / "envelopes"
SCENARIOS = {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}


class Given:
    """A source of chance that gives the vector's bytes."""

    def __init__(self, given: bytes) -> None:
        self.given = given

    def take(self, count: int) -> bytes:
        taken, self.given = self.given[:count], self.given[count:]
        return taken


def opened(vector: dict[str, Any], directory: Path) -> bytes:
    raw = {name: bytes.fromhex(vector[name]) for name in ("sealed", "root", "bound", "data_key", "material")
           if name in vector}  # fmt: skip
    match vector["form"]:
        case "keyring":
            return Keyring(raw["root"]).open(vector["purpose"], raw["sealed"], raw["bound"])
        case "value":
            where = {"arn": vector["arn"], "version_id": vector["version_id"]}
            return envelope.open_value(raw["data_key"], raw["sealed"], **where)
        case "message":
            return envelope.open_message(envelope.Material(raw["material"]), raw["sealed"], vector["context"])
        case _:
            path = directory / "wrapped.json"
            path.write_text(json.dumps(vector["file"]))
            path.chmod(0o600)
            return PassphraseSeal(path).open(bytes.fromhex(vector["passphrase"]))


def sealed(vector: dict[str, Any]) -> bytes:
    plaintext, chance = bytes.fromhex(vector["plaintext"]), Given(bytes.fromhex(vector["entropy"]))
    match vector["form"]:
        case "keyring":
            ring = Keyring(bytes.fromhex(vector["root"]), entropy=chance)
            return ring.seal(vector["purpose"], plaintext, bytes.fromhex(vector["bound"]))
        case "value":
            where = {"arn": vector["arn"], "version_id": vector["version_id"]}
            return envelope.seal_value(bytes.fromhex(vector["data_key"]), plaintext, **where, entropy=chance)
        case _:
            names = (vector[name] for name in ("account", "region", "key_id", "material_id"))
            material = envelope.Material(bytes.fromhex(vector["material"]))
            header = envelope.MessageHeader(*names)
            return envelope.seal_message(material, header, plaintext, vector["context"], chance)


def named(expect: str, *forms: str) -> list[str]:
    return [name for name, one in SCENARIOS.items() if one["expect"] == expect and one["form"] in forms]


@pytest.mark.parametrize("name", named("opens", "keyring", "value", "message"))
def test_the_vectors_bytes_are_made_and_opened(name: str, tmp_path: Path) -> None:
    vector = SCENARIOS[name]
    assert vector["sealed"] == sealed(vector).hex()
    assert vector["plaintext"] == opened(vector, tmp_path).hex()


@pytest.mark.parametrize("name", named("broken", "keyring", "value", "message"))
def test_the_vectors_broken_seals_are_broken(name: str, tmp_path: Path) -> None:
    with pytest.raises(SealBroken):
        opened(SCENARIOS[name], tmp_path)


def test_the_vectors_wrapped_root_key_opens(tmp_path: Path) -> None:
    vector = SCENARIOS["passphrase"]
    assert vector["root"] == opened(vector, tmp_path).hex()


@pytest.mark.parametrize("name", named("broken", "passphrase"))
def test_the_vectors_wrong_passphrases_do_not_open(name: str, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase):
        opened(SCENARIOS[name], tmp_path)


def test_the_vectors_check_value_fits() -> None:
    vector = SCENARIOS["keyring"]
    ring = Keyring(bytes.fromhex(vector["root"]))
    assert vector["check_value"] == ring.check_value()
    assert ring.fits(vector["check_value"])
