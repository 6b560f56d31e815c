"""The page of all counts of this server, summed over its processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from strongroom.kernel.metrics.cells import Sum, summed
from strongroom.kernel.metrics.tally import (
    BUCKETS,
    CACHES,
    CALL_COLUMNS,
    CALLS,
    EVENTS,
    JOBS,
    JOURNAL,
    OUTCOMES,
    SPANS,
    SPANS_ENDS,
)
from strongroom.kernel.metrics.text import Family, histogram

_NANOSECOND = 1e-9


def families(directory: Path) -> Iterator[Family]:
    """Every metric that processes count themselves. Rows that nobody has met are left out, but for rotations."""
    total = summed(directory)
    yield from _calls(_rows(total, CALLS, CALL_COLUMNS))
    yield Family(
        "strongroom_service_events_total",
        "counter",
        "What services did by themselves: rotations and deletions, by the name that the records have.",
        [("", (("event", row[0]),), numbers[0]) for row, numbers in _rows(total, EVENTS, ("count",)).items()],
    )
    yield Family(
        "strongroom_jobs_total",
        "counter",
        "Jobs that were run, by kind and by how they ended; a failed one comes again.",
        [
            ("", (("kind", row[0]), ("end", end)), number)
            for row, numbers in _rows(total, JOBS, ("done", "failed")).items()
            for end, number in zip(("done", "failed"), numbers, strict=True)
            if number
        ],
    )
    yield Family(
        "strongroom_journal_records_total",
        "counter",
        "Records that went to the journal: with an answer (read), or synced before a COMMIT (written).",
        [("", (("kind", row[0]),), numbers[0]) for row, numbers in _rows(total, JOURNAL, ("records",)).items()],
    )
    spans = list(_rows(total, SPANS, SPANS_ENDS).values())
    yield Family(
        "strongroom_spans_total",
        "counter",
        "Spans of traces: sent, dropped for want of room, or failed because the collector did not take them.",
        [
            ("", (("end", end),), sum(numbers[at] for numbers in spans))
            for at, end in enumerate(SPANS_ENDS)
            if any(any(numbers) for numbers in spans)
        ],
    )
    caches = _rows(total, CACHES, ("entries", "loads"))
    yield Family(
        "strongroom_cache_entries",
        "gauge",
        "What the checked cache of each process holds.",
        [("", (("process", row[0]),), numbers[0]) for row, numbers in caches.items()],
    )
    yield Family(
        "strongroom_cache_loads_total",
        "counter",
        "How often the checked cache of each process had to ask the store.",
        [("", (("process", row[0]),), numbers[1]) for row, numbers in caches.items()],
    )


def _calls(rows: Sum) -> Iterator[Family]:
    met = {row: numbers for row, numbers in rows.items() if any(numbers)}
    yield Family(
        "strongroom_requests_total",
        "counter",
        "Calls by service, operation and outcome.",
        [
            ("", (*_of(row), ("outcome", outcome)), number)
            for row, numbers in met.items()
            for outcome, number in zip(OUTCOMES, numbers, strict=False)
            if number
        ],
    )
    bounds = (*(str(bound) for bound in BUCKETS), "+Inf")
    first = len(OUTCOMES)
    yield Family(
        "strongroom_request_duration_seconds",
        "histogram",
        "From a call's last byte to its answer, its record and its commit included.",
        [
            sample
            for row, numbers in met.items()
            for sample in histogram(
                _of(row),
                dict(zip(bounds, numbers[first : first + len(bounds)], strict=True)),
                numbers[-1] * _NANOSECOND,
            )
        ],
    )


def _of(row: tuple[str, ...]) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("service", row[0]), ("operation", row[1])


def _rows(total: Mapping[str, tuple[tuple[str, ...], Sum]], block: str, columns: tuple[str, ...]) -> Sum:
    found = total.get(block)
    return found[1] if found is not None and found[0] == columns else {}
