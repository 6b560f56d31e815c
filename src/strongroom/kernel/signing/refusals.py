"""The two ways in which a signature is refused, and the text of the one that says nothing more."""

from __future__ import annotations

from typing import NoReturn

from strongroom.base.refusals import Kind, Refusal

MISMATCH_TEXT = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


def incomplete(message: str) -> NoReturn:
    """Refuse a signature that cannot even be read."""
    raise Refusal(Kind.INCOMPLETE_SIGNATURE, message)


def mismatch(message: str = MISMATCH_TEXT, *, detail: str | None = None) -> NoReturn:
    """Refuse a signature that can be read and does not hold. ``detail`` is for our log alone."""
    raise Refusal(Kind.BAD_SIGNATURE, message, detail=detail)
