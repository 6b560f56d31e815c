"""What holds for all tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import litter

# A busy machine must not fail a test: examples have no time limit of their own, tests have pytest's.
settings.register_profile("strongroom", deadline=None)
settings.load_profile("strongroom")

_PLACE = pytest.StashKey[litter.Place]()
_LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a temporary directory of its own; pytest's own directories stay where they are always looked for."""
    if hasattr(config, "workerinput"):
        return  # a worker of a run has its
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    place = litter.made()
    os.environ["TMPDIR"] = str(place.directory)
    tempfile.tempdir = None  # it is remembered
    config.stash[_PLACE] = place


@pytest.hookimpl(trylast=True)  # after the fixtures of the session have ended, and every worker
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever still lies in the run's directory fails it."""
    place = session.config.stash.get(_PLACE, None)
    if place is None:
        return
    left = session.config.stash[_LEFT] = place.left()
    place.remove()
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left behind."""
    left = config.stash.get(_LEFT, [])
    if left:
        terminalreporter.section("left behind in the temporary directory")
        for one in left:
            terminalreporter.line(one)


@pytest.fixture(scope="module")
def anew() -> Iterator[None]:
    """The servers and commands of a file are started anew, as users start them, not forked from a prepared process.

    For files that are about the start itself, or that look at processes from outside.
    """
    from tests.deployment import Deployment  # noqa: PLC0415  most tests start no server

    Deployment.forked = False
    yield
    Deployment.forked = True
