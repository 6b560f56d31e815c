"""How many calls a journal says were granted, by operation: packed segments too, each once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import orjson

from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.reading import raw_lines


def granted(journal: Path) -> Counter[str]:
    """The records without an error, by the name of the event; of a server that still runs, all that was answered."""
    time.sleep(0.5)
    counted: Counter[str] = Counter()
    for segments in chains(journal).values():
        for name in segments:
            for line, whole in raw_lines(journal / name.file):
                event = orjson.loads(line).get("event") if whole else None
                if event and "errorCode" not in event:
                    counted[event["eventName"]] += 1
    return counted
