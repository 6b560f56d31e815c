"""The keys of session tokens on both engines: what one process changes, every other sees at its next look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.jobs.due import next_due
from strongroom.kernel.registry import Job
from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.kernel.sealing.tokenkeys import PERIOD, rotate, token_keys
from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.sts.jobs import plan_rotation, rotate_token_key

KEYRING = Keyring(bytes(range(32)))
NOW = from_ms(1_700_000_000_000)


class Run:
    """What the job has in hand."""

    entropy = SystemEntropy()
    keyring = KEYRING

    def __init__(self, after: timedelta) -> None:
        self.now = NOW + after

    def record(self, **_: object) -> None:
        """Nothing is recorded by this job."""
        raise AssertionError("a record")


def seal(store: BatchStore) -> bytes:
    """A token's bytes under the newest key."""
    with store.read() as tx:
        return token_keys(tx, KEYRING).keyring.seal("p", b"token", b"")


def opens(store: BatchStore, sealed: bytes) -> bool:
    """Whether the keys that a process sees open it."""
    with store.read() as tx:
        keyring = token_keys(tx, KEYRING).keyring
    try:
        return b"token" == keyring.open("p", sealed, b"")
    except SealBroken:
        return False


def test_every_process_forgets_the_oldest_key_with_the_commit_that_does(opened: Callable[[], BatchStore]) -> None:
    one, other = opened(), opened()
    with one.write() as tx:
        rotate(tx, KEYRING, SystemEntropy(), NOW)
    sealed = seal(other)
    for still in (True, False):
        with one.write() as tx:
            rotate(tx, KEYRING, SystemEntropy(), NOW)
        assert [still, still] == [opens(store, sealed) for store in (one, other)]


@pytest.mark.parametrize(("after", "number"), [(PERIOD, 2), (PERIOD - timedelta(seconds=1), 1)])
def test_the_job_rotates_when_the_period_is_over_and_plans_itself_anew(
    store: BatchStore, after: timedelta, number: int
) -> None:
    with store.write() as tx:
        rotate(tx, KEYRING, SystemEntropy(), NOW)
        plan_rotation(tx, NOW)
    with store.write() as tx:
        rotate_token_key(Job("sts:rotate-token-key", "", 1), Run(after), tx)
    with store.read() as tx:
        assert number == token_keys(tx, KEYRING).number
        assert (NOW + after if number == 2 else NOW) + PERIOD == next_due(tx)
