"""A model that was kept is the model that is in botocore's file now, without its texts for people."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.kernel.model import slim
from strongroom.kernel.model.catalogue import SERVICES, compile_service, data_directory

_MODEL: dict[str, Any] = {
    "metadata": {"protocol": "json"},
    "operations": {"Get": {"http": {"method": "POST"}, "documentation": "Gets."}},
    "shapes": {"Name": {"type": "string", "max": 64, "documentation": "A name."}},
}


@pytest.fixture(autouse=True)
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled modules lie."""
    folder = tmp_path / "compiled"
    monkeypatch.setattr(sys, "pycache_prefix", str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    Path(f"{folder}{slim.__file__}").parent.mkdir(parents=True)
    return folder


def _written(file: Path, model: dict[str, Any]) -> Path:
    file.write_bytes(gzip.compress(orjson.dumps(model), mtime=0))
    return file


def _plain(model: Any) -> Any:
    return {**model, "shapes": dict(model["shapes"])}


def _kept(compiled: Path) -> list[Path]:
    return [one for one in compiled.rglob("*") if one.is_file()]


def test_the_second_reading_is_as_the_first(tmp_path: Path, compiled: Path) -> None:
    file = _written(tmp_path / "model.gz", _MODEL)
    first, second = slim.read_model(file, "kms"), slim.read_model(file, "kms")
    assert _plain(first) == _plain(second)
    assert {"type": "string", "max": 64} == second["shapes"]["Name"]
    assert {"http": {"method": "POST"}} == second["operations"]["Get"]
    assert 1 == len(_kept(compiled))
    assert type(second["shapes"]) is not dict, "which says that it was the kept one"


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    file = _written(tmp_path / "model.gz", _MODEL)
    slim.read_model(file, "kms")
    length = file.stat().st_size
    changed = _written(file, {**_MODEL, "shapes": {"Name": {"type": "string", "max": 46, "documentation": "A name."}}})
    assert length == changed.stat().st_size
    assert 46 == slim.read_model(file, "kms")["shapes"]["Name"]["max"]


def test_another_file_is_another_model(tmp_path: Path) -> None:
    slim.read_model(_written(tmp_path / "one.gz", _MODEL), "kms")
    assert {} == dict(slim.read_model(_written(tmp_path / "two.gz", {**_MODEL, "shapes": {}}), "kms")["shapes"])


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"of": 1}'])
def test_what_is_broken_is_read_again(text: bytes, tmp_path: Path, compiled: Path) -> None:
    file = _written(tmp_path / "model.gz", _MODEL)
    first = slim.read_model(file, "kms")
    [kept] = _kept(compiled)
    kept.write_bytes(text)
    assert _plain(first) == _plain(slim.read_model(file, "kms"))


def test_nothing_is_kept_where_python_writes_nothing(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    slim.read_model(_written(tmp_path / "model.gz", _MODEL), "kms")
    assert [] == _kept(compiled)


@pytest.mark.parametrize("service", SERVICES)
def test_every_model_is_kept_whole(service: str) -> None:
    [*_, newest] = sorted((data_directory() / service).glob("*/service-2.json.gz"))
    first, second = slim.read_model(newest, service), slim.read_model(newest, service)
    assert _plain(first) == _plain(second)
    one, other = compile_service(service, first), compile_service(service, second)
    assert list(one.operations) == list(other.operations)
    assert list(one.shapes) == list(other.shapes)
