"""The runner's side of a rotation: the function is asked step by step, and what came of it is stored.

The function is asked as ``secretsmanager.amazonaws.com``, outside of any transaction; its own policy decides each
time. A step that fails ends the attempt; the next attempt is the same rotation from its first step, with the same
token and whatever value that has, for the target may have taken it already.

Source: Secrets Manager User Guide, "How rotation works"; facts: secretsmanager, section 9.1; rotation, section 4.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer
from strongroom.kernel.jobs import due
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.registry import Job, JobHandler, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.unasked import Unasked
from strongroom.services.secretsmanager import rotation, store
from strongroom.services.secretsmanager.store import Rotation, Secret, rotations

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SERVICE_PRINCIPAL = "secretsmanager.amazonaws.com"
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
_TRIES = 3
_BUSY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Failed:
    """A step that did not come through. ``message`` is the function's own text, or ours."""

    step: str
    message: str


class _Closing(Exception):  # noqa: N818  leaves ``run`` only
    """The server stops: nothing has failed."""


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failed attempts: 10 s, doubling, at most an hour.

    Our choice: AWS publishes neither number nor spacing. A rotation is tried until it succeeds or somebody ends it:
    giving up would leave a value that the target may have taken where nobody looks.
    """
    return min(FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)), LONGEST_PAUSE)


class Rotator:
    """Runs rotations in one process (the runner). ``closing``: whether that process is about to end."""

    def __init__(self, unasked: Unasked, *, closing: Callable[[], bool]) -> None:
        self._unasked = unasked
        self._store = unasked.chain.store
        self._closing = closing

    def run(self, job: Job) -> JobHandler:
        """Make one attempt of one rotation (registry.Errand); what to store of it."""
        pk = int(job.key)
        found = self._under_way(pk)
        if found is None:
            return _nothing
        one, running = found
        try:
            for step in ("testSecret",) if running.test else STEPS:
                if self._under_way(pk) is None:
                    return _nothing
                problem = self._step(one, running, step)
                if problem is not None:
                    return _failure_of(pk, problem)
        except _Closing:
            return _put_off
        return _success_of(pk)

    def _under_way(self, pk: int) -> tuple[Secret, Rotation] | None:
        """The rotation where it is still to be run, and its secret."""
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            return under_way(tx, pk)

    def _step(self, one: Secret, running: Rotation, step: str) -> _Failed | None:
        """Ask the function for one step; None where it came through."""
        event = {"Step": step, "SecretId": one.arn, "ClientRequestToken": running.version_id}
        try:
            answer = self._invoke(one, orjson.dumps(event))
        except Answerable as refusal:
            return _Failed(step, refusal.message or type(refusal).__name__)
        if not answer.get("FunctionError"):
            return None
        return _Failed(step, error_text(answer["Payload"]))

    def _invoke(self, one: Secret, payload: bytes) -> Answer:
        """Invoke the function; one that is busy is asked again a few times."""
        for left in reversed(range(_TRIES)):
            if self._closing():
                raise _Closing
            try:
                answer = self._unasked.call(
                    self._unasked.chain.service(SERVICE_PRINCIPAL),
                    "lambda",
                    "Invoke",
                    region=one.region,
                    acts_for=(one.arn, one.account),
                    FunctionName=one.rotation_lambda_arn,
                    InvocationType="RequestResponse",
                    LogType="Tail",
                    Payload=payload,
                )
            except ServiceError as refusal:
                if self._closing():
                    raise _Closing from None
                if refusal.http_status != 429 or not left:
                    raise
                time.sleep(_BUSY_SECONDS)
            else:
                return answer
        raise RuntimeError("no try was left")


def under_way(tx: Transaction, pk: int) -> tuple[Secret, Rotation] | None:
    """A rotation that has not ended and whose secret lives, with that secret."""
    running = rotations.by_pk(tx, pk)
    if running is None or running.state != rotations.PENDING:
        return None
    one = store.secrets.secret_by_pk(tx, running.secret_pk)
    return None if one is None or one.deleted_ms is not None else (one, running)


def error_text(payload: bytes) -> str:
    """What a function's error says: its type and its message."""
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        return "The function failed and did not say why."
    kind, message = (str(told.get(name) or "") for name in ("errorType", "errorMessage"))
    return f"{kind}: {message}" if kind and message else kind or message or "The function failed and did not say why."


# ---------------------------------------------------------------------- what is stored of an attempt


def _nothing(_job: Job, _run: JobRun, _tx: Transaction) -> None:
    """The rotation has ended meanwhile, or waits for its secret to be restored."""


def _put_off(job: Job, run: JobRun, tx: Transaction) -> None:
    due.schedule(tx, kind=job.kind, key=job.key, due=run.now)


def _success_of(pk: int) -> JobHandler:
    def store_it(_job: Job, run: JobRun, tx: Transaction) -> None:
        found = under_way(tx, pk)
        if found is not None:
            one, running = found
            rotation.succeeded(rotation.of_job(run, one.region), tx, one, running)

    return store_it


def _failure_of(pk: int, problem: _Failed) -> JobHandler:
    def store_it(_job: Job, run: JobRun, tx: Transaction) -> None:
        found = under_way(tx, pk)
        if found is not None:
            one, running = found
            again = run.now + pause_after(running.attempts + 1)
            failure = rotation.Failure(problem.step, problem.message, again)
            rotation.failed(rotation.of_job(run, one.region), tx, one, running, failure)

    return store_it
