"""The runner's side of a rotation: the function is asked step by step, and what came of it is stored.

The function is asked as ``secretsmanager.amazonaws.com``, outside of any transaction; its own policy decides each
time. A step that fails ends the attempt; the next attempt is the same rotation from its first step, with the same
token and whatever value that has, for the target may have taken it already.

Source: Secrets Manager User Guide, "How rotation works"; facts: secretsmanager, section 9.1; rotation, section 4.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Credential
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.registry import Job, JobHandler, JobRun
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.unasked import Unasked
from strongroom.services.secretsmanager import rotation, sealed, store
from strongroom.services.secretsmanager.rules import labels
from strongroom.services.secretsmanager.rules.masking import masked, parts_of
from strongroom.services.secretsmanager.store import Rotation, Secret, rotations

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SERVICE_PRINCIPAL = "secretsmanager.amazonaws.com"
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
_TRIES = 3
_BUSY_SECONDS = 2.0


_SOON = timedelta(seconds=1)
_ABOUT_LINES = re.compile(r"(START|END|REPORT) RequestId: ")
LINES_MOST = 2048
MESSAGE_MOST = 1024
UNMADE = "All steps came through, but AWSCURRENT is not on the new version: finishSecret did not move it."
WITHHELD = (
    "The function failed. What it said is withheld, because its role may not read the versions of the secret"
    " and so their values cannot be masked in it."
)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A step that did not come through. ``message`` and ``lines`` hold no value."""

    step: str
    message: str
    lines: str = ""


class _Closing(Exception):  # noqa: N818  leaves ``run`` only
    """The server stops: nothing has failed."""


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failed attempts: 10 s, doubling, at most an hour.

    Our choice: AWS publishes neither number nor spacing. A rotation is tried until it succeeds or somebody ends it:
    giving up would leave a value that the target may have taken where nobody looks.
    """
    return min(FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)), LONGEST_PAUSE)


class Rotator:
    """Runs rotations in one process (the runner).

    ``closing``: whether that process is about to end. ``session_of``: the session that a function's process last
    acted with, by the ARN of the function; None where there was none.
    """

    def __init__(
        self, unasked: Unasked, *, closing: Callable[[], bool], session_of: Callable[[str], Credential | None]
    ) -> None:
        self._unasked = unasked
        self._store = unasked.chain.store
        self._closing = closing
        self._session_of = session_of

    def run(self, job: Job) -> JobHandler:
        """Make one attempt of one rotation (registry.Errand); what to store of it."""
        pk = int(job.key)
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            began = self._unasked.chain.clock() + self._unasked.chain.offset(tx)
            found = under_way(tx, pk)
            waits = found is not None and rotation.earlier_at_work(tx, found[1])
        if found is None:
            return _nothing
        if waits:
            return _put_off
        one, running = found
        token = sealed.open_token(self._unasked.chain.keyring, running.token, running.version_id)
        try:
            for step in ("testSecret",) if running.test else STEPS:
                if not self._is_under_way(pk):
                    return _nothing
                problem = self._step(one, running, step, token)
                if problem is not None:
                    return _failure_of(pk, problem, began)
        except _Closing:
            return _put_off
        return _success_of(pk, began)

    def _is_under_way(self, pk: int) -> bool:
        with self._store.read() as tx:
            return under_way(tx, pk) is not None

    def _step(self, one: Secret, running: Rotation, step: str, token: str) -> _Failed | None:
        """Ask the function for one step; None where it came through."""
        if one.rotation_lambda_arn is None:
            return _Failed(step, f"No function is set: {one.owning_service or 'nobody'} rotates this secret.")
        event = {
            "Step": step,
            "SecretId": one.arn,
            "ClientRequestToken": running.version_id,
            "RotationToken": token,
        }
        try:
            answer = self._invoke(one, orjson.dumps(event))
        except Answerable as refusal:
            return _Failed(step, (refusal.message or type(refusal).__name__)[:MESSAGE_MOST])
        if not answer.get("FunctionError"):
            return None
        if self._closing():
            raise _Closing
        message, lines = error_text(answer["Payload"]), printed(answer.get("LogResult", ""))
        parts = self._parts_in_play(one, running)
        if parts is None:
            return _Failed(step, WITHHELD)
        parts.add(token)
        return _Failed(step, masked(message, parts)[:MESSAGE_MOST], masked(lines, parts)[-LINES_MOST:])

    # ------------------------------------------------------------------ what must not be told

    def _parts_in_play(self, one: Secret, running: Rotation) -> set[str] | None:
        """All that a text of the function may quote of the secret, and of the master secret that it names.

        Read with the function's own session: what that may not read the function cannot quote, but for a value that
        it has made itself, so where anything cannot be read the answer is None.
        """
        who = self._session_of(one.rotation_lambda_arn or "")
        if who is None:
            return None
        with self._store.read() as tx:
            held = store.versions.labels_of(tx, one.pk)
            filled = {each.version_id for each in store.versions.versions_of(tx, one.pk) if each.form is not None}
        wanted = {running.version_id, *(held.get(name) for name in (labels.CURRENT, labels.PENDING, labels.PREVIOUS))}
        parts: set[str] = set()
        masters: set[str] = set()
        try:
            for version_id in sorted(filled & {name for name in wanted if name is not None}):
                value = self._value(who, one, SecretId=one.arn, VersionId=version_id)
                parts |= parts_of(value)
                masters |= _master_of(value)
            for arn in masters:
                parts |= parts_of(self._value(who, one, SecretId=arn))
        except Answerable:
            return None
        return parts

    def _value(self, who: Credential, one: Secret, **named: Any) -> bytes:
        answer = self._unasked.call(who, "secretsmanager", "GetSecretValue", region=one.region, **named)
        return answer["SecretString"].encode() if "SecretString" in answer else bytes(answer["SecretBinary"])

    # ------------------------------------------------------------------ asking the function

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


def printed(log_result: str) -> str:
    """The lines that a function printed itself, of the end of its log as Invoke answers it."""
    text = base64.b64decode(log_result).decode("utf-8", "replace")
    return "\n".join(line for line in text.splitlines() if not _ABOUT_LINES.match(line))


def _master_of(value: bytes) -> set[str]:
    """The superuser's secret that a value names (AWS's ``masterarn``)."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return set()
    arn = found.get("masterarn") if isinstance(found, dict) else None
    return {arn} if isinstance(arn, str) else set()


# ---------------------------------------------------------------------- what is stored of an attempt


def _nothing(job: Job, run: JobRun, tx: Transaction) -> None:
    """The rotation had ended, or waits for its secret to be restored; unless that has changed meanwhile."""
    found = under_way(tx, int(job.key))
    if found is not None:
        rotation.run_at(tx, *found, run.now)


def _put_off(job: Job, run: JobRun, tx: Transaction) -> None:
    found = under_way(tx, int(job.key))
    if found is not None:
        rotation.run_at(tx, *found, run.now + _SOON)


def _success_of(pk: int, began: datetime) -> JobHandler:
    def store_it(job: Job, run: JobRun, tx: Transaction) -> None:
        found = under_way(tx, pk)
        if found is None:
            return
        one, running = found
        # DIFFERS: unmade rotations.
        if not rotation.is_made(tx, one, running):
            _failure_of(pk, _Failed("finishSecret", UNMADE), began)(job, run, tx)
            return
        hand = rotation.of_job(run, one.region)
        if job.attempt > 1:
            rotation.interrupted(hand, tx, running, job.attempt - 1)
        rotation.succeeded(hand, tx, one, running)

    return store_it


def _failure_of(pk: int, problem: _Failed, began: datetime) -> JobHandler:
    def store_it(job: Job, run: JobRun, tx: Transaction) -> None:
        found = under_way(tx, pk)
        if found is None:
            return
        one, running = found
        hand = rotation.of_job(run, one.region)
        if job.attempt > 1:
            rotation.interrupted(hand, tx, running, job.attempt - 1)
        failure = rotation.Failure(problem.step, problem.message, problem.lines, began)
        rotation.failed(hand, tx, one, running, failure, run.now + pause_after(running.attempts + 1))

    return store_it
