"""For what and for when a signature was made: Region, service, terminator, date, and the clock window.

Source: observed on AWS's front layer: the scope's four texts are joined into one message in this order; the
window is 5 minutes either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from strongroom.kernel.signing.claim import TERMINATOR, Claim
from strongroom.kernel.signing.moment import moment_of
from strongroom.kernel.signing.refusals import incomplete, mismatch

CLOCK_WINDOW = timedelta(minutes=5)
GLOBAL_REGIONS: Mapping[str, frozenset[str]] = MappingProxyType({"iam": frozenset({"us-east-1"})})
"""Services with one endpoint for all Regions, and where they sign. Source: IAM endpoints and quotas."""


def check_scope(claim: Claim, *, service: str, regions: frozenset[str], now: datetime) -> None:
    """Refuse a claim that is not for this service, one of these Regions, and now (the machine's clock).

    A global service accepts only its own Region, whatever ``regions`` says. Raises BadSignature, AWS's text.
    """
    if (
        claim.service != service
        or claim.region not in GLOBAL_REGIONS.get(service, regions)
        or claim.terminator != TERMINATOR
        or claim.amz_date[:8] != claim.date
    ):
        mismatch(_scope_text(claim, service, GLOBAL_REGIONS.get(service, regions)))
    signed_at = moment_of(claim.amz_date)
    if signed_at is None:
        incomplete(bad_date_text(claim.amz_date))
    window = CLOCK_WINDOW if claim.expires_s is None else timedelta(seconds=claim.expires_s)
    if now - signed_at > window:
        mismatch(
            f"Signature expired: {claim.amz_date} is now earlier than {_basic(now - window)} "
            f"({_basic(now)} - {_length(window)})"
        )
    if signed_at - now > CLOCK_WINDOW:
        mismatch(
            f"Signature not yet current: {claim.amz_date} is still later than {_basic(now + CLOCK_WINDOW)} "
            f"({_basic(now)} + {_length(CLOCK_WINDOW)})"
        )


def bad_date_text(date: str) -> str:
    """What AWS says to a date that is not in ISO 8601's basic format. Source: long-standing AWS text."""
    return f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"


def read_date(date: str) -> str:
    """The date itself where it is well formed. Raises IncompleteSignature."""
    if moment_of(date) is None:
        incomplete(bad_date_text(date))
    return date


def _scope_text(claim: Claim, service: str, regions: frozenset[str]) -> str:
    """All that is wrong with a scope, in one text; the trailing spaces are AWS's."""
    wrong = []
    if claim.region not in regions:
        wrong.append(f"Credential should be scoped to a valid region, not '{claim.region}'. ")
    if claim.service != service:
        wrong.append(f"Credential should be scoped to correct service: '{service}'. ")
    if claim.terminator != TERMINATOR:
        wrong.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{claim.terminator}'. ")
    if claim.amz_date[:8] != claim.date:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{claim.amz_date[:8]}', from '{claim.amz_date}'."
        )
    return "".join(wrong)


def _basic(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _length(window: timedelta) -> str:
    """``5 min.``, as AWS prints it. Our choice: seconds where a window is not whole minutes."""
    minutes, seconds = divmod(int(window.total_seconds()), 60)
    return f"{int(window.total_seconds())} sec." if seconds else f"{minutes} min."
