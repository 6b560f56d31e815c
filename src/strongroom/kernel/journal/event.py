"""One event as CloudTrail writes it: of a call, or of something that a service did by itself.

Source: CloudTrail User Guide, "CloudTrail record contents" (1.09, as measured in 2024), "Non-API events".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from strongroom.base.clock import EPOCH
from strongroom.kernel.journal.identity import Caller, user_identity
from strongroom.kernel.journal.redact import request_parameters, response_elements
from strongroom.kernel.model.shapes import OperationModel

VERSION = "1.09"
PRODUCT_TIME = "strongroom:productTime"
"""Carries the product's clock where it differs from the machine's. The journal sets it beside the event."""
MAX_NAME_CHARS = 128
MAX_TEXT_CHARS = 1024
"""Of userAgent, errorCode and errorMessage, as CloudTrail limits them (1 KB)."""


class Standing:
    """What the events of one caller's calls of one operation from one place have in common, made once and kept.

    A call on behalf (``invoked_by``) has that service for address and agent, and no TLS of its own.
    ``recipientAccountId`` is the caller's account, else the resource's.
    """

    __slots__ = ("_account", "_begin", "_end", "_middle", "_model", "_shown")

    def __init__(
        self,
        *,
        service: str,
        name: str,
        region: str,
        principal: Caller,
        access_key_id: str,
        invoked_by: str | None,
        source_ip: str,
        user_agent: str,
        host: str,
        tls_version: str | None,
        tls_cipher: str | None,
        read_only: bool,
        model: OperationModel | None,
        shown: tuple[str, ...],
    ) -> None:
        self._account = principal.account
        self._model = model
        self._shown = shown
        self._begin: dict[str, Any] = {
            "eventVersion": VERSION,
            "userIdentity": user_identity(principal, access_key_id, invoked_by),
            "eventTime": None,
            "eventSource": event_source(service),
            "eventName": name[:MAX_NAME_CHARS],
            "awsRegion": region[:MAX_NAME_CHARS],
            "sourceIPAddress": invoked_by or source_ip,
            "userAgent": invoked_by or user_agent[:MAX_TEXT_CHARS],
        }
        self._middle: dict[str, Any] = {
            "requestParameters": None,
            "responseElements": None,
            "requestID": None,
            "eventID": None,
            "readOnly": read_only,
        }
        self._end: dict[str, Any] = {
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": principal.account,
            "eventCategory": "Management",
        }
        if tls_version is not None and invoked_by is None:
            self._end["tlsDetails"] = {
                "tlsVersion": tls_version,
                "cipherSuite": tls_cipher,
                "clientProvidedHostHeader": host[:MAX_TEXT_CHARS],
            }
        if principal.from_console and invoked_by is None:
            self._end["sessionCredentialFromConsole"] = "true"

    def event(
        self,
        *,
        event_id: str,
        request_id: str,
        when: datetime,
        product_now: datetime,
        params: Mapping[str, Any],
        answer: Mapping[str, Any] | None,
        resource: tuple[str, str, str] | None,
        more: Mapping[str, Any] | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
        owner: str = "",
    ) -> dict[str, Any]:
        """The event of one call, granted or refused. ``when`` is the machine's clock.

        ``resource`` is (ARN, account, type). ``more`` becomes additionalEventData: names, never values.
        ``owner`` is the account of what was asked for, which counts where the
        caller has none: a service that calls by itself.
        """
        if resource is None:
            event = {**self._begin, **self._middle, **self._end}
        else:
            arn, account, kind = resource
            told = {"accountId": account, "type": kind, "ARN": arn}
            event = {**self._begin, **self._middle, "resources": [told], **self._end}
            if not self._account:
                event["recipientAccountId"] = account
        if not event["recipientAccountId"]:
            event["recipientAccountId"] = owner
        event["eventTime"] = second(when)
        event["requestParameters"] = request_parameters(params, self._model)
        if self._shown:
            event["responseElements"] = response_elements(answer, self._model, self._shown)
        if more:
            event["additionalEventData"] = dict(more)
        event["requestID"] = request_id
        event["eventID"] = event_id
        if product_now is not when and product_now != when:
            event[PRODUCT_TIME] = second(product_now)
        return event if error_code is None else _with_error(event, error_code, error_message)


def _with_error(event: dict[str, Any], code: str, message: str | None) -> dict[str, Any]:
    """The event with its error, where AWS writes it: behind userAgent."""
    error = {"errorCode": _RECORDED_CODES.get(code, code)[:MAX_TEXT_CHARS]}
    if message is not None:
        error["errorMessage"] = message[:MAX_TEXT_CHARS]
    told: dict[str, Any] = {}
    for key, value in event.items():
        told[key] = value
        if key == "userAgent":
            told |= error
    return told


def service_event(
    *,
    event_id: str,
    request_id: str,
    when: datetime,
    product_now: datetime,
    service: str,
    name: str,
    region: str,
    account: str,
    details: Mapping[str, Any],
    error_message: str | None = None,
) -> dict[str, Any]:
    """The event of something that a service did by itself. ``details`` name values and never hold them.

    KMS says that AWS did it, names the key as a resource, and tells the rest as serviceEventDetails.
    Source: facts, secretsmanager, section 14.2; kms, section 8.
    """
    source, internal = event_source(service), service == "kms"
    doer = "AWS Internal" if internal else source
    event: dict[str, Any] = {
        "eventVersion": VERSION,
        "userIdentity": {"accountId": account, "invokedBy": doer},
        "eventTime": second(when),
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": doer,
        "userAgent": doer,
    }
    if error_message is not None:
        event["errorMessage"] = error_message[:MAX_TEXT_CHARS]
    event |= {
        "requestParameters": None,
        "responseElements": None,
        **(_of_key(account, details) if internal else {"additionalEventData": dict(details)}),
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if product_now != when:
        event[PRODUCT_TIME] = second(product_now)
    return event


def _of_key(account: str, details: Mapping[str, Any]) -> dict[str, Any]:
    arn = str(details["keyId"])
    return {
        "serviceEventDetails": {**details, "keyId": arn.rpartition("/")[2]},
        "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": arn}],
    }


def sign_in_event(
    *,
    event_id: str,
    when: datetime,
    product_now: datetime,
    identity: Mapping[str, Any],
    account: str,
    region: str,
    source_ip: str,
    user_agent: str,
    login_to: str,
    mfa_used: bool,
    failure: str | None,
) -> dict[str, Any]:
    """The event of a sign-in at the console, or of an attempt. ``failure``: why, in AWS's words; None where it held.

    Source: CloudTrail User Guide, "AWS Management Console sign-in events".
    """
    event: dict[str, Any] = {
        "eventVersion": VERSION,
        "userIdentity": dict(identity),
        "eventTime": second(when),
        "eventSource": event_source("signin"),
        "eventName": "ConsoleLogin",
        "awsRegion": region,
        "sourceIPAddress": source_ip,
        "userAgent": user_agent[:MAX_TEXT_CHARS],
    }
    if failure is not None:
        event["errorMessage"] = failure
    event |= {
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Success" if failure is None else "Failure"},
        "additionalEventData": {
            "LoginTo": login_to[:MAX_TEXT_CHARS],
            "MobileVersion": "No",
            "MFAUsed": "Yes" if mfa_used else "No",
        },
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if product_now != when:
        event[PRODUCT_TIME] = second(product_now)
    return event


def switch_event(
    *,
    name: str,
    event_id: str,
    when: datetime,
    product_now: datetime,
    identity: Mapping[str, Any],
    account: str,
    region: str,
    source_ip: str,
    user_agent: str,
    switched_from: str,
) -> dict[str, Any]:
    """The event of somebody who begins (SwitchRole) or ends (ExitRole) to act as a role at the console.

    It is the role's, in the role's account. Source: CloudTrail User Guide, "AWS Management Console sign-in events".
    Our choice: ExitRole has the same members.
    """
    event: dict[str, Any] = {
        "eventVersion": VERSION,
        "userIdentity": dict(identity),
        "eventTime": second(when),
        "eventSource": event_source("signin"),
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": source_ip,
        "userAgent": user_agent[:MAX_TEXT_CHARS],
        "requestParameters": None,
        "responseElements": {name: "Success"},
        "additionalEventData": {"SwitchFrom": switched_from[:MAX_TEXT_CHARS]},
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if product_now != when:
        event[PRODUCT_TIME] = second(product_now)
    return event


@lru_cache(maxsize=256)
def event_source(service: str) -> str:
    """``kms.amazonaws.com``; our own operations come from ``strongroom``, which is no service of AWS's."""
    if service == "strongroom":
        return service
    return f"{_SOURCES.get(service, service)[:MAX_NAME_CHARS] or 'unknown'}.amazonaws.com"


_SOURCES = {"cloudwatch": "monitoring"}
"""Services that are called otherwise by their endpoint than by their model."""

_RECORDED_CODES = {"AccessDeniedException": "AccessDenied"}
"""CloudTrail spells this one code its own way; all others are the exception's. Source: measured records."""


def second(moment: datetime) -> str:
    """``2026-01-02T03:04:05Z``. The last one is kept: thousands of calls have the same second."""
    global _last  # noqa: PLW0603  one slot, replaced whole: a race makes a text twice and harms nothing
    kept = _last
    if kept[0] <= moment < kept[1]:
        return kept[2]
    whole = moment.replace(microsecond=0)
    text = whole.isoformat()[:19] + "Z"
    _last = (whole, whole + _SECOND, text)
    return text


_SECOND = timedelta(seconds=1)
_last: tuple[datetime, datetime, str] = (EPOCH, EPOCH + _SECOND, EPOCH.isoformat()[:19] + "Z")
"""A whole second, and how it is written."""
