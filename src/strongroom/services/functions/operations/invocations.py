"""Invoke: a function runs, now or later, or only could.

Source: API reference, Invoke; facts lambda-and-others, section 1.3.
"""

from __future__ import annotations

import base64
import binascii
import json

import orjson

from strongroom.base.refusals import Kind, Refusal
from strongroom.base.running import Functions, Invocation
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.queued import queue_event
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.targets import Found, function_at

SYNC_BYTES = 6 * 1024 * 1024
ASYNC_BYTES = 1024 * 1024
CLIENT_CONTEXT_BYTES = 3583
TAIL_BYTES = 4096


@ROOM.operation("Invoke", mode=Mode.WAIT, action="lambda:InvokeFunction", locate=function_at)
def invoke(call: Call, found: Found, tx: Transaction) -> Answer:
    """Run a function and answer with what it returned; with Event, take the event; with DryRun, run nothing."""
    kind = call.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        return {"StatusCode": 204}
    payload = _payload(call, ASYNC_BYTES if kind == "Event" else SYNC_BYTES)
    context = _client_context(call)
    functions = call.kernel.functions
    if refused := functions.offer().refused:
        raise errors.ServiceException(f"Functions cannot run here: {refused}.")
    if call.get("DurableExecutionName") or call.get("TenantId"):
        raise errors.invalid("Durable executions and tenants are not offered by Strongroom.")
    if kind == "Event":
        if not tx.writable:
            raise NeedsWrite
        queue_event(call, tx, found, payload, context)
        return {"StatusCode": 202}
    if found.function.reserved == 0:
        raise errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
    invocation = Invocation(found.version.pk, found.ref.arn, call.request_id, payload, context)
    label, tail = found.version.label, call.get("LogType") == "Tail"

    def afterwards() -> Answer:
        return run(functions, invocation, label, tail=tail)

    call.afterwards = afterwards
    return {}


def run(functions: Functions, invocation: Invocation, label: str, *, tail: bool) -> Answer:
    """Have the runner run it. In no transaction."""
    done = functions.invoke(invocation)
    if done.busy:
        raise errors.throttled(done.busy)
    if done.denied:
        raise Refusal(Kind.ACCESS_DENIED, errors.NOT_ASSUMABLE)
    if done.refused:
        raise errors.ServiceException(done.refused)
    answer = {"StatusCode": 200, "ExecutedVersion": label, "Payload": done.payload}
    if done.failed:
        answer["FunctionError"] = "Unhandled"
    if tail:
        answer["LogResult"] = base64.b64encode(done.tail.encode()[-TAIL_BYTES:]).decode("ascii")
    return answer


def _payload(call: Call, most: int) -> bytes:
    payload = bytes(call.get("Payload") or b"{}")
    if len(payload) > most:
        raise errors.RequestTooLargeException(
            f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        )
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        # AWS goes on with its parser's own words; ours has other ones.
        raise errors.InvalidRequestContentException(
            "Could not parse request body into json: Could not parse payload into json"
        ) from None
    return payload


def _client_context(call: Call) -> str | None:
    given: str | None = call.get("ClientContext")
    if given is None:
        return None
    try:
        found = orjson.loads(base64.b64decode(given, validate=True)) if len(given) <= CLIENT_CONTEXT_BYTES else None
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise errors.InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    # It goes on in a header: one line of ASCII.
    return json.dumps(found, separators=(",", ":"))
