"""What is counted of a call when it is answered: its outcome, whose it was, whom somebody wants to be told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.flight import Flight
from strongroom.kernel.journal.written import WrittenRecord
from strongroom.kernel.metrics.alarms import Alarm, Alarms
from strongroom.kernel.metrics.outcomes import outcome_of
from strongroom.kernel.metrics.tally import ANSWERED, Tally
from strongroom.kernel.metrics.usage import Usage
from strongroom.kernel.traced import flown
from strongroom.server.alerts import PENDING_DELETION_READ
from strongroom.server.metering import Metering
from strongroom.server.traces import Traces

_DECRYPT = ("kms.amazonaws.com", "Decrypt")
_READS = ("GetSecretValue", "BatchGetSecretValue")


class Counting:
    """Who counts in one worker, each where it is on. Used in the event loop's thread alone."""

    __slots__ = ("_metering", "_tally", "_traces")

    def __init__(self, tally: Tally | None, traces: Traces | None, metering: Metering | None) -> None:
        self._tally = tally
        self._traces = traces
        self._metering = metering

    def count(self, flight: Flight) -> None:
        """Count a call that is answered now."""
        if self._tally is not None:
            operation, refusal = flight.operation, flight.refusal
            outcome = ANSWERED if refusal is None else outcome_of(refusal)
            self._tally.call(flight.route.service, None if operation is None else operation.name, outcome, flight.begun)
        if self._traces is not None:
            self._traces.tell(flown(flight))
        if self._metering is not None and flight.operation is not None:
            usage, remembered = self._metering.usage, flight.call.remembered
            # A remembered call is of one caller and resource, and all that it asks for is kms:Decrypt.
            if remembered is None or not usage.again(remembered, len(flight.records) - 1):
                self._meter(usage, flight)
            if flight.refusal is not None:
                _alarmed(self._metering.alarms, flight, flight.refusal)

    def _meter(self, usage: Usage, flight: Flight) -> None:
        """Count whose call it was, once its caller is proven; and the calls of KMS that it made on their behalf."""
        call = flight.call
        principal = call.credential.principal
        account = principal.account
        if not account or principal.kind is PrincipalKind.ANONYMOUS:
            return
        target = call.target
        # Who was refused has not read: the first read after that is the first one.
        answered = flight.refusal is None
        resource = target.arn if answered and target is not None and target.found is not None else ""
        records, decrypts = flight.records, 0
        if len(records) > 1:
            for record in records[:-1]:
                if type(record) is WrittenRecord:  # a remembered call's: kms:Decrypt, or a part of a batch
                    decrypts += record.operation == _DECRYPT
                    continue
                name = _kms_call(record.event)
                if name is not None:
                    usage.count(account, call.region, "kms", name, principal.entity_arn, "")
        usage.count(
            account,
            call.region,
            call.service,
            call.name,
            principal.entity_arn,
            resource,
            decrypts,
            # A batch's records are not all of calls to KMS: it is looked at each time. What kin has answered is seldom
            # met again, and would be held for nothing.
            asked=call.remembered if answered and not call.by_kin and decrypts == len(records) - 1 else None,
        )


def _alarmed(alarms: Alarms, flight: Flight, refusal: Answerable) -> None:
    """Note a refusal that somebody may want to be told of: a denial, a read of a secret that waits for its deletion."""
    call = flight.call
    if not call.account:
        return
    if isinstance(refusal, Refusal) and refusal.kind is Kind.ACCESS_DENIED:
        alarms.deny(call.account)
    elif call.name in _READS and refusal.message is not None and "marked for deletion" in refusal.message:
        about = "" if call.target is None else call.target.arn
        alarms.raise_(Alarm(PENDING_DELETION_READ, flight.records[-1].event, about), call.principal.entity_arn)


def _kms_call(event: Mapping[str, Any]) -> str | None:
    """The operation of KMS that a record tells of; None where it tells of anything else."""
    if event["eventSource"] != "kms.amazonaws.com" or event["eventType"] != "AwsApiCall":
        return None
    return str(event["eventName"])
