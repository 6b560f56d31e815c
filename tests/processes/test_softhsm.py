"""A key that never leaves its token opens the seal: shown with SoftHSM, in a process of its own as in the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import ROOT, clean_environment
from tests.softhsm import PIN, SoftHSM, made_in

_PROGRAM = """
import sys
from pathlib import Path
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.seals import parse_seal
seal = parse_seal(sys.argv[1], Path(sys.argv[2]))
pin = sys.stdin.readline().strip().encode() or None
try:
    if sys.argv[3] == "keep":
        seal.keep(bytes(range(32)), SystemEntropy(), pin)
    found = seal.create(SystemEntropy(), pin) if sys.argv[3] == "create" else seal.open(pin)
    print(found.hex())
except SealFailure as failure:
    print(failure)
"""


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token without keys."""
    return made_in(tmp_path_factory.mktemp("softhsm"))


def told(hsm: SoftHSM, data: Path, what: str, *, pin: str = PIN, seal: str | None = None) -> str:
    """What a seal of the token says when it is asked for something."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, seal or hsm.seal(), str(data), what],
        input=f"{pin}\n",
        env=clean_environment() | hsm.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_token_opens_what_it_sealed_with_the_right_pin_alone(hsm: SoftHSM, tmp_path: Path) -> None:
    root = told(hsm, tmp_path, "create")
    assert 64 == len(root)
    assert root == told(hsm, tmp_path, "open")
    assert root not in (tmp_path / "seal" / "pkcs11.json").read_text()
    assert "Token 'strongroom' does not take this PIN." == told(hsm, tmp_path, "open", pin="1111")
    assert "A PIN is needed." == told(hsm, tmp_path, "open", pin="")
    pin_file = tmp_path / "pin"
    pin_file.write_text(PIN + "\n")
    pin_file.chmod(0o600)
    assert root == told(hsm, tmp_path, "open", pin="", seal=hsm.seal(pin_file=pin_file))
    pin_file.chmod(0o644)
    assert "must belong to this user" in told(hsm, tmp_path, "open", pin="", seal=hsm.seal(pin_file=pin_file))
    assert bytes(range(32)).hex() == told(hsm, tmp_path, "keep")
    other = hsm.seal().replace("object=root", "object=other")
    made_by_other = told(hsm, tmp_path / "other", "create", seal=other)
    assert 64 == len(made_by_other)
    assert "The key 'other' of token 'strongroom' did not make this seal." == told(hsm, tmp_path, "open", seal=other)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("token=strongroom", "token=lost"), "knows no token 'lost'."),
        (("object=root", "object=lost"), "Token 'strongroom' has no key 'lost'."),
        (("libsofthsm2.so", "lost.so"), "is not a PKCS#11 library."),
    ],
    ids=["token", "key", "module"],
)
def test_a_lost_token_key_or_library_is_told_plainly(
    change: tuple[str, str], text: str, hsm: SoftHSM, tmp_path: Path
) -> None:
    told(hsm, tmp_path, "create")
    said = told(hsm, tmp_path, "open", seal=hsm.seal().replace(*change))
    assert said.endswith(text)
