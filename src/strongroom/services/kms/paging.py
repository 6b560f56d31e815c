"""Pages: Limit and Marker in, NextMarker and Truncated out.

A marker is the last name of a page, sealed for the caller's account, the Region, the operation and what is
listed, so that it can neither be made up nor used elsewhere.
Source: KMS API reference, ListKeys, Limit and Marker.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from strongroom.kernel.call import Call
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.services.kms import errors

_PURPOSE = "page-token"


class Page:
    """What one request wants of a list. ``after`` is the last name already given, "" at the beginning.

    The model and the overlay bound the limit. Raises InvalidMarkerException for a marker of another list.
    """

    def __init__(self, call: Call, *, usual: int, of: str = "") -> None:
        self.limit: int = call.get("Limit") or usual
        self._keyring = call.kernel.keyring.tokens
        self._bound = f"kms {call.name} {call.account} {call.region} {of}".encode()
        marker = call.get("Marker")
        self.after = "" if marker is None else self._opened(marker)

    def rest(self, names: Sequence[str]) -> dict[str, Any]:
        """The closing members of an answer, from the names found: one more than fits, if there is more."""
        if len(names) <= self.limit:
            return {"Truncated": False}
        sealed = self._keyring.seal(_PURPOSE, names[self.limit - 1].encode(), self._bound)
        return {"Truncated": True, "NextMarker": base64.b64encode(sealed).decode("ascii")}

    def _opened(self, marker: str) -> str:
        try:
            return self._keyring.open(_PURPOSE, base64.b64decode(marker, validate=True), self._bound).decode()
        except (SealBroken, binascii.Error, ValueError):
            raise errors.InvalidMarkerException("The marker is not one of this list.") from None
