"""Finding a request's lines again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom.base.clock import machine_clock
from strongroom.kernel.call import Record
from strongroom.kernel.journal.lookup import lines_of_request
from strongroom.kernel.journal.segments import Journal

WANTED = "5f0c2f8e-3b1d-4c55-9d62-0b6f8e1a7c3d"


def written(directory: Path, *records: Record) -> None:
    journal = Journal(directory, node="ab12", process="w", clock=machine_clock)
    journal.append_synced(records)
    journal.close()


def record(event_id: str, request_id: str, decision: dict[str, Any] | None = None, **more: Any) -> Record:
    return Record(event_id, {"requestID": request_id, **more}, False, decision)


def test_a_request_is_found_with_what_was_done_on_its_behalf(tmp_path: Path) -> None:
    written(tmp_path, record("a", "other"), record("b", "child", {"for": WANTED}), record("c", WANTED))
    written(tmp_path, record("d", "later"))

    lines, whole = lines_of_request(tmp_path, WANTED)

    assert (["b", "c"], True) == ([line["id"] for line in lines], whole)


def test_who_only_sends_the_id_as_text_is_not_found(tmp_path: Path) -> None:
    written(tmp_path, record("a", "other", requestParameters={"name": WANTED, "requestID": WANTED}))

    assert ([], True) == lines_of_request(tmp_path, WANTED)


def test_the_search_is_bounded_and_says_so(tmp_path: Path) -> None:
    written(tmp_path, record("a", WANTED))

    assert ([], False) == lines_of_request(tmp_path, WANTED, max_bytes=10)
