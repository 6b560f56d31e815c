"""Which Regions a secret may be copied to.

Source: facts secretsmanager section 10.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from strongroom.services.secretsmanager import errors

IN_PROGRESS, IN_SYNC, FAILED = "InProgress", "InSync", "Failed"
NAME_TAKEN = "Secret with this name already exists in this region"


def check_regions(wanted: Sequence[str], *, own: str, known: Collection[str]) -> None:
    """Raise InvalidParameterException for the primary's own Region, an unknown one, or one named twice."""
    if any(region == own or region not in known for region in wanted):
        raise errors.InvalidParameterException("Invalid replica region.")
    if len(set(wanted)) != len(wanted):
        raise errors.InvalidParameterException("You can't name a replica region more than once.")


def check_removal(wanted: Sequence[str], *, present: Collection[str]) -> None:
    """Raise InvalidParameterException for a Region that has no replica. Our choice of text."""
    for region in wanted:
        if region not in present:
            raise errors.InvalidParameterException(f"The secret has no replica in region {region}.")
