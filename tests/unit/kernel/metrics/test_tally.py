"""What is counted of a call, and how the page says it."""

from __future__ import annotations

import re
from pathlib import Path
from time import perf_counter

import pytest

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.metrics.outcomes import outcome_of
from strongroom.kernel.metrics.page import families
from strongroom.kernel.metrics.tally import ANSWERED, DENIED, OUTCOMES, Tally
from strongroom.kernel.metrics.text import Family, gauge, written

LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)')


def tally(folder: Path, name: str = "worker0") -> Tally:
    return Tally(folder, name, operations={"kms": ("Encrypt", "Decrypt"), "sts": ()}, jobs=("logs:retention",))


def page(folder: Path) -> str:
    return written(families(folder)).decode()


def test_calls_are_counted_by_service_operation_and_outcome_over_all_processes(tmp_path: Path) -> None:
    for name in ("worker0", "worker1"):
        tally(tmp_path, name).call("kms", "Encrypt", ANSWERED, perf_counter())
    tally(tmp_path).call("kms", "Encrypt", DENIED, perf_counter())
    text = page(tmp_path)
    assert 'strongroom_requests_total{service="kms",operation="Encrypt",outcome="answered"} 2\n' in text
    assert 'strongroom_requests_total{service="kms",operation="Encrypt",outcome="denied"} 1\n' in text
    assert 'strongroom_request_duration_seconds_count{service="kms",operation="Encrypt"} 3\n' in text


def test_a_bucket_holds_all_that_were_as_quick_or_quicker(tmp_path: Path) -> None:
    counted = tally(tmp_path)
    for ago in (0.0, 0.02, 30.0):
        counted.call("kms", "Decrypt", ANSWERED, perf_counter() - ago)
    buckets = re.findall(r'_bucket\{service="kms",operation="Decrypt",le="([^"]+)"\} (\d+)', page(tmp_path))
    told = {bound: int(number) for bound, number in buckets}
    assert (1, 1, 2, 2, 3) == tuple(told[bound] for bound in ("0.001", "0.01", "0.025", "10.0", "+Inf"))
    assert [bound for bound, _ in buckets] == sorted(told, key=float)


def test_no_client_can_make_a_label(tmp_path: Path) -> None:
    counted = tally(tmp_path)
    for number in range(100):
        counted.call(f"invented{number}", f"Op{number}", ANSWERED, perf_counter())
        counted.call("kms", f"Op{number}", ANSWERED, perf_counter())
        counted.call("sts", None, ANSWERED, perf_counter())
        counted.event(f"Invented{number}")
        counted.job(f"kind{number}", done=True)
    text = page(tmp_path)
    assert "nvented" not in text
    for service in ("other", "kms", "sts"):
        assert f'strongroom_requests_total{{service="{service}",operation="other",outcome="answered"}} 100\n' in text
    assert 'strongroom_service_events_total{event="other"} 100\n' in text
    assert 'kind="kind' not in text


def test_events_jobs_records_and_caches_are_counted(tmp_path: Path) -> None:
    counted = tally(tmp_path, "runner")
    counted.event("RotationFailed")
    counted.job("logs:retention", done=True)
    counted.job("logs:retention", done=False)
    counted.read(3)
    counted.written(2)
    counted.watch(lambda: (7, 9))
    counted.call("kms", "Encrypt", ANSWERED, perf_counter())
    text = page(tmp_path)
    for line in (
        'strongroom_service_events_total{event="RotationFailed"} 1',
        'strongroom_jobs_total{kind="logs:retention",end="done"} 1',
        'strongroom_jobs_total{kind="logs:retention",end="failed"} 1',
        'strongroom_journal_records_total{kind="read"} 3',
        'strongroom_journal_records_total{kind="written"} 2',
        'strongroom_cache_entries{process="runner"} 7',
        'strongroom_cache_loads_total{process="runner"} 9',
    ):
        assert f"{line}\n" in text


def test_every_line_has_the_form_that_prometheus_reads(tmp_path: Path) -> None:
    """Source: prometheus.io, "Exposition formats"."""
    tally(tmp_path).call("kms", "Encrypt", ANSWERED, perf_counter())
    named = gauge("strongroom_odd", 'with "quotes"\nand lines\\', float("inf"), label='a"b\\c\nd')
    text = written((*families(tmp_path), named)).decode()
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.fullmatch(line), line
    assert 'strongroom_odd{label="a\\"b\\\\c\\nd"} +Inf' in text
    assert '# HELP strongroom_odd with "quotes"\\nand lines\\\\' in text


def test_a_family_without_samples_is_left_out() -> None:
    assert b"\n" == written([Family("strongroom_nothing", "gauge", "Nothing.")])


@pytest.mark.parametrize("kind", Kind)
def test_every_refusal_has_an_outcome_and_none_counts_as_answered(kind: Kind) -> None:
    assert 0 < outcome_of(Refusal(kind)) < len(OUTCOMES)


def test_an_answerable_that_is_neither_counts_as_ours() -> None:
    assert "failed" != OUTCOMES[ANSWERED]
    assert "invalid" == OUTCOMES[outcome_of(Answerable("x"))]
