"""Numbers in mapped files: shared, kept over a restart, and never believed when broken."""

from __future__ import annotations

from pathlib import Path

from strongroom.kernel.metrics.cells import SUFFIX, Block, Cells, summed

BLOCKS = (Block("calls", (("kms", "Encrypt"), ("kms", "other")), ("a", "b")), Block("one", ((),), ("n",)))


def cells(folder: Path, name: str) -> Cells:
    return Cells(folder / f"{name}{SUFFIX}", BLOCKS)


def test_the_numbers_of_two_processes_are_one_sum(tmp_path: Path) -> None:
    first, second = cells(tmp_path, "w0"), cells(tmp_path, "w1")
    at = first.index("calls")["kms", "other"]
    first.values[at + 1] += 5
    second.values[at + 1] += 2
    second.values[second.index("one")[()]] += 1
    told = summed(tmp_path)
    assert (("a", "b"), {("kms", "Encrypt"): [0, 0], ("kms", "other"): [0, 7]}) == told["calls"]
    assert {(): [1]} == told["one"][1]


def test_a_process_that_begins_anew_goes_on_where_the_last_one_stood(tmp_path: Path) -> None:
    first = cells(tmp_path, "w0")
    first.values[0] += 3
    first.close()
    again = cells(tmp_path, "w0")
    again.values[0] += 1
    assert 4 == summed(tmp_path)["calls"][1]["kms", "Encrypt"][0]


def test_other_blocks_make_another_file(tmp_path: Path) -> None:
    cells(tmp_path, "w0").values[0] += 3
    other = (Block("calls", (("sts", "other"),), ("a", "b")),)
    Cells(tmp_path / f"w0{SUFFIX}", other)
    assert {("sts", "other"): [0, 0]} == summed(tmp_path)["calls"][1]


def test_a_file_with_numbers_that_nobody_counted_is_made_anew(tmp_path: Path) -> None:
    """A cell near its end would fail the call that is counted in it."""
    first = cells(tmp_path, "w0")
    first.values[1] = (1 << 64) - 1
    first.close()
    again = cells(tmp_path, "w0")
    again.values[1] += 1
    assert [0, 1] == summed(tmp_path)["calls"][1]["kms", "Encrypt"]


def test_a_reader_passes_over_what_is_no_file_of_counts(tmp_path: Path) -> None:
    good = cells(tmp_path, "w0")
    good.values[0] += 1
    whole = (tmp_path / f"w0{SUFFIX}").read_bytes()
    for number, raw in enumerate((b"", b"STRCELL1", whole[:40], whole[:-8], b"x" * 200, whole.replace(b"[", b"{"))):
        (tmp_path / f"broken{number}{SUFFIX}").write_bytes(raw)
    assert [1, 0] == summed(tmp_path)["calls"][1]["kms", "Encrypt"]


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    cells(tmp_path / "run", "w0")
    assert 0o600 == (tmp_path / "run" / f"w0{SUFFIX}").stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "run").stat().st_mode & 0o777
