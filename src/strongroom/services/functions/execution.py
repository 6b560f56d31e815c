"""The runner's side of an invocation: from the row of a version to a program, and from its lines to its logs.

Code and environment are opened only where a new process needs them. The process gets the credentials of a session
of the function's role, which Lambda assumes as its trust policy says, and its lines go where that session may put
them.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Answerable
from strongroom.base.running import CannotRun, Event, Finished, Invocation, Invoked, Machine, Program
from strongroom.kernel.call import Credential
from strongroom.kernel.registry import Job, JobHandler
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.unasked import Unasked
from strongroom.services.functions import queued, sealed
from strongroom.services.functions.layers import find_layer
from strongroom.services.functions.store import events
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Function, Version

log = logging.getLogger("strongroom.functions")

SERVICE_PRINCIPAL = "lambda.amazonaws.com"
_SESSIONS_KEPT = 1024
TAIL_CHARACTERS = 4096


class _NotAssumable(Exception):  # noqa: N818  leaves ``load`` only
    """The role is gone, or does not trust Lambda any more."""


@dataclass(frozen=True, slots=True)
class _Session:
    """The session that a process acts with, and where its lines go."""

    access_key_id: str
    token: str


class Execution:
    """Runs versions of functions in one process (the runner)."""

    def __init__(self, unasked: Unasked, machine: Machine, surroundings: Callable[[], Mapping[str, str]]) -> None:
        self._unasked = unasked
        self._store = unasked.chain.store
        self._keyring = unasked.chain.keyring
        self._machine = machine
        self._surroundings = surroundings
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._running: Counter[int] = Counter()
        self._lock = threading.Lock()

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it, and answer whatever becomes of it. Raises only for faults of ours."""
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            offset = self._unasked.chain.offset(tx)
            version = store.version_by_pk(tx, invocation.version_pk)
            function = None if version is None else store.by_pk(tx, version.function_pk)
        if version is None or function is None:
            return Invoked(refused="The function was deleted.")
        if not self._enter(function):
            return Invoked(busy="ReservedFunctionConcurrentInvocationLimitExceeded")
        try:
            return self._run(function, version, invocation, offset)
        finally:
            with self._lock:
                self._running[function.pk] -= 1

    def deliver(self, job: Job) -> JobHandler:
        """Run an event that nobody waits for (registry.Errand); what to store of it.

        Source: facts lambda-and-others, 1.3. Our choice: what could not run for want of room is tried again soon.
        """
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            one = events.by_id(tx, job.key)
        if one is None:
            return lambda _job, _run, _tx: None  # its function was deleted
        event = sealed.open_event(self._keyring, one.sealed, one.id)
        payload = base64.b64decode(event["payload"])
        done = self.invoke(Invocation(one.version_pk, one.function_arn, one.id, payload, event["client_context"]))
        return lambda _job, run, tx: queued.settle(tx, one, done, run.now)

    def session_of(self, function: str) -> Credential | None:
        """The session that a process of a function (its ARN, a qualifier may follow) last began to act with."""
        bare = ":".join(function.split(":")[:7])
        with self._lock:
            known = next((one for key, one in reversed(self._sessions.items()) if key.startswith(f"{bare}:")), None)
        return None if known is None else self._credential(known)

    def _enter(self, function: Function) -> bool:
        with self._lock:
            if function.reserved is not None and self._running[function.pk] >= function.reserved:
                return False
            self._running[function.pk] += 1
            return True

    def _run(self, function: Function, version: Version, invocation: Invocation, offset: timedelta) -> Invoked:
        settings = version.settings
        # Whatever changes code, configuration or role changes this key: a process is never shared across it.
        # A moved clock changes it too: sessions end by that clock, and no process outlives its own.
        moved = f" {offset.total_seconds():.0f}" if offset else ""
        key = f"{function.arn}:{version.label} {version.pk} {version.revision} {settings['Role']}{moved}"
        event = Event(
            invocation.request_id,
            invocation.function_arn,
            invocation.payload,
            float(settings["Timeout"]),
            invocation.client_context,
        )
        try:
            finished = self._machine.run(key, lambda: self._program(key, function, version, offset), event)
        except CannotRun as reason:
            return Invoked(refused=reason.reason, busy="ConcurrentInvocationLimitExceeded" if reason.busy else "")
        except _NotAssumable:
            return Invoked(denied=True)
        self._keep_lines(key, function, settings["LoggingConfig"]["LogGroup"], finished)
        # The line with which a process begins is no part of an invocation's own log.
        tail = "".join(f"{text}\n" for _, text in finished.lines)[-TAIL_CHARACTERS:]
        return Invoked(finished.payload, finished.failed, tail)

    # ------------------------------------------------------------------ a new process

    def _program(self, key: str, function: Function, version: Version, offset: timedelta) -> Program:
        settings = version.settings
        self._machine.end(f"{function.arn}:{version.label} ", but_not=key)
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            code = sealed.open_code(self._keyring, store.code_of(tx, version.code_pk), version.code_sha256)
            layers = [self._layer(tx, one["Arn"]) for one in settings.get("Layers", ())]
        own = sealed.open_environment(self._keyring, version.environment, function.arn)
        credentials, expires = self._assume(key, function, settings["Role"])
        environment = {
            **self._surroundings(),
            **own,
            **credentials,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_LOG_GROUP_NAME": settings["LoggingConfig"]["LogGroup"],
        }
        return Program(
            name=function.name,
            version=version.label,
            runtime=settings["Runtime"],
            handler=settings["Handler"],
            memory_mb=settings["MemorySize"],
            scratch_mb=settings["EphemeralStorage"]["Size"],
            code=code,
            layers=layers,
            environment=environment,
            expires=expires - offset,
        )

    def _layer(self, tx: Transaction, arn: str) -> bytes:
        found = find_layer(tx, arn)
        if found is None:
            raise CannotRun(f"The layer {arn} was deleted.")
        return sealed.open_code(self._keyring, store.code_of(tx, found.code_pk), found.code_sha256)

    def _assume(self, key: str, function: Function, role: str) -> tuple[dict[str, str], datetime]:
        """A session of the execution role, named for the function. Source: facts lambda-and-others, 1.5."""
        try:
            answer = self._unasked.call(
                self._unasked.chain.service(SERVICE_PRINCIPAL),
                "sts",
                "AssumeRole",
                region=function.region,
                acts_for=(function.arn, function.account),
                RoleArn=role,
                RoleSessionName=function.name,
            )
        except Answerable as refusal:
            log.warning("the role of %s cannot be assumed: %s", function.arn, refusal)
            raise _NotAssumable from None
        given = answer["Credentials"]
        with self._lock:
            self._sessions[key] = _Session(given["AccessKeyId"], given["SessionToken"])
            while len(self._sessions) > _SESSIONS_KEPT:
                self._sessions.popitem(last=False)
        found = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return found, given["Expiration"]

    # ------------------------------------------------------------------ lines

    def _keep_lines(self, key: str, function: Function, group: str, finished: Finished) -> None:
        """Put the lines into CloudWatch Logs as the role; without that permission they are lost, as in AWS."""
        session = self._sessions.get(key)
        if session is None or not finished.lines or "logs" not in self._unasked.chain.registry.rooms:
            return
        who = self._credential(session)
        if who is None:
            return
        place = {"logGroupName": group, "logStreamName": finished.stream}
        events = [{"timestamp": when, "message": text} for when, text in sorted(finished.lines, key=lambda one: one[0])]

        def call(operation: str, **params: Any) -> str:
            try:
                self._unasked.call(who, "logs", operation, region=function.region, **params)
            except Answerable as refusal:
                return type(refusal).__name__
            return ""

        try:
            if call("PutLogEvents", **place, logEvents=events) == "ResourceNotFoundException":
                call("CreateLogGroup", logGroupName=group)
                call("CreateLogStream", **place)
                call("PutLogEvents", **place, logEvents=events)
        except Exception as error:  # noqa: BLE001  an invocation is not lost with its lines
            log.error("the lines of %s were not kept: %s", function.arn, type(error).__name__)  # noqa: TRY400

    def _credential(self, session: _Session) -> Credential | None:
        chain = self._unasked.chain
        with self._store.read() as tx:
            self._unasked.chain.catch_up(tx)
            now = chain.clock() + chain.offset(tx)
            try:
                return chain.principals.credential(tx, session.access_key_id, session.token, now)
            except Answerable:
                return None
