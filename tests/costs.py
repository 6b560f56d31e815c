"""What tests cost: seconds of processor by directory, file and test, also those of the processes that they start.

``make test ARGS="-p tests.costs"``, or ``pytest -p tests.costs tests/unit``. Unlike the durations that pytest prints,
they hardly change when the machine has other things to do.
A process counts where it is waited for: a shared server in the teardown of the last test that had it.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests import forking

SHOWN = 60
"""How many files, and how many tests."""


def spent() -> float:
    """Seconds of processor so far, of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + forking.spent


class Costs:
    """Measures in the process that runs the tests; adds up in the one that prints."""

    def __init__(self) -> None:
        self._before = spent()
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        """Each phase of a test carries what it has cost."""
        report = yield
        now = spent()
        report.processor, self._before = now - self._before, now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add it up."""
        self._seconds[report.nodeid, report.when or ""] += getattr(report, "processor", 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The tables."""
        directories: defaultdict[str, float] = defaultdict(float)
        files: defaultdict[str, float] = defaultdict(float)
        for (test, _), seconds in self._seconds.items():
            file = test.partition("::")[0]
            files[file] += seconds
            directories["/".join(Path(file).parts[:2])] += seconds
        terminalreporter.section(f"seconds of processor: {sum(directories.values()):.1f}")
        phases = {f"{test} {phase}": seconds for (test, phase), seconds in self._seconds.items()}
        for table in (directories, files, phases):
            for name, seconds in sorted(table.items(), key=lambda one: -one[1])[:SHOWN]:
                terminalreporter.line(f"{seconds:8.2f} {name}")
            terminalreporter.line("")


def pytest_configure(config: pytest.Config) -> None:
    """Registered as a plug-in."""
    config.pluginmanager.register(Costs(), "strongroom-costs")
