"""How a request ends that came to no answer: what its client is told, what is recorded, what the log has of a bug."""

from __future__ import annotations

import logging
import traceback

from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.call import Call
from strongroom.kernel.flight import Flight
from strongroom.kernel.records import Records, undone

log = logging.getLogger("strongroom.chain")


def refuse(flight: Flight, error: BaseException, records: Records) -> HTTPReply:
    """The reply to a flight that ``error`` ended, which has its records as well. What is no refusal is a bug."""
    call = flight.call
    if isinstance(error, Answerable):
        refusal = error
    else:
        log_bug(call, error)
        refusal = Refusal(Kind.INTERNAL)
    flight.refusal = refusal
    flight.reply = wire.refuse(flight.route, refusal, call.request_id)
    # A service event that was rolled back has not happened; a call on behalf was made all the same.
    back = [undone(record) for record in call.records if record.event["eventType"] == "AwsApiCall"]
    try:
        record = records.of(call, flight.operation, flight.model, None, refusal, None)
    except Exception as unrecordable:  # noqa: BLE001  a refusal is recorded, if need be without its parameters
        log_bug(call, unrecordable)
        call.params = {}
        record = records.of(call, flight.operation, None, None, refusal, None)
    flight.records = [*back, record]
    return flight.reply


def log_bug(call: Call, error: BaseException) -> None:
    """The trace without the exception's own text, which may quote a value (drivers do)."""
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error(
        "internal error in %s:%s, request %s: %s\n%s",
        call.service,
        call.name,
        call.request_id,
        type(error).__name__,
        frames,
    )
