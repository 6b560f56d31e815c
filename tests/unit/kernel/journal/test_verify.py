"""Whatever is done to a journal's files is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.base.clock import machine_clock
from strongroom.kernel.call import Record
from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.journal.settle import settle
from strongroom.kernel.journal.verify import verify


def written(directory: Path, records: int = 12) -> list[Path]:
    """A journal with a chain of several segments, settled by a second one; answers the first one's files."""
    journal = Journal(directory, node="n", process="w", clock=machine_clock, segment_max_bytes=900)
    for number in range(records):
        journal.append([Record(f"e{number}", {"eventName": "GetSecretValue", "number": number}, writes=False)])
    journal.close()
    starting = Journal(directory, node="n", process="prepare", clock=machine_clock)
    settle(starting, directory, set)
    starting.close()
    return [directory / name.file for name in chains(directory)[journal.chain_id]]


def kinds(directory: Path) -> set[str]:
    """The kinds of faults that are found."""
    return {fault.kind for fault in verify(directory).faults}


def test_an_untouched_journal_is_whole(tmp_path: Path) -> None:
    written(tmp_path)
    findings = verify(tmp_path)

    assert findings.whole
    assert (2, ()) == (findings.chains, findings.notes)
    assert findings.lines == sum(len(path.read_bytes().splitlines()) for path in tmp_path.glob("*.jsonl"))


def test_a_changed_line_is_found_and_named(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b'"number":1', b'"number":7', 1))
    (fault,) = verify(tmp_path).faults

    assert ("changed", first.name) == (fault.kind, fault.file)
    assert "line 3 of the chain" in fault.says


def test_a_removed_line_is_found(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:1] + lines[2:]))

    assert {"removed"} == kinds(tmp_path)


def test_moved_lines_are_found(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))

    assert "moved" in kinds(tmp_path)


def test_a_doubled_line_is_found(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([*lines[:2], lines[1], *lines[2:]]))

    assert "moved" in kinds(tmp_path)


def test_an_inserted_line_is_found(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([*lines[:2], b'{"hello":"auditor"}\n', *lines[2:]]))

    assert "unreadable" in kinds(tmp_path)


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_removed_segment_is_found(tmp_path: Path, which: int) -> None:
    written(tmp_path)[which].unlink()

    assert {"removed"} == kinds(tmp_path)


def test_a_removed_chain_is_found_by_the_mark_that_settled_it(tmp_path: Path) -> None:
    for path in written(tmp_path):
        path.unlink()

    assert {"removed"} == kinds(tmp_path)


def test_lines_cut_off_the_end_of_a_settled_chain_are_found(tmp_path: Path) -> None:
    last = written(tmp_path)[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))

    assert {"removed"} == kinds(tmp_path)


def test_a_change_in_the_last_line_of_a_settled_chain_is_found(tmp_path: Path) -> None:
    last = written(tmp_path)[-1]
    last.write_bytes(last.read_bytes().replace(b'"closed"', b'"closeD"'))

    assert {"changed"} == kinds(tmp_path)


def test_a_chain_that_goes_on_after_its_end_is_found(tmp_path: Path) -> None:
    last = written(tmp_path)[-1]
    line = last.read_bytes().splitlines()[-1]
    seq = int(line.split(b",")[0].removeprefix(b'{"seq":'))
    with last.open("ab") as file:
        file.write(line.replace(b'{"seq":%d' % seq, b'{"seq":%d' % (seq + 1)) + b"\n")

    assert "changed" in kinds(tmp_path)


def test_a_chain_under_another_name_is_found(tmp_path: Path) -> None:
    for path in written(tmp_path):
        path.rename(path.with_name(path.name.replace("-w-", "-v-")))

    assert {"changed", "removed"} == kinds(tmp_path)


def test_a_line_torn_in_the_middle_of_a_chain_is_a_fault(tmp_path: Path) -> None:
    first = written(tmp_path)[0]
    first.write_bytes(first.read_bytes()[:-10])

    assert {"changed", "removed"} == kinds(tmp_path)


def test_a_living_chain_is_verified_as_far_as_it_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path, node="n", process="w", clock=machine_clock)
    journal.append([Record("e", {}, writes=True)])
    findings = verify(tmp_path)
    journal.close()

    assert (True, 2, ()) == (findings.whole, findings.lines, findings.notes)


def test_no_journal_at_all_is_whole_and_empty(tmp_path: Path) -> None:
    findings = verify(tmp_path / "journal")

    assert (True, 0, 0) == (findings.whole, findings.chains, findings.lines)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_bit_turned_anywhere_is_found(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    directory, files = settled_once(tmp_path_factory)
    path = files[at % len(files)]
    before = path.read_bytes()
    changed = bytearray(before)
    changed[at % len(before)] ^= 1 << bit
    try:
        path.write_bytes(changed)
        assert not verify(directory).whole
    finally:
        path.write_bytes(before)


_ONCE: list[tuple[Path, list[Path]]] = []


def settled_once(factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """One journal for all examples."""
    if not _ONCE:
        directory = factory.mktemp("journal")
        _ONCE.append((directory, written(directory)))
    return _ONCE[0]
