"""Which seal a data directory has, and how its change is noticed cheaply."""

from __future__ import annotations

from pathlib import Path

from strongroom.app import Product
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.current import Current
from strongroom.settings import Settings

ENTROPY = SystemEntropy()


def data_in(place: Path) -> Path:
    """A data directory that its settings' file seal keeps."""
    (place / "seal").mkdir(mode=0o700)
    return place


def test_a_mark_stands_while_the_seal_does_and_not_beyond_its_change(tmp_path: Path) -> None:
    met = [current.mark(data_in(tmp_path))]
    assert met[-1] == current.mark(tmp_path)
    for number in range(3):
        current.write(tmp_path, Current("passphrase", f"passphrase-{number:016x}"), ENTROPY)
        met.append(current.mark(tmp_path))
        assert met[-1] == current.mark(tmp_path)
    assert len(met) == len(set(met))


def test_a_description_is_that_of_the_seal_as_it_is_now(tmp_path: Path) -> None:
    product = Product(Settings(data=data_in(tmp_path)))
    assert "theft of the store alone" in product.described()
    current.write(tmp_path, Current("passphrase", f"passphrase-{1:016x}"), ENTROPY)
    assert "wrapped under a passphrase" in product.described()
    assert product.seal.describe() == product.described()
