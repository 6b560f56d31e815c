"""The journal of one process, on a real disk."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.base.clock import machine_clock
from strongroom.kernel.call import Record
from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.segments import Journal, JournalUnwritable
from strongroom.kernel.journal.verify import verify


def record(*, writes: bool = False, **event: Any) -> Record:
    """A finished event."""
    return Record(str(uuid.uuid4()), {"eventName": "x", **event}, writes)


def opened(directory: Path, **settings: Any) -> Journal:
    """A journal as a worker opens it."""
    return Journal(directory, node="ab12", process="worker0", clock=machine_clock, **settings)


def told(directory: Path) -> list[dict[str, Any]]:
    """Every line of a directory, parsed, in order."""
    return [
        orjson.loads(line)
        for names in chains(directory).values()
        for name in names
        for line in (directory / name.file).read_bytes().splitlines()
    ]


def test_records_go_out_in_order_between_the_chains_first_and_last_mark(tmp_path: Path) -> None:
    journal, records = opened(tmp_path / "journal"), [record(), record(writes=True), record()]
    journal.append(records[:2])
    journal.append_synced(records[2:])
    journal.close()
    lines = told(tmp_path / "journal")

    assert ["segment", None, None, None, "closed"] == [line.get("mark") for line in lines]
    assert [one.event_id for one in records] == [line["id"] for line in lines[1:4]]
    assert [False, True, False] == [line["writes"] for line in lines[1:4]]
    assert [records[1].event_id] == lines[4]["open"]
    assert journal.chain_id == lines[0]["chain"]


def test_directory_and_files_are_private(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    (file,) = (tmp_path / "journal").iterdir()
    journal.close()

    assert 0o700 == (tmp_path / "journal").stat().st_mode & 0o777
    assert 0o600 == file.stat().st_mode & 0o777


def test_a_full_segment_is_followed_by_one_that_names_its_last_hash(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_max_bytes=1000)
    for _ in range(20):
        journal.append([record(text="t" * 100)])
    journal.sync()
    journal.close()
    (names,) = chains(tmp_path).values()

    assert len(names) > 3
    assert verify(tmp_path).whole
    assert [*range(1, len(told(tmp_path)) + 1)] == [line["seq"] for line in told(tmp_path)]
    heads = [orjson.loads((tmp_path / name.file).read_bytes().split(b"\n")[0]) for name in names]
    assert [*range(1, len(names) + 1)] == [head["segment"] for head in heads]


def test_an_append_becomes_durable_by_itself(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([record()])
    deadline = time.monotonic() + 5
    while not journal.durable and time.monotonic() < deadline:
        time.sleep(0.005)

    assert journal.durable
    journal.close()


def test_four_threads_keep_the_chain_whole_and_lose_nothing(tmp_path: Path) -> None:
    journal, made, lock = opened(tmp_path, segment_max_bytes=20_000), [], threading.Lock()

    def work(number: int) -> None:
        for count in range(60):
            records = [record(writes=number % 2 == 0, number=number) for _ in range(count % 3 + 1)]
            (journal.append_synced if count % 10 == 0 else journal.append)(records)
            with lock:
                made.extend(one.event_id for one in records)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()

    assert sorted(made) == sorted(line["id"] for line in told(tmp_path) if "id" in line and "mark" not in line)
    assert verify(tmp_path).whole


def test_nothing_is_appended_to_a_closed_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(JournalUnwritable):
        journal.append([record()])


def test_an_append_of_nothing_writes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([])
    journal.append_synced([])
    journal.not_committed([], "no reason")
    journal.close()

    assert ["segment", "closed"] == [line["mark"] for line in told(tmp_path)]


def test_a_failed_commit_is_told_by_id_and_with_the_reasons_first_line_only(tmp_path: Path) -> None:
    journal, lost = opened(tmp_path), record(writes=True)
    journal.append_synced([lost])
    journal.not_committed([lost.event_id], "IntegrityError: a key\nDETAIL: Key (value)=(canary)")
    journal.close()
    line = told(tmp_path)[2]

    assert ("not committed", lost.event_id, journal.chain_id, "IntegrityError: a key") == (
        line["mark"],
        line["id"],
        line["chain"],
        line["reason"],
    )
    assert [] == told(tmp_path)[3]["open"]


def test_a_checkpoint_gives_ids_out_only_after_its_mark_is_durable(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    records = [record(writes=True) for _ in range(600)]
    journal.append(records)
    assert [] == list(journal.checkpoint())
    journal.committed([one.event_id for one in records[:599]])

    assert [one.event_id for one in records[:599]] == list(journal.checkpoint())
    assert journal.durable
    assert ("checkpoint", [records[599].event_id]) == (told(tmp_path)[-1]["mark"], told(tmp_path)[-1]["open"])
    journal.close()


def test_two_journals_of_one_directory_do_not_meet(tmp_path: Path) -> None:
    journals = [opened(tmp_path) for _ in range(3)]
    for journal in journals:
        journal.append([record()])
    for journal in journals:
        journal.close()

    assert 3 == len({journal.chain_id for journal in journals}) == len(chains(tmp_path))
    assert verify(tmp_path).whole


def run(script: str, directory: Path) -> str:
    """Run a script in a process of its own; answers what it prints."""
    head = (
        "import os, sys, pathlib, resource, signal\n"
        "from strongroom.base.clock import machine_clock\n"
        "from strongroom.kernel.journal.segments import Journal, JournalUnwritable\n"
        "class Made:\n"
        "    def __init__(self, number, size=100, writes=False):\n"
        "        self.event_id, self.event = f'e{number}', {'text': 't' * size}\n"
        "        self.writes, self.decision = writes, None\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), node='ab12', process='w', clock=machine_clock)\n"
    )
    source = Path(__file__).parents[4] / "src"
    done = subprocess.run(
        [sys.executable, "-c", head + script, str(directory)],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_a_full_disk_refuses_records_whole_and_takes_them_again_when_there_is_room(tmp_path: Path) -> None:
    """A file size limit is as a full disk is: the write that crosses it is cut short, the next one fails."""
    told_by_script = run(
        "soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2500, hard))\n"
        "refused = 0\n"
        "for number in range(20):\n"
        "    try:\n"
        "        journal.append([Made(number), Made(number + 100)])\n"
        "    except JournalUnwritable as error:\n"
        "        refused += 1\n"
        "size = next(pathlib.Path(sys.argv[1]).iterdir()).stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))\n"
        "journal.append_synced([Made(999)])\n"
        "journal.close()\n"
        "print(refused, size)\n",
        tmp_path,
    )
    refused, size = map(int, told_by_script.split())
    ids = [line["id"] for line in told(tmp_path) if "id" in line]

    assert 0 < refused < 20
    assert size <= 2500
    assert 2 * (20 - refused) + 1 == len(ids)
    assert "e999" == ids[-1]
    assert verify(tmp_path).whole


def test_a_segment_that_cannot_begin_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    run(
        "journal.close()\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), node='n', process='w', clock=machine_clock,\n"
        "                  segment_max_bytes=1500)\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "while journal._segment.size < 1500:\n"
        "    journal.append([Made(1)])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))\n"
        "try:\n"
        "    journal.append([Made(2)])\n"
        "except JournalUnwritable:\n"
        "    pass\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"
        "journal.append([Made(3)])\n"
        "journal.close()\n",
        tmp_path,
    )
    ids = [line["id"] for line in told(tmp_path) if "id" in line]

    assert "e3" == ids[-1]
    assert "e2" not in ids
    assert verify(tmp_path).whole


def test_a_forked_child_does_not_write_its_parents_chain(tmp_path: Path) -> None:
    printed = run(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        journal.append([Made(1)])\n"
        "    except JournalUnwritable as error:\n"
        "        print(error, flush=True)\n"
        "    journal.close()\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "journal.append_synced([Made(2)])\n"
        "journal.close()\n",
        tmp_path,
    )

    assert "this journal belongs to the process that forked\n" == printed
    assert ["e2"] == [line["id"] for line in told(tmp_path) if "id" in line]
    assert verify(tmp_path).whole


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    run("journal.append([Made(1)])\nos.kill(os.getpid(), signal.SIGKILL)\n", tmp_path)

    assert ["e1"] == [line["id"] for line in told(tmp_path) if "id" in line]
    assert verify(tmp_path).whole
